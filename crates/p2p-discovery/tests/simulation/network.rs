//! A simulated network of machines in one process, on virtual time, with latency, loss and churn. Every
//! run is the same.
//!
//! No datagram arrives sooner than after [`MIN_LATENCY`]. So all nodes run independently for that time, on
//! all threads; afterwards their datagrams are delivered in the order of the nodes. The benchmarks use
//! this file too.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests and benchmarks each use a part of it, and fail by panicking"
)]

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    net::{Ipv4Addr, SocketAddr},
    num::NonZero,
    thread,
    time::{Duration, Instant},
};

use p2p_discovery::{
    Discovery, Discv4Config, Event, LookupId, LookupOutcome, NetworkId, Node, Stats, v4::Endpoint,
};
use p2p_identity::{Content, NodeId, Record, SecretKey};
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

/// The latency of a datagram, at least and at most.
const MIN_LATENCY: Duration = Duration::from_millis(20);
const MAX_LATENCY: Duration = Duration::from_millis(120);

/// When all nodes have been started.
const START_PHASE: Duration = Duration::from_secs(30);

/// UNIX time at the start.
pub(crate) const UNIX: u64 = 1_700_000_000;

/// The parameters of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Number of nodes at the start, the boot node included.
    pub(crate) nodes: usize,
    /// The share of datagrams that are lost.
    pub(crate) loss: f64,
    /// The share of nodes that leave without notice. The same number of new nodes joins.
    pub(crate) churn: f64,
    /// The simulated time.
    pub(crate) time: Duration,
    /// Whether the network has an id, so that nodes request each other's records.
    pub(crate) has_id: bool,
    /// The subnet of all nodes. `None`: each node has its own.
    pub(crate) subnet: Option<Subnet>,
    /// Number of lookups after that time, each by a random node for another one.
    pub(crate) lookups: usize,
    /// The seed of the random choices.
    pub(crate) seed: u64,
}

/// A subnet that all nodes are in, one address after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subnet {
    /// The address of the first node.
    pub(crate) first: Ipv4Addr,
    /// The networks that are listed as own ones, besides the private ones.
    pub(crate) own: &'static str,
}

/// The results of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// The share of lookups that found their target.
    pub(crate) found_share: f64,
    /// The median number of rounds of a lookup.
    pub(crate) rounds_p50: f64,
    /// Datagrams sent per node and minute, before the lookups.
    pub(crate) datagrams_per_node_minute: f64,
    /// Bytes of these datagrams, without UDP and IP headers.
    pub(crate) bytes_per_node_minute: f64,
    /// Datagrams sent in total.
    pub(crate) datagrams: u64,
}

/// Runs a simulation.
pub(crate) fn simulate(plan: Plan) -> Report {
    let mut network = Network::new(plan);
    network.run(plan.time);
    let datagrams = network.sum(|host| host.discovery.stats().datagrams_out);
    let bytes = network.sum(|host| host.discovery.stats().bytes_out);
    let minutes = network.sum(|host| host.lived(network.now).as_millis().try_into().unwrap_or(0));
    let minutes = as_f64(minutes) / 60_000.0;

    let outcomes = network.look_up(plan.lookups);
    let found = outcomes.iter().filter(|(target, outcome)| has_found(outcome, target));
    let mut rounds: Vec<u32> = outcomes.iter().map(|(_, outcome)| outcome.rounds).collect();
    rounds.sort_unstable();
    Report {
        found_share: as_f64(found.count() as u64) / as_f64(plan.lookups as u64),
        rounds_p50: rounds.get(rounds.len() / 2).copied().map_or(f64::NAN, f64::from),
        datagrams_per_node_minute: as_f64(datagrams) / minutes,
        bytes_per_node_minute: as_f64(bytes) / minutes,
        datagrams: network.sum(|host| host.discovery.stats().datagrams_out),
    }
}

/// Whether the target is among the nodes.
pub(crate) fn has_found(outcome: &LookupOutcome, target: &NodeId) -> bool {
    outcome.nodes.iter().any(|node| node.id == *target)
}

#[expect(clippy::cast_precision_loss, reason = "approximate figures")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

/// A datagram in transit: the time of arrival, a unique number, the source address, the bytes.
type Arrival = (Instant, u64, SocketAddr, Vec<u8>);

/// A machine with its address, queues and timers.
struct Host {
    discovery: Discovery,
    address: SocketAddr,
    random: StdRng,
    loss: f64,
    /// When the node joins and leaves.
    begin: Instant,
    end: Option<Instant>,
    inbox: BinaryHeap<Reverse<Arrival>>,
    outbox: Vec<(SocketAddr, Arrival)>,
    outcomes: HashMap<LookupId, LookupOutcome>,
    sent: u64,
    /// The real time that the machine has used.
    spent: Duration,
    /// When the machine has something to do next.
    next: Instant,
}

impl Host {
    fn lived(&self, now: Instant) -> Duration {
        self.end.unwrap_or(now).min(now).saturating_duration_since(self.begin)
    }

