//! The task: moves datagrams, time and wishes into the machine, and what comes out of it to where it
//! belongs.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant, SystemTime},
};

use p2p_identity::{Content, NodeId, Record};
use tokio::{
    net::UdpSocket,
    sync::{broadcast, mpsc, oneshot, watch},
    time,
};

use super::{RequestError, SocketStats};
use crate::{Discovery, Event, LookupId, LookupOutcome, Node, Stats, v4::MAX_DATAGRAM};

/// Datagrams read before time and wishes have their turn again.
const AT_ONCE: usize = 32;

/// The pause after the system refused to read: it must not become a loop.
const PAUSE: Duration = Duration::from_millis(20);

type Done<T> = oneshot::Sender<Result<T, RequestError>>;
type Change = Box<dyn FnOnce(Content) -> Content + Send>;

/// A wish, and where its outcome goes.
pub(super) enum Ask {
    BootNode(Node, Done<()>),
    Seed(Node, Done<()>),
    Ping(Node, Done<Duration>),
    Record(Node, Done<Record>),
    /// `None` for a random target.
    Lookup(Option<NodeId>, Done<LookupOutcome>),
    Update(Change, Done<()>),
    FollowIpv4(bool, Done<()>),
    Nodes(oneshot::Sender<Vec<Node>>),
}

/// Who waits for the outcome of what.
#[derive(Default)]
struct Waiting {
    lookups: HashMap<LookupId, Done<LookupOutcome>>,
    pings: HashMap<NodeId, Vec<Done<Duration>>>,
    records: HashMap<NodeId, Vec<Done<Record>>>,
}

pub(super) struct Driver {
    machine: Discovery,
    socket: UdpSocket,
    /// Whether IPv4 addresses must be written as IPv6, for a socket of both.
    maps: bool,
    asked: mpsc::Receiver<Ask>,
    waiting: Waiting,
    events: broadcast::Sender<Event>,
    told: Told,
    stats: SocketStats,
}

/// What handles can look at without asking.
pub(super) struct Told {
    pub(super) record: watch::Sender<Record>,
    pub(super) stats: watch::Sender<(Stats, SocketStats)>,
}

impl Driver {
    pub(super) fn new(
        machine: Discovery,
        socket: UdpSocket,
        asked: mpsc::Receiver<Ask>,
        events: broadcast::Sender<Event>,
        told: Told,
    ) -> Self {
        let maps = socket.local_addr().is_ok_and(|addr| addr.is_ipv6());
        let (waiting, stats) = (Waiting::default(), SocketStats::default());
        Self { machine, socket, maps, asked, waiting, events, told, stats }
    }

    /// Until nobody has a handle any more.
    pub(super) async fn run(mut self) {
        // One byte more, so that a datagram that is too long is seen to be.
        let mut buffer = [0; MAX_DATAGRAM + 1];
        loop {
            self.deliver().await;
            // A few hundred bytes, against the system's work for a datagram.
            self.told.stats.send_replace((self.machine.stats().clone(), self.stats));
            let timeout = self.machine.poll_timeout();
            tokio::select! {
                wish = self.asked.recv() => match wish {
                    Some(wish) => self.handle_wish(wish),
                    None => return,
                },
                read = self.socket.recv_from(&mut buffer) => {
                    self.handle_read(&mut buffer, read).await;
                }
                () = until(timeout) => self.machine.handle_timeout(now(), unix()),
            }
        }
    }

