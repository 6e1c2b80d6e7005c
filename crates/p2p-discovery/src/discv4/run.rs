//! The task of discv4: passes datagrams, time and commands to the machine, and its output on.

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};

use futures_util::FutureExt as _;
use p2p_identity::{Content, NodeId, Record};
use p2p_world::HashMap;
use p2p_world::{Datagrams, World};
use tokio::{
    io::ReadBuf,
    sync::{broadcast, mpsc, oneshot, watch},
    time,
};

use super::{RequestError, SocketStats};
use crate::discovery::Discovery;
use crate::event::{BootNodeReason, ClockOffset, ClockWitness, Event, LookupId, LookupOutcome};
use crate::node::Node;
use crate::stats::Stats;
use crate::v4::MAX_DATAGRAM;

/// Maximum number of datagrams read in a row, before timers and commands are handled.
const MAX_READS: usize = 32;

/// The pause after a failed read, so that a persistent error does not become a busy loop.
const READ_RETRY_DELAY: Duration = Duration::from_millis(20);

type ResultSender<T> = oneshot::Sender<Result<T, RequestError>>;
type RecordChange = Box<dyn FnOnce(Content) -> Content + Send>;

/// A command of a handle, with the sender for its result.
pub(super) enum Command {
    BootNode(Node, ResultSender<()>),
    ClockWitness(Node, ResultSender<()>),
    Seed(Node, ResultSender<()>),
    Ping(Node, ResultSender<Duration>),
    Record(Node, ResultSender<Record>),
    /// `None` for a random target.
    Lookup(Option<NodeId>, ResultSender<LookupOutcome>),
    Update(RecordChange, ResultSender<()>),
    FollowIpv4(bool, ResultSender<()>),
    Nodes(oneshot::Sender<Vec<Node>>),
}

/// The senders for the results of requests in progress.
#[derive(Default)]
struct PendingResults {
    lookups: HashMap<LookupId, ResultSender<LookupOutcome>>,
    pings: HashMap<NodeId, Vec<ResultSender<Duration>>>,
    records: HashMap<NodeId, Vec<ResultSender<Record>>>,
}

pub(super) struct Driver {
    machine: Discovery,
    world: Arc<dyn World>,
    socket: Arc<dyn Datagrams>,
    /// Whether the socket takes IPv4 addresses in IPv6 form.
    maps_ipv4: bool,
    commands: mpsc::Receiver<Command>,
    pending: PendingResults,
    events: broadcast::Sender<Event>,
    published: Published,
    stats: SocketStats,
}

/// The values that handles read without a command.
pub(super) struct Published {
    pub(super) record: watch::Sender<Record>,
    pub(super) stats: watch::Sender<(Stats, SocketStats)>,
    pub(super) clock: watch::Sender<Option<(ClockOffset, ClockWitness)>>,
}

impl Driver {
    pub(super) fn new(
        machine: Discovery,
        world: Arc<dyn World>,
        socket: Arc<dyn Datagrams>,
        commands: mpsc::Receiver<Command>,
        events: broadcast::Sender<Event>,
        published: Published,
    ) -> Self {
        let maps_ipv4 = socket.local_addr().is_ok_and(|addr| addr.is_ipv6());
        let (pending, stats) = (PendingResults::default(), SocketStats::default());
        Self { machine, world, socket, maps_ipv4, commands, pending, events, published, stats }
    }

    /// Runs until all handles are dropped.
    pub(super) async fn run(mut self) {
        // One byte more than allowed, so that a longer datagram is recognized.
        let mut buffer = [0; MAX_DATAGRAM + 1];
        loop {
            self.flush().await;
            // A copy of a few hundred bytes is cheap beside the system calls for a datagram.
            self.published.stats.send_replace((self.machine.stats().clone(), self.stats));
            self.published.clock.send_replace(self.machine.clock_offset());
            let timeout = self.machine.poll_timeout();
            tokio::select! {
                biased;
                () = sleep_until(timeout) => self.machine.handle_timeout(now(), self.unix()),
                read = receive(&*self.socket, &mut buffer) => {
                    self.handle_read(&mut buffer, read).await;
                    // A command is not kept waiting by many datagrams.
                    if let Ok(command) = self.commands.try_recv() {
                        self.handle_command(command);
                    }
                }
                command = self.commands.recv() => match command {
                    Some(command) => self.handle_command(command),
                    None => return,
                },
            }
        }
    }