    fn is_alive(&self, now: Instant) -> bool {
        self.begin <= now && self.end.is_none_or(|end| end > now)
    }

    /// Runs the machine until `until`.
    fn run(&mut self, start: Instant, until: Instant) {
        let until = self.end.unwrap_or(until).min(until);
        while self.next < until {
            let now = self.next;
            let unix = UNIX + now.saturating_duration_since(start).as_secs();
            let begun = Instant::now();
            let is_here = |arrival: &Reverse<Arrival>| arrival.0.0 <= now;
            if self.inbox.peek().is_some_and(is_here) {
                let Some(Reverse((_, _, from, bytes))) = self.inbox.pop() else { return };
                self.discovery.handle_datagram(now, unix, from, &bytes);
            } else {
                self.discovery.handle_timeout(now, unix);
            }
            self.spent += begun.elapsed();
            self.collect(now);
        }
    }

    /// Takes the output of the machine.
    fn collect(&mut self, now: Instant) {
        while let Some((to, bytes)) = self.discovery.poll_transmit() {
            self.sent += 1;
            let latency = self.random.random_range(MIN_LATENCY..MAX_LATENCY);
            if !self.random.random_bool(self.loss) {
                let arrival = (now + latency, self.sent, self.address, bytes.to_vec());
                self.outbox.push((to, arrival));
            }
        }
        while let Some(event) = self.discovery.poll_event() {
            if let Event::LookupFinished(lookup, outcome) = event {
                self.outcomes.insert(lookup, outcome);
            }
        }
        let arrival = self.inbox.peek().map(|arrival| arrival.0.0);
        let due = [self.discovery.poll_timeout(), arrival].into_iter().flatten().min();
        let never = now + Duration::from_secs(1 << 30);
        self.next = due.map_or(never, |due| due.max(now)).max(self.begin);
    }
}

