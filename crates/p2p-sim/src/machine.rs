//! A machine without a network, whose power fails during a chosen operation of its disk.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use p2p_world::{Connection, Datagrams, File, Listener, Pending, Task, World};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use crate::host::{Disk, HostTasks, Running};

/// When the clock of a machine begins, in seconds since 1970.
const START: u64 = 1_700_000_000;

/// A machine without a network: its clock, its tasks and its disk. Clones are the same machine.
///
/// For tests of what is left on a disk when the power fails. What was written since the last sync is then lost, or written in
/// part, in any order.
///
/// ```
/// # use std::path::Path;
/// use p2p_sim::Machine;
///
/// # fn test() -> std::io::Result<()> {
/// let machine = Machine::new(7);
/// machine.fail_at(3);
/// let file = machine.world().open_file(Path::new("file"))?;
/// file.write(0, b"synced")?;
/// file.sync()?;
/// assert!(file.write(0, b"lost??").is_err());
/// machine.restart();
/// let file = machine.world().open_file(Path::new("file"))?;
/// assert_eq!(file.len()?, 6);
/// # Ok(())
/// # }
/// # test().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Machine(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    disk: Disk,
    tasks: HostTasks,
    rng: ChaCha8Rng,
    /// The virtual time at the start; set when the clock is read first.
    start: Option<Instant>,
}

impl Machine {
    /// A machine that runs, with an empty disk. The seed chooses what is lost.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let state = State { disk: Disk::default(), tasks: HostTasks::default(), rng, start: None };
        Self(Arc::new(Mutex::new(state)))
    }

    /// What programs get from the machine, until it is restarted.
    #[must_use]
    pub fn world(&self) -> Arc<dyn World> {
        let running = self.state().tasks.running();
        Arc::new(MachineWorld { machine: self.clone(), running })
    }

    /// Lets the power fail during an operation that changes the disk: a write, a change of a length, a sync or a rename. The next
    /// one is number 1. That one and all after it fail, and so does each read.
    pub fn fail_at(&self, operation: u64) {
        self.state().disk.fail_at(operation);
    }

    /// Whether the power has failed since the last start.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().disk.is_off()
    }

    /// Switches the power off, if it has not failed, and on again. All tasks of the machine end.
    pub fn restart(&self) {
        let mut state = self.state();
        let State { disk, tasks, rng, .. } = &mut *state;
        disk.fail(rng);
        let ended = tasks.end();
        drop(state);
        ended.abort();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A machine from its start until it is restarted.
#[derive(Debug)]
struct MachineWorld {
    machine: Machine,
    running: Running,
}

impl MachineWorld {
    fn check(&self) -> io::Result<()> {
        if self.running.has_ended() { Err(ErrorKind::NotConnected.into()) } else { Ok(()) }
    }
}

impl World for MachineWorld {
    fn unix_time(&self) -> SystemTime {
        let now = Instant::now();
        let elapsed = now - *self.machine.state().start.get_or_insert(now);
        SystemTime::UNIX_EPOCH + Duration::from_secs(START) + elapsed
    }

    fn spawn(&self, task: Task) {
        if !self.running.has_ended() {
            let task = tokio::spawn(task).abort_handle();
            self.machine.state().tasks.add(task);
        }
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> Task {
        // It takes no virtual time.
        work();
        Box::pin(std::future::ready(()))
    }

    fn resolve(&self, _: &str, _: u16) -> Pending<'static, Vec<SocketAddr>> {
        Box::pin(std::future::ready(Err(ErrorKind::NetworkDown.into())))
    }

    fn connect(&self, _: SocketAddr) -> Pending<'static, Box<dyn Connection>> {
        Box::pin(std::future::ready(Err(ErrorKind::NetworkDown.into())))
    }

    fn listen(&self, _: SocketAddr, _: bool) -> io::Result<Box<dyn Listener>> {
        Err(ErrorKind::NetworkDown.into())
    }

    fn bind(&self, _: SocketAddr) -> io::Result<Arc<dyn Datagrams>> {
        Err(ErrorKind::NetworkDown.into())
    }

    fn open_file(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.check()?;
        self.machine.state().disk.lock(path)?;
        let (machine, running) = (self.machine.clone(), self.running.clone());
        Ok(Box::new(MachineFile { machine, running, path: path.to_owned() }))
    }

    fn exists(&self, path: &Path) -> bool {
        self.machine.state().disk.exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        self.machine.state().disk.rename(from, to)
    }
}

/// An open file. After its machine was restarted it can no longer be used.
#[derive(Debug)]
struct MachineFile {
    machine: Machine,
    running: Running,
    path: PathBuf,
}

impl MachineFile {
    fn disk<T>(&self, work: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        if self.running.has_ended() {
            return Err(ErrorKind::NotConnected.into());
        }
        work(&mut self.machine.state().disk)
    }
}

impl File for MachineFile {
    fn len(&self) -> io::Result<u64> {
        self.disk(|disk| Ok(disk.file(&self.path)?.len()))
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.disk(|disk| disk.file(&self.path)?.read(offset, buffer))
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk(|disk| disk.write(&self.path, offset, bytes))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk(|disk| disk.set_len(&self.path, len))
    }

    fn sync(&self) -> io::Result<()> {
        self.disk(|disk| disk.sync(&self.path))
    }
}

impl Drop for MachineFile {
    fn drop(&mut self) {
        if !self.running.has_ended() {
            self.machine.state().disk.unlock(&self.path);
        }
    }
}
