//! What a program on a simulated machine gets from it.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use p2p_world::{Connection, Datagrams, File, Listener, Pending, Task, World};

use super::{Running, file::SimFile};
use crate::{
    host_id::HostId,
    net::{
        datagrams::{Mailbox, SimDatagrams},
        listener::{Backlog, SimListener},
        wire::Wire,
    },
};

/// A simulated machine, from its start until it stops.
#[derive(Debug, Clone)]
pub(crate) struct HostWorld {
    wire: Wire,
    host: HostId,
    running: Running,
}

impl HostWorld {
    /// The machine as it runs now.
    pub(crate) fn new(wire: Wire, host: HostId) -> Self {
        let running = wire.state().hosts.host(host).tasks.running();
        Self { wire, host, running }
    }

    /// Fails once the machine has stopped.
    fn check(&self) -> io::Result<()> {
        if self.running.has_ended() { Err(ErrorKind::NetworkDown.into()) } else { Ok(()) }
    }

    /// The address to use, of this machine. Port 0 becomes a free one.
    fn own_addr(&self, addr: SocketAddr) -> io::Result<SocketAddr> {
        self.check()?;
        let mut state = self.wire.state();
        let host = state.hosts.host_mut(self.host);
        if !addr.ip().is_unspecified() && addr.ip() != host.ip {
            return Err(ErrorKind::AddrNotAvailable.into());
        }
        let port = if addr.port() == 0 { host.free_addr().port() } else { addr.port() };
        Ok(SocketAddr::new(addr.ip(), port))
    }
}

/// Adds a socket, unless another one has the port.
fn occupy<T>(
    sockets: &mut BTreeMap<u16, T>,
    port: u16,
    new: T,
    is_closed: impl Fn(&T) -> bool,
) -> io::Result<()> {
    if sockets.get(&port).is_some_and(|present| !is_closed(present)) {
        return Err(ErrorKind::AddrInUse.into());
    }
    sockets.insert(port, new);
    Ok(())
}

impl World for HostWorld {
    fn unix_time(&self) -> SystemTime {
        let elapsed = self.wire.elapsed();
        self.wire.state().hosts.host(self.host).clock.read(elapsed)
    }

    fn spawn(&self, task: Task) {
        if self.running.has_ended() {
            return;
        }
        let task = self.wire.spawn(task);
        self.wire.state().hosts.host_mut(self.host).tasks.add(task);
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> Task {
        // It takes no virtual time.
        work();
        Box::pin(std::future::ready(()))
    }

    fn resolve(&self, host: &str, port: u16) -> Pending<'static, Vec<SocketAddr>> {
        let named = || {
            let state = self.wire.state();
            state.hosts.named(host).map(|id| state.hosts.host(id).ip)
        };
        let ip = host.parse::<IpAddr>().ok().or_else(named);
        let addr = ip.map(|ip| vec![SocketAddr::new(ip, port)]);
        Box::pin(std::future::ready(addr.ok_or_else(|| ErrorKind::NotFound.into())))
    }

    fn connect(&self, addr: SocketAddr) -> Pending<'static, Box<dyn Connection>> {
        let dialed = self.check().map(|()| self.wire.dial(self.host, addr));
        Box::pin(async move {
            let stream = dialed?.await.map_err(|_| ErrorKind::NetworkDown)??;
            Ok(Box::new(stream) as Box<dyn Connection>)
        })
    }

    fn listen(&self, addr: SocketAddr, _: bool) -> io::Result<Box<dyn Listener>> {
        let addr = self.own_addr(addr)?;
        let backlog = Backlog::default();
        let mut state = self.wire.state();
        let listeners = &mut state.hosts.host_mut(self.host).listeners;
        occupy(listeners, addr.port(), backlog.clone(), Backlog::is_closed)?;
        Ok(Box::new(SimListener::new(addr, backlog)))
    }

    fn bind(&self, addr: SocketAddr) -> io::Result<Arc<dyn Datagrams>> {
        let addr = self.own_addr(addr)?;
        let mailbox = Mailbox::default();
        let mut state = self.wire.state();
        let sockets = &mut state.hosts.host_mut(self.host).sockets;
        occupy(sockets, addr.port(), mailbox.clone(), Mailbox::is_closed)?;
        Ok(Arc::new(SimDatagrams::new(self.wire.clone(), self.host, addr, mailbox)))
    }

    fn open_file(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.check()?;
        self.wire.state().hosts.host_mut(self.host).disk.lock(path)?;
        let (wire, running) = (self.wire.clone(), self.running.clone());
        Ok(Box::new(SimFile::new(wire, self.host, path.to_owned(), running)))
    }

    fn exists(&self, path: &Path) -> bool {
        self.wire.state().hosts.host(self.host).disk.exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        self.wire.state().hosts.host_mut(self.host).disk.rename(from, to)
    }
}