/// All nodes, including those that have left or have not joined yet, and the time.
pub(crate) struct Network {
    start: Instant,
    now: Instant,
    hosts: Vec<Host>,
    indices: HashMap<SocketAddr, usize>,
    random: StdRng,
    threads: usize,
    /// Datagrams to addresses without a node: destination, source, bytes.
    pub(crate) strays: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl Network {
    /// A network at time zero.
    pub(crate) fn new(plan: Plan) -> Self {
        let start = Instant::now();
        let mut network = Self {
            start,
            now: start,
            hosts: Vec::new(),
            indices: HashMap::new(),
            random: StdRng::seed_from_u64(plan.seed),
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            strays: Vec::new(),
        };
        let moment = |random: &mut StdRng, from: Duration, to: Duration| {
            start + random.random_range(from..to)
        };
        let (first, last) = (Duration::ZERO, plan.time);
        for number in 0..plan.nodes {
            let begin =
                if number == 0 { start } else { moment(&mut network.random, first, START_PHASE) };
            network.add(plan, begin);
        }
        let leaving = (as_f64(plan.nodes as u64) * plan.churn).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        let leaving = leaving as usize;
        let mut numbers: Vec<usize> = (1..plan.nodes).collect();
        numbers.shuffle(&mut network.random);
        for number in numbers.into_iter().take(leaving) {
            let end = moment(&mut network.random, START_PHASE, last);
            network.hosts[number].end = Some(end);
            let begin = moment(&mut network.random, START_PHASE, last);
            network.add(plan, begin);
        }
        network
    }

    /// Adds a node that knows the first one.
    fn add(&mut self, plan: Plan, begin: Instant) {
        let number = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        let ip = match plan.subnet {
            Some(subnet) => subnet.first.to_bits() + number,
            None => 0x2000_0001 + (number << 8),
        };
        let address = SocketAddr::from((Ipv4Addr::from_bits(ip), 30303));
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        let key = SecretKey::random(&mut StdRng::from_seed(seed));
        let record = Record::sign(&key, 1, &Content::new().tcp(30303)).expect("a short record");
        let own = plan.subnet.map_or("", |subnet| subnet.own);
        let config = Discv4Config::new().own_networks(own.parse().expect("networks"));
        let config = if plan.has_id { config.network(NetworkId(7)) } else { config };
        let mut discovery =
            Discovery::new(begin, config, key, &record, seed).expect("the own record");
        if let Some(first) = self.hosts.first() {
            let boot = Node::new(first.discovery.id(), Endpoint::new(first.address, 30303));
            let unix = UNIX + begin.saturating_duration_since(self.start).as_secs();
            discovery.add_boot_node(begin, unix, boot).expect("the only boot node");
        }
        self.indices.insert(address, self.hosts.len());
        self.hosts.push(Host {
            discovery,
            address,
            random: StdRng::from_seed(seed),
            loss: plan.loss,
            begin,
            end: None,
            inbox: BinaryHeap::new(),
            outbox: Vec::new(),
            outcomes: HashMap::new(),
            sent: 0,
            spent: Duration::ZERO,
            next: begin,
        });
        if let Some(host) = self.hosts.last_mut() {
            host.collect(begin);
        }
    }

    /// Lets this time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let next = self.hosts.iter().map(|host| host.next).min().unwrap_or(end);
            let until = (next.max(self.now) + MIN_LATENCY).min(end);
            self.step(until);
            self.now = until;
        }
    }

    /// Runs all nodes until `until` and delivers their datagrams.
    fn step(&mut self, until: Instant) {
        let start = self.start;
        let mut due: Vec<&mut Host> =
            self.hosts.iter_mut().filter(|host| host.next < until).collect();
        let chunk_len = due.len().div_ceil(self.threads).max(8);
        thread::scope(|scope| {
            let mut chunks = due.chunks_mut(chunk_len);
            let own = chunks.next();
            for chunk in chunks {
                scope.spawn(move || chunk.iter_mut().for_each(|host| host.run(start, until)));
            }
            own.into_iter().flatten().for_each(|host| host.run(start, until));
        });
        let sent: Vec<(SocketAddr, Arrival)> =
            due.iter_mut().flat_map(|host| host.outbox.drain(..)).collect();
        for (to, arrival) in sent {
            let Some(index) = self.indices.get(&to) else {
                self.strays.push((to, arrival.2, arrival.3));
                continue;
            };
            let host = &mut self.hosts[*index];
            if host.is_alive(arrival.0) {
                host.next = host.next.min(arrival.0);
                host.inbox.push(Reverse(arrival));
            }
        }
        let gone = self.hosts.iter_mut().filter(|host| host.end.is_some_and(|end| end <= until));
        gone.for_each(|host| host.next = until + Duration::from_secs(1 << 30));
    }

    /// Runs `count` lookups of random live nodes by random others. Returns targets and outcomes.
    pub(crate) fn look_up(&mut self, count: usize) -> Vec<(NodeId, LookupOutcome)> {
        let alive = self.alive();
        let mut found = Vec::new();
        while found.len() < count {
            let some = (alive.len() / 4).max(1).min(count - found.len());
            let pairs =
                (0..some).map(|_| [0; 2].map(|_| alive[self.random.random_range(0..alive.len())]));
            let pairs: Vec<[usize; 2]> =
                pairs.filter(|[seeker, sought]| seeker != sought).collect();
            let asked: Vec<_> = pairs
                .into_iter()
                .map(|[seeker, sought]| self.begin_lookup(seeker, sought))
                .collect();
            self.run(Duration::from_secs(20));
            found.extend(asked.into_iter().map(|lookup| self.finish_lookup(lookup)));
        }
        found
    }

    /// The indices of the live nodes.
    pub(crate) fn alive(&self) -> Vec<usize> {
        let is_alive = |index: &usize| self.hosts[*index].is_alive(self.now);
        (0..self.hosts.len()).filter(is_alive).collect()
    }

    pub(crate) fn finish_lookup(
        &mut self,
        lookup: (usize, LookupId, NodeId),
    ) -> (NodeId, LookupOutcome) {
        let (seeker, lookup, target) = lookup;
        (target, self.hosts[seeker].outcomes.remove(&lookup).unwrap_or_default())
    }

    /// Begins a lookup of node `sought` by node `seeker`.
    pub(crate) fn begin_lookup(
        &mut self,
        seeker: usize,
        sought: usize,
    ) -> (usize, LookupId, NodeId) {
        let target = self.hosts[sought].discovery.id();
        let unix = self.unix();
        let host = &mut self.hosts[seeker];
        let lookup = host.discovery.lookup(self.now, unix, target).expect("room for it");
        host.collect(self.now);
        // Its datagrams are delivered in the next step.
        host.next = self.now;
        (seeker, lookup, target)
    }

    /// Delivers a datagram to a node immediately.
    pub(crate) fn deliver(&mut self, index: usize, from: SocketAddr, bytes: &[u8]) {
        let unix = self.unix();
        let host = &mut self.hosts[index];
        let begun = Instant::now();
        host.discovery.handle_datagram(self.now, unix, from, bytes);
        host.spent += begun.elapsed();
        host.collect(self.now);
        host.next = host.next.min(self.now);
    }

    pub(crate) fn machine(&self, index: usize) -> &Discovery {
        &self.hosts[index].discovery
    }

    pub(crate) fn address(&self, index: usize) -> SocketAddr {
        self.hosts[index].address
    }

    pub(crate) fn stats(&self, index: usize) -> Stats {
        self.hosts[index].discovery.stats().clone()
    }

    /// The real time that a node has used.
    pub(crate) fn spent(&self, index: usize) -> Duration {
        self.hosts[index].spent
    }

    /// UNIX time.
    pub(crate) fn unix(&self) -> u64 {
        UNIX + self.now.saturating_duration_since(self.start).as_secs()
    }

    fn sum(&self, of: impl Fn(&Host) -> u64) -> u64 {
        self.hosts.iter().map(of).sum()
    }
}
