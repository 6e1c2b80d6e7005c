//! The discv4 state machine: datagrams and time in, datagrams and events out.

mod boot_nodes;
mod clock_check;
mod contact;
mod endpoint_proof;
mod external_addr;
mod local_node;
mod lookup;
mod outbox;
mod rate_limiter;
mod receive;
mod requests;
mod rng;
#[cfg(test)]
mod tests;
mod tick_budget;
mod upkeep;

use core::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use p2p_identity::{Content, NodeId, Record, RecordError, SecretKey};

use crate::config::Discv4Config;
use crate::event::{BusyError, ClockOffset, ClockWitness, Event, LookupId};
use crate::node::Node;
use crate::stats::Stats;
use crate::table::Table;
use boot_nodes::BootNodes;
use clock_check::ClockCheck;
use contact::{Contacts, Task};
use endpoint_proof::{EndpointProofs, Membership};
use local_node::LocalNode;
use lookup::Lookups;
use outbox::Outbox;
use rate_limiter::RateLimiter;
use rng::SeededRng;
use upkeep::{RefreshTarget, Upkeep};

/// How long a packet of ours is valid, in seconds. The same as in go-ethereum.
const EXPIRATION_SECS: u64 = 20;

/// The current time on both clocks.
#[derive(Clone, Copy, Debug)]
struct Timestamp {
    now: Instant,
    /// Seconds since 1970.
    unix: u64,
}

impl Timestamp {
    /// When a packet that is sent now expires, in UNIX time.
    const fn expiration(self) -> u64 {
        self.unix.saturating_add(EXPIRATION_SECS)
    }
}

/// A discv4 node as a state machine, without socket, clock or task.
///
/// Inputs are datagrams ([`handle_datagram`](Self::handle_datagram)), time
/// ([`handle_timeout`](Self::handle_timeout), to be called at the time that
/// [`poll_timeout`](Self::poll_timeout) returns) and requests of the user
/// ([`lookup`](Self::lookup), [`ping`](Self::ping), …). After each input, drain
/// [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event). Both queues are
/// bounded; what does not fit is dropped and counted.
///
/// `now` is a monotonic clock. `unix` is the time of day in seconds since 1970; it is used only for
/// the expiration of packets.
#[derive(Debug)]
pub struct Discovery {
    config: Discv4Config,
    local: LocalNode,
    limiter: RateLimiter,
    table: Table,
    proofs: EndpointProofs,
    contacts: Contacts,
    lookups: Lookups,
    clock: ClockCheck,
    boot_nodes: BootNodes,
    upkeep: Upkeep,
    rng: SeededRng,
    out: Outbox,
}

impl Discovery {
    /// A node with this key and record that knows no other node yet.
    ///
    /// `seed` must be random and must not be used for anything else: it determines the targets of
    /// random lookups.
    ///
    /// If the configuration has a network id that `record` does not name, the record is replaced by
    /// a newer one that does.
    ///
    /// # Errors
    ///
    /// [`RecordError::ForeignKey`] if `record` was not signed by `key`, [`RecordError::TooLong`] if
    /// it has no room for the network id.
    pub fn new(
        now: Instant,
        config: Discv4Config,
        key: SecretKey,
        record: &Record,
        seed: [u8; 32],
    ) -> Result<Self, RecordError> {
        let local = LocalNode::new(&config, key, record)?;
        Ok(Self {
            limiter: RateLimiter::new(config.limits, now),
            table: Table::new(local.id().hash(), config.subnet_limits()),
            proofs: EndpointProofs::default(),
            contacts: Contacts::default(),
            lookups: Lookups::default(),
            clock: ClockCheck::default(),
            boot_nodes: BootNodes::new(now),
            upkeep: Upkeep::default(),
            rng: SeededRng::new(seed),
            out: Outbox::default(),
            local,
            config,
        })
    }