    /// Handles a datagram and those that have already arrived after it.
    async fn handle_read(&mut self, buffer: &mut [u8], read: io::Result<(usize, SocketAddr)>) {
        let mut read = read;
        for _ in 0..MAX_READS {
            match read {
                Ok((len, from)) => {
                    let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                    self.machine.handle_datagram(now(), self.unix(), from, &buffer[..len]);
                }
                // Some systems report here that a datagram of ours was refused.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    self.stats.receive_errors += 1;
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot read from the discovery socket");
                    self.stats.receive_errors += 1;
                    time::sleep(READ_RETRY_DELAY).await;
                    return;
                }
            }
            // Only what has arrived already.
            let Some(next) = receive(&*self.socket, buffer).now_or_never() else { return };
            read = next;
        }
    }

    fn handle_command(&mut self, command: Command) {
        let (now, unix) = (now(), self.unix());
        match command {
            Command::BootNode(node, done) => {
                send_result(
                    done,
                    self.machine.add_boot_node(now, unix, node).map_err(RequestError::Busy),
                );
            }
            Command::ClockWitness(node, done) => {
                let added = self.machine.add_clock_witness(now, unix, node);
                send_result(done, added.map_err(RequestError::Busy));
            }
            Command::Seed(node, done) => {
                send_result(
                    done,
                    self.machine.add_seed(now, unix, node).map_err(RequestError::Busy),
                );
            }
            Command::Ping(node, done) => {
                let id = node.id;
                match self.machine.ping(now, unix, node) {
                    Ok(()) => self.pending.pings.entry(id).or_default().push(done),
                    Err(busy) => send_result(done, Err(busy.into())),
                }
            }
            Command::Record(node, done) => {
                let id = node.id;
                match self.machine.request_record(now, unix, node) {
                    Ok(()) => self.pending.records.entry(id).or_default().push(done),
                    Err(busy) => send_result(done, Err(busy.into())),
                }
            }
            Command::Lookup(target, done) => {
                let begun = match target {
                    Some(target) => self.machine.lookup(now, unix, target),
                    None => self.machine.lookup_random(now, unix),
                };
                match begun {
                    Ok(id) => drop(self.pending.lookups.insert(id, done)),
                    Err(busy) => send_result(done, Err(busy.into())),
                }
            }
            Command::Update(change, done) => {
                send_result(done, self.machine.update_record(change).map_err(RequestError::Record));
            }
            Command::FollowIpv4(follow, done) => {
                self.machine.follow_ipv4(follow);
                send_result(done, Ok(()));
            }
            // Sending fails if the caller no longer waits.
            Command::Nodes(done) => drop(done.send(self.machine.nodes().cloned().collect())),
        }
    }

    /// Passes on all events and datagrams of the machine.
    async fn flush(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            self.handle_event(event);
        }
        while let Some((to, datagram)) = self.machine.poll_transmit() {
            let to = SocketAddr::new(self.socket_ip(to.ip()), to.port());
            if let Err(error) = poll_fn(|cx| self.socket.poll_send(cx, &datagram, to)).await {
                tracing::trace!(%to, %error, "cannot send a discovery packet");
                self.stats.send_errors += 1;
            }
        }
    }

    /// Seconds since 1970, by the clock of this machine.
    fn unix(&self) -> u64 {
        self.world.unix_time().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    /// The address in the form that the socket takes.
    fn socket_ip(&self, ip: IpAddr) -> IpAddr {
        match ip {
            IpAddr::V4(ip) if self.maps_ipv4 => ip.to_ipv6_mapped().into(),
            ip => ip,
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::LookupFinished(id, ref outcome) => {
                if let Some(done) = self.pending.lookups.remove(&id) {
                    send_result(done, Ok(outcome.clone()));
                }
            }
            Event::PingFinished(id, answer) => {
                for done in self.pending.pings.remove(&id).into_iter().flatten() {
                    send_result(done, answer.map_err(RequestError::NoAnswer));
                }
            }
            Event::RecordFinished(id, ref answer) => {
                for done in self.pending.records.remove(&id).into_iter().flatten() {
                    send_result(done, answer.clone().map_err(RequestError::NoAnswer));
                }
            }
            Event::RecordChanged(ref record) => {
                self.published.record.send_replace(record.clone());
            }
            Event::ClockOffset(offset, witness) => {
                tracing::warn!(
                    "the clock of this machine is about {offset} that of {witness}: set it, otherwise \
                     packets count as expired and no nodes are found"
                );
            }
            Event::BootNodeFailed(ref node, reason) => {
                tracing::warn!(enode = %node.enode(), "cannot use a boot node: {reason}");
            }
            Event::WitnessForeign(ref node, network) => {
                let reason = BootNodeReason::OtherNetwork(network);
                tracing::warn!(
                    enode = %node.enode(),
                    "a static node may not belong here: {reason}. A connection does not tell the network, so it can be a peer"
                );
            }
            Event::BootNodeAnswers(id) => tracing::info!(%id, "the boot node answers now"),
            _ => {}
        }
        // Sending fails if there is no subscriber.
        let _ = self.events.send(event);
    }
}

/// Sends a result. Ignores that the caller may no longer wait.
fn send_result<T>(done: ResultSender<T>, result: Result<T, RequestError>) {
    let _ = done.send(result);
}

/// The clock of the runtime, which tests can pause.
fn now() -> Instant {
    time::Instant::now().into_std()
}

/// Waits for a datagram. Returns its length and where it came from.
async fn receive(socket: &dyn Datagrams, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    let mut buffer = ReadBuf::new(buffer);
    let from = poll_fn(|cx| socket.poll_receive(cx, &mut buffer)).await?;
    Ok((buffer.filled().len(), from))
}

async fn sleep_until(timeout: Option<Instant>) {
    match timeout {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
