//! A machine whose disk can be full.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::SystemTime,
};

use p2p_world::{Connection, Datagrams, File, Listener, Pending, SystemWorld, Task, World};

/// This machine, but nothing can be written while its disk is full.
#[derive(Debug)]
pub(super) struct FullDisk {
    world: Arc<dyn World>,
    full: Arc<AtomicBool>,
}

impl FullDisk {
    /// The machine, and the switch that makes its disk full.
    pub(super) fn shared() -> (Arc<dyn World>, Arc<AtomicBool>) {
        let full = Arc::<AtomicBool>::default();
        (Arc::new(Self { world: SystemWorld::shared(), full: Arc::clone(&full) }), full)
    }
}

impl World for FullDisk {
    fn unix_time(&self) -> SystemTime {
        self.world.unix_time()
    }

    fn spawn(&self, task: Task) {
        self.world.spawn(task);
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> Task {
        self.world.run_blocking(work)
    }

    fn resolve(&self, host: &str, port: u16) -> Pending<'static, Vec<SocketAddr>> {
        self.world.resolve(host, port)
    }

    fn connect(&self, addr: SocketAddr) -> Pending<'static, Box<dyn Connection>> {
        self.world.connect(addr)
    }

    fn listen(&self, addr: SocketAddr, only_v6: bool) -> io::Result<Box<dyn Listener>> {
        self.world.listen(addr, only_v6)
    }

    fn bind(&self, addr: SocketAddr) -> io::Result<Arc<dyn Datagrams>> {
        self.world.bind(addr)
    }

    fn open_file(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let (file, full) = (self.world.open_file(path)?, Arc::clone(&self.full));
        Ok(Box::new(FullFile { file, full }))
    }

    fn exists(&self, path: &Path) -> bool {
        self.world.exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.world.rename(from, to)
    }
}

#[derive(Debug)]
struct FullFile {
    file: Box<dyn File>,
    full: Arc<AtomicBool>,
}

impl FullFile {
    fn room(&self) -> io::Result<()> {
        if self.full.load(Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl File for FullFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, buffer)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.room()?;
        self.file.write(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.room()?;
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.room()?;
        self.file.sync()
    }
}
