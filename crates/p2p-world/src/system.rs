//! The machine of the operating system.

mod file;
mod socket;

use std::{fs, io, net::SocketAddr, path::Path, sync::Arc, time::SystemTime};

use tokio::{
    net::{TcpStream, lookup_host},
    task,
};

use crate::{Connection, Datagrams, File, Listener, Pending, Task, World};
use file::LockedFile;

/// The machine that the program runs on. Its tasks and sockets belong to the Tokio runtime of the caller.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemWorld;

impl SystemWorld {
    /// For what takes any world.
    #[must_use]
    pub fn shared() -> Arc<dyn World> {
        Arc::new(Self)
    }
}

impl World for SystemWorld {
    fn unix_time(&self) -> SystemTime {
        SystemTime::now()
    }

    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> Task {
        let running = task::spawn_blocking(work);
        Box::pin(async move {
            if let Err(error) = running.await
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        })
    }

    fn resolve(&self, host: &str, port: u16) -> Pending<'static, Vec<SocketAddr>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(lookup_host((host.as_str(), port)).await?.collect()) })
    }

    fn connect(&self, addr: SocketAddr) -> Pending<'static, Box<dyn Connection>> {
        Box::pin(async move {
            let stream = TcpStream::connect(addr).await?;
            Ok(Box::new(stream) as Box<dyn Connection>)
        })
    }

    fn listen(&self, addr: SocketAddr, only_v6: bool) -> io::Result<Box<dyn Listener>> {
        Ok(Box::new(socket::listen(addr, only_v6)?))
    }

    fn bind(&self, addr: SocketAddr) -> io::Result<Arc<dyn Datagrams>> {
        Ok(Arc::new(socket::bind(addr)?))
    }

    fn open_file(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(LockedFile::open(path)?))
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        file::sync_folder(to)
    }
}

#[cfg(test)]
mod tests;