    /// The id of this node.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.local.id()
    }

    /// The current record of this node.
    #[must_use]
    pub const fn record(&self) -> &Record {
        self.local.record()
    }

    /// The nodes in the table, in no particular order. At most 272. Each has proven its endpoint.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.table.iter().map(|entry| &entry.node)
    }

    /// The node with this id, if it is in the table or among its replacements.
    #[must_use]
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.table.get(id).map(|entry| &entry.node)
    }

    /// The counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.out.stats
    }

    /// The next datagram to send, with its destination. An IPv4 destination is never in IPv6 form.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.out.next_datagram()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.next_event()
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called next; `None` if no timer is
    /// running. Every input can change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let check = self.table.next_check().map(|entry| entry.check_at);
        let boot = self.boot_nodes.next_due(self.table.len() > 0);
        let (upkeep, waiting) = (self.upkeep.next_due(), self.limiter.next_due());
        [self.contacts.next_deadline(), check, boot, upkeep, waiting].into_iter().flatten().min()
    }

    /// Runs the timers that are due.
    pub fn handle_timeout(&mut self, now: Instant, unix: u64) {
        let at = Timestamp { now, unix };
        self.check_clock_jump(at);
        self.handle_waiting_requests(at);
        while let Some(id) = self.contacts.due(now) {
            self.handle_request_timeout(at, id);
        }
        self.check_nodes(at);
        self.run_upkeep(at);
        self.run_lookups(at);
    }

    /// Adds a boot node: it is contacted now, and again whenever the table is empty. At most 64. In a
    /// network with an id it must belong to that network.
    ///
    /// If it is of no use, [`Event::BootNodeFailed`] says why, within 5 s with the default timeouts. A boot
    /// node is also a trusted witness of the time: one is enough for [`Event::ClockOffset`].
    ///
    /// # Errors
    ///
    /// [`BusyError`] if there are 64 boot nodes or too many requests in progress.
    pub fn add_boot_node(&mut self, now: Instant, unix: u64, node: Node) -> Result<(), BusyError> {
        self.add_trusted(now, unix, node, false)
    }

    /// Adds a trusted witness of the time, such as a static node: one is enough for [`Event::ClockOffset`]. It is
    /// contacted like a boot node, but no event says that it does not answer. At most 16.
    ///
    /// # Errors
    ///
    /// [`BusyError`] if there are 16 witnesses or too many requests in progress.
    pub fn add_clock_witness(
        &mut self,
        now: Instant,
        unix: u64,
        node: Node,
    ) -> Result<(), BusyError> {
        self.add_trusted(now, unix, node, true)
    }

    fn add_trusted(
        &mut self,
        now: Instant,
        unix: u64,
        node: Node,
        is_witness: bool,
    ) -> Result<(), BusyError> {
        if !self.boot_nodes.add(node.clone(), is_witness) {
            return Err(BusyError);
        }
        self.add_seed(now, unix, node)
    }

    /// By how much the clock of this machine is wrong, and which nodes show it; `None` if it is right, or nothing is
    /// known. [`Event::ClockOffset`] reports it once an hour.
    #[must_use]
    pub const fn clock_offset(&self) -> Option<(ClockOffset, ClockWitness)> {
        self.clock.wrong()
    }

    /// Contacts a node that may be alive, for example one known from an earlier run. If it answers,
    /// [`Event::Found`] follows.
    ///
    /// # Errors
    ///
    /// [`BusyError`].
    pub fn add_seed(&mut self, now: Instant, unix: u64, node: Node) -> Result<(), BusyError> {
        self.request(Timestamp { now, unix }, node, Task::Check)
    }

    /// Looks up the nodes nearest to `target`, which may be any 64 bytes.
    /// [`Event::LookupFinished`] follows. Each new node on the way is reported by [`Event::Found`].
    ///
    /// # Errors
    ///
    /// [`BusyError`] if 32 lookups are running.
    pub fn lookup(
        &mut self,
        now: Instant,
        unix: u64,
        target: NodeId,
    ) -> Result<LookupId, BusyError> {
        if self.lookups.is_full() {
            return Err(BusyError);
        }
        let id = self.begin_lookup(target);
        self.run_lookups(Timestamp { now, unix });
        Ok(id)
    }

    /// A [`lookup`](Self::lookup) for a random target, to find more nodes.
    ///
    /// # Errors
    ///
    /// [`BusyError`] if 32 lookups are running.
    pub fn lookup_random(&mut self, now: Instant, unix: u64) -> Result<LookupId, BusyError> {
        let target = self.rng.node_id();
        self.lookup(now, unix, target)
    }

    /// Pings a node. [`Event::PingFinished`] follows.
    ///
    /// # Errors
    ///
    /// [`BusyError`].
    pub fn ping(&mut self, now: Instant, unix: u64, node: Node) -> Result<(), BusyError> {
        self.request(Timestamp { now, unix }, node, Task::Ping)
    }

    /// Requests the record of a node. [`Event::RecordFinished`] follows.
    ///
    /// # Errors
    ///
    /// [`BusyError`].
    pub fn request_record(&mut self, now: Instant, unix: u64, node: Node) -> Result<(), BusyError> {
        self.request(Timestamp { now, unix }, node, Task::Record { for_user: true })
    }

    /// Changes the own record. If its content changes, the sequence number rises and
    /// [`Event::RecordChanged`] follows. The network id always stays as configured.
    ///
    /// ```
    /// # use p2p_discovery::{Discv4Config, Discovery};
    /// # use p2p_identity::{Content, Record, SecretKey};
    /// # let key = SecretKey::from_bytes(&[7; 32])?;
    /// # let record = Record::sign(&key, 1, &Content::new())?;
    /// # let now = std::time::Instant::now();
    /// let mut discovery = Discovery::new(now, Discv4Config::new(), key, &record, [0; 32])?;
    /// discovery.update_record(|content| content.tcp(30303))?;
    /// assert_eq!((discovery.record().sequence(), discovery.record().tcp()), (2, Some(30303)));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecordError::TooLong`]; the record is then unchanged.
    pub fn update_record(
        &mut self,
        change: impl FnOnce(Content) -> Content,
    ) -> Result<(), RecordError> {
        if let Some(record) = self.local.update(self.config.network, change)? {
            self.out.push_event(Event::RecordChanged(record));
        }
        Ok(())
    }

    /// Sets whether the own record follows the IPv4 address that peers report. On at the start; it
    /// has an effect only if [`Discv4Config::follow_peers`] is on.
    ///
    /// Switch it off while a better source of the address is available, such as a gateway, and write
    /// that address with [`update_record`](Self::update_record). When it is switched on again, the
    /// record takes the address that peers reported last.
    pub fn follow_ipv4(&mut self, follow: bool) {
        if let Some(record) = self.local.follow_ipv4(&self.config, follow) {
            self.out.push_event(Event::RecordChanged(record));
        }
    }

    fn request(&mut self, at: Timestamp, node: Node, task: Task) -> Result<(), BusyError> {
        if self.begin(at, node, task) { Ok(()) } else { Err(BusyError) }
    }

    /// Begins a task. Returns `false` if there is no room for it, or if it is pointless: for this
    /// node itself, or asking a node of another network for neighbours.
    fn begin(&mut self, at: Timestamp, node: Node, task: Task) -> bool {
        if node.id == self.local.id() {
            return false;
        }
        // A proven endpoint takes precedence over one that others report.
        let node = match self.table.get(&node.id) {
            Some(known) if matches!(task, Task::Find(_)) => known.node.clone(),
            _ => node,
        };
        let (id, ip) = (node.id, node.endpoint.ip);
        let is_foreign = matches!(self.proofs.membership(&id, ip), Membership::Foreign(_));
        if self.config.network.is_some() && is_foreign && matches!(task, Task::Find(_)) {
            return false;
        }
        let is_running = self.contacts.get(&id).is_some();
        let has_begun = self.contacts.add_task(at.now, node, task);
        if has_begun && !is_running {
            self.send_next_request(at, id);
        }
        has_begun
    }

    /// Pings all nodes in the table whose check is due.
    fn check_nodes(&mut self, at: Timestamp) {
        let is_due = |due: &Instant| *due <= at.now;
        while let Some(entry) = self.table.next_check().filter(|entry| is_due(&entry.check_at)) {
            let node = entry.node.clone();
            let next = self.next_check(at.now).max(at.now + self.config.reply_timeout);
            self.table.set_next_check(&node.id, next);
            self.begin(at, node, Task::Check);
        }
    }

    /// When to check a node that has just answered. With jitter, so that checks are spread out.
    fn next_check(&mut self, now: Instant) -> Instant {
        let jitter = f64::from(self.rng.digest()[0]) / 255.0;
        now + self.config.check_interval.mul_f64(0.5 + 0.5 * jitter)
    }

    /// Pings boot nodes, and refreshes the table.
    fn run_upkeep(&mut self, at: Timestamp) {
        let has_nodes = self.table.len() > 0;
        for node in self.boot_nodes.due(at.now, has_nodes) {
            self.begin(at, node, Task::Check);
        }
        if !has_nodes {
            return self.upkeep.handle_empty();
        }
        if let Some(target) = self.upkeep.refresh(at.now, self.config.refresh_interval) {
            let target = match target {
                RefreshTarget::OwnId => self.local.id(),
                RefreshTarget::Random => self.rng.node_id(),
            };
            let id = self.begin_lookup(target);
            self.upkeep.handle_lookup_begun(id);
        }
    }
}