    /// Takes a datagram, and those that came with it.
    async fn handle_read(&mut self, buffer: &mut [u8], read: io::Result<(usize, SocketAddr)>) {
        let mut read = read;
        for _ in 0..AT_ONCE {
            match read {
                Ok((len, from)) => {
                    let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                    self.machine.handle_datagram(now(), unix(), from, &buffer[..len]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // What a datagram of ours met on its way, on some systems.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    self.stats.receive_errors += 1;
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot read from the discovery socket");
                    self.stats.receive_errors += 1;
                    time::sleep(PAUSE).await;
                    return;
                }
            }
            read = self.socket.try_recv_from(buffer);
        }
    }

    fn handle_wish(&mut self, wish: Ask) {
        let (now, unix) = (now(), unix());
        match wish {
            Ask::BootNode(node, done) => {
                tell(done, self.machine.add_boot_node(now, unix, node).map_err(RequestError::Busy));
            }
            Ask::Seed(node, done) => {
                tell(done, self.machine.add_seed(now, unix, node).map_err(RequestError::Busy));
            }
            Ask::Ping(node, done) => {
                let id = node.id;
                match self.machine.ping(now, unix, node) {
                    Ok(()) => self.waiting.pings.entry(id).or_default().push(done),
                    Err(busy) => tell(done, Err(busy.into())),
                }
            }
            Ask::Record(node, done) => {
                let id = node.id;
                match self.machine.request_record(now, unix, node) {
                    Ok(()) => self.waiting.records.entry(id).or_default().push(done),
                    Err(busy) => tell(done, Err(busy.into())),
                }
            }
            Ask::Lookup(target, done) => {
                let begun = match target {
                    Some(target) => self.machine.lookup(now, unix, target),
                    None => self.machine.lookup_random(now, unix),
                };
                match begun {
                    Ok(id) => drop(self.waiting.lookups.insert(id, done)),
                    Err(busy) => tell(done, Err(busy.into())),
                }
            }
            Ask::Update(change, done) => {
                tell(done, self.machine.update_record(change).map_err(RequestError::Record));
            }
            Ask::FollowIpv4(follow, done) => {
                self.machine.follow_ipv4(follow);
                tell(done, Ok(()));
            }
            // An error only says that nobody waits any more.
            Ask::Nodes(done) => drop(done.send(self.machine.nodes().cloned().collect())),
        }
    }

    /// Sends and tells all that the machine has.
    async fn deliver(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            self.handle_event(event);
        }
        while let Some((to, datagram)) = self.machine.poll_transmit() {
            let to = SocketAddr::new(self.written(to.ip()), to.port());
            if let Err(error) = self.socket.send_to(&datagram, to).await {
                tracing::trace!(%to, %error, "a discovery packet could not be sent");
                self.stats.send_errors += 1;
            }
        }
    }

    fn written(&self, ip: IpAddr) -> IpAddr {
        match ip {
            IpAddr::V4(ip) if self.maps => ip.to_ipv6_mapped().into(),
            ip => ip,
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::LookupFinished(id, ref outcome) => {
                if let Some(done) = self.waiting.lookups.remove(&id) {
                    tell(done, Ok(outcome.clone()));
                }
            }
            Event::PingFinished(id, answer) => {
                for done in self.waiting.pings.remove(&id).into_iter().flatten() {
                    tell(done, answer.map_err(RequestError::NoAnswer));
                }
            }
            Event::RecordFinished(id, ref answer) => {
                for done in self.waiting.records.remove(&id).into_iter().flatten() {
                    tell(done, answer.clone().map_err(RequestError::NoAnswer));
                }
            }
            Event::RecordChanged(ref record) => {
                self.told.record.send_replace(record.clone());
            }
            Event::ClockOffset(drift) => {
                tracing::warn!(?drift, "the clocks of this machine and of other nodes differ");
            }
            _ => {}
        }
        // An error only says that nobody listens.
        let _ = self.events.send(event);
    }
}

/// Tells who waits, if anybody still does.
fn tell<T>(done: Done<T>, outcome: Result<T, RequestError>) {
    let _ = done.send(outcome);
}

/// The clock of the runtime, which a test can stop.
fn now() -> Instant {
    time::Instant::now().into_std()
}

/// Seconds since 1970.
fn unix() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

async fn until(timeout: Option<Instant>) {
    match timeout {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
