//! Connecting and accepting.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use p2p_world::{Connection, Listener};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    host_id::HostId,
    net::{
        pipe::{Ends, Pipe},
        stream::SimStream,
        wire::{Wire, WireEvent},
    },
    trace::TraceEvent,
};

/// Maximum number of connections that wait to be accepted.
const BACKLOG: usize = 1024;

/// How often a request for a connection is sent again over a blocked line. The pause doubles each time from one second, as
/// in Linux.
const MAX_ATTEMPTS: u32 = 6;

/// A request for a connection, on its way.
#[derive(Debug)]
pub(crate) struct Dialing {
    wire: Wire,
    from: SocketAddr,
    to: SocketAddr,
    hosts: Ends,
    attempts: u32,
    answer: oneshot::Sender<io::Result<SimStream>>,
    /// Both directions, the one to the listener first.
    outcome: Option<io::Result<[Pipe; 2]>>,
}

impl Dialing {
    /// Passes the outcome to the one who waits for it. A connection for which no one waits is dropped.
    pub(crate) fn finish(self) {
        let Some(outcome) = self.outcome else { return };
        let addrs = [self.from, self.to];
        let stream = |[there, back]: [Pipe; 2]| SimStream::new(self.wire, addrs, there, back);
        let _ = self.answer.send(outcome.map(stream));
    }
}

/// The connections that wait to be accepted at one address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backlog(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    streams: VecDeque<(SimStream, SocketAddr)>,
    acceptor: Option<Waker>,
    closed: bool,
}

impl Backlog {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses the connection if there is no room, or no one listens any more.
    fn offer(&self, stream: SimStream, from: SocketAddr) -> bool {
        let mut waiting = self.waiting();
        if waiting.closed || waiting.streams.len() >= BACKLOG {
            return false;
        }
        waiting.streams.push_back((stream, from));
        let acceptor = waiting.acceptor.take();
        drop(waiting);
        acceptor.into_iter().for_each(Waker::wake);
        true
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.waiting().closed
    }
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct SimListener {
    addr: SocketAddr,
    backlog: Backlog,
}

impl SimListener {
    pub(crate) fn new(addr: SocketAddr, backlog: Backlog) -> Self {
        Self { addr, backlog }
    }
}

impl Listener for SimListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Box<dyn Connection>, SocketAddr)>> {
        let mut waiting = self.backlog.waiting();
        match waiting.streams.pop_front() {
            Some((stream, from)) => Poll::Ready(Ok((Box::new(stream), from))),
            None => {
                waiting.acceptor = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let mut waiting = self.backlog.waiting();
        waiting.closed = true;
        // Dropped outside the lock: a stream tells its other end.
        let refused = std::mem::take(&mut waiting.streams);
        drop(waiting);
        drop(refused);
    }
}

impl Wire {
    /// Sends a request for a connection. The answer comes through the receiver.
    pub(crate) fn dial(
        &self,
        from: HostId,
        to: SocketAddr,
    ) -> oneshot::Receiver<io::Result<SimStream>> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state();
        let local = state.hosts.host_mut(from).free_addr();
        let Some(host) = state.hosts.at(to.ip()) else {
            let _ = answer.send(Err(ErrorKind::HostUnreachable.into()));
            return answered;
        };
        let hosts = Ends { from, to: host };
        let wire = self.clone();
        let dialing = Dialing { wire, from: local, to, hosts, attempts: 0, answer, outcome: None };
        let at = Instant::now() + state.latency(from, host);
        self.add(&mut state, host, at, WireEvent::Dial(Box::new(dialing)));
        answered
    }

    /// A request for a connection arrives at its host.
    pub(crate) fn receive_dial(&self, now: Instant, mut dialing: Box<Dialing>) {
        let Ends { from, to } = dialing.hosts;
        let mut state = self.state();
        let lost = state.is_blocked(from, to) || state.is_blocked(to, from);
        let target = state.hosts.host_mut(to);
        let has_moved = target.ip != dialing.to.ip();
        let silent = lost || !target.up || has_moved || target.behind_nat;
        if silent && dialing.attempts < MAX_ATTEMPTS {
            let pause = Duration::from_secs(1 << dialing.attempts);
            dialing.attempts += 1;
            return self.add(&mut state, to, now + pause, WireEvent::Dial(dialing));
        }
        let backlog = target.listeners.get(&dialing.to.port()).cloned();
        let latency = state.latency(to, from);
        if silent {
            dialing.outcome = Some(Err(ErrorKind::TimedOut.into()));
            return self.add(&mut state, from, now, WireEvent::Dialed(dialing));
        }
        let (there, back) = (self.pipe(dialing.hosts), self.pipe(Ends { from: to, to: from }));
        let (near, far) = (dialing.from, dialing.to);
        drop(state);
        let outcome = match backlog {
            Some(backlog) => {
                let accepted =
                    SimStream::new(self.clone(), [far, near], back.clone(), there.clone());
                if backlog.offer(accepted, near) {
                    let at = now.duration_since(self.state().start);
                    self.state().trace.add(at, &TraceEvent::Connected { from: near, to: far });
                    Ok([there, back])
                } else {
                    Err(ErrorKind::ConnectionRefused.into())
                }
            }
            None => Err(ErrorKind::ConnectionRefused.into()),
        };
        dialing.outcome = Some(outcome);
        let mut state = self.state();
        self.add(&mut state, from, now + latency, WireEvent::Dialed(dialing));
    }
}
