//! A machine with another clock.

use std::{fmt, io, net::SocketAddr, path::Path, sync::Arc, time::SystemTime};

use crate::{Connection, Datagrams, File, Listener, Pending, Task, World};

/// A machine with another UNIX clock than its own: for tests of what happens when a clock is wrong, is set, or stands still.
///
/// ```
/// use std::time::SystemTime;
/// use p2p_world::{ClockedWorld, SystemWorld};
///
/// let world = ClockedWorld::shared(SystemWorld::shared(), || SystemTime::UNIX_EPOCH);
/// assert_eq!(world.unix_time(), SystemTime::UNIX_EPOCH);
/// ```
pub struct ClockedWorld {
    world: Arc<dyn World>,
    now: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

impl ClockedWorld {
    /// The machine `world` with a clock that calls `now` each time it is read.
    pub fn shared(
        world: Arc<dyn World>,
        now: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Arc<dyn World> {
        Arc::new(Self { world, now: Box::new(now) })
    }
}

impl fmt::Debug for ClockedWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockedWorld").field("world", &self.world).finish_non_exhaustive()
    }
}

impl World for ClockedWorld {
    fn unix_time(&self) -> SystemTime {
        (self.now)()
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
        self.world.open_file(path)
    }

    fn exists(&self, path: &Path) -> bool {
        self.world.exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.world.rename(from, to)
    }
}
