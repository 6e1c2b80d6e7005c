//! A network of machines in one process, on virtual time: with latency, loss and churn, the same in
//! every run.
//!
//! No datagram arrives sooner than [`FASTEST`], so for so long all nodes run independently of each
//! other, on as many threads as there are; what they send is delivered afterwards, in the order of the
//! nodes. The benchmarks use this file as well.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests and benchmarks use some of it each, and fail by panicking"
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

/// One way, at least and at most.
const FASTEST: Duration = Duration::from_millis(20);
const SLOWEST: Duration = Duration::from_millis(120);

/// When all nodes have been started.
const STARTED: Duration = Duration::from_secs(30);

/// UNIX time at the start.
pub(crate) const UNIX: u64 = 1_700_000_000;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Nodes at the start, the boot node included.
    pub(crate) nodes: usize,
    /// The share of datagrams that get lost.
    pub(crate) loss: f64,
    /// The share of nodes that leave during the time, without a word. As many others come.
    pub(crate) churn: f64,
    /// How long.
    pub(crate) time: Duration,
    /// Whether it is a network of its own, with an id, so that all ask all for their records.
    pub(crate) has_id: bool,
    /// How many lookups are done afterwards: by a random node, for another one.
    pub(crate) lookups: usize,
    /// Another seed is another network.
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// The share of lookups for live nodes that found them.
    pub(crate) found_share: f64,
    /// The median of the rounds that lookups took.
    pub(crate) rounds_p50: f64,
    /// Datagrams that a node sent in a minute, before the lookups.
    pub(crate) datagrams_per_node_minute: f64,
    /// Their bytes, without headers of UDP and IP.
    pub(crate) bytes_per_node_minute: f64,
    /// Datagrams sent in all.
    pub(crate) datagrams: u64,
}

/// Runs it.
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

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

/// A datagram on its way: when it arrives, a number to tell it from others, where from, what.
type Arrival = (Instant, u64, SocketAddr, Vec<u8>);

/// A machine and what belongs to it.
struct Host {
    discovery: Discovery,
    address: SocketAddr,
    random: StdRng,
    loss: f64,
    /// From when to when.
    begin: Instant,
    end: Option<Instant>,
    inbox: BinaryHeap<Reverse<Arrival>>,
    outbox: Vec<(SocketAddr, Arrival)>,
    outcomes: HashMap<LookupId, LookupOutcome>,
    sent: u64,
    /// The time that the machine has taken, in reality.
    spent: Duration,
    /// When it has something to do.
    next: Instant,
}

impl Host {
    fn lived(&self, now: Instant) -> Duration {
        self.end.unwrap_or(now).min(now).saturating_duration_since(self.begin)
    }

    fn is_alive(&self, now: Instant) -> bool {
        self.begin <= now && self.end.is_none_or(|end| end > now)
    }

    /// Does all that is due before `until`.
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

    /// Takes what the machine has to give.
    fn collect(&mut self, now: Instant) {
        while let Some((to, bytes)) = self.discovery.poll_transmit() {
            self.sent += 1;
            let latency = self.random.random_range(FASTEST..SLOWEST);
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

/// All nodes that ever are, and the time.
pub(crate) struct Network {
    start: Instant,
    now: Instant,
    hosts: Vec<Host>,
    places: HashMap<SocketAddr, usize>,
    random: StdRng,
    threads: usize,
    /// What was sent to addresses where no node of the network is: to, from, what.
    pub(crate) strays: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl Network {
    /// Nothing has happened yet.
    pub(crate) fn new(plan: Plan) -> Self {
        let start = Instant::now();
        let mut network = Self {
            start,
            now: start,
            hosts: Vec::new(),
            places: HashMap::new(),
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
                if number == 0 { start } else { moment(&mut network.random, first, STARTED) };
            network.add(plan, begin);
        }
        let leaving = (as_f64(plan.nodes as u64) * plan.churn).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        let leaving = leaving as usize;
        let mut numbers: Vec<usize> = (1..plan.nodes).collect();
        numbers.shuffle(&mut network.random);
        for number in numbers.into_iter().take(leaving) {
            let end = moment(&mut network.random, STARTED, last);
            network.hosts[number].end = Some(end);
            let begin = moment(&mut network.random, STARTED, last);
            network.add(plan, begin);
        }
        network
    }

    /// One more node, which knows the first one.
    fn add(&mut self, plan: Plan, begin: Instant) {
        let number = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        // Each has a subnet of its own.
        let address = SocketAddr::from((Ipv4Addr::from_bits(0x2000_0001 + (number << 8)), 30303));
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        let key = SecretKey::random(&mut StdRng::from_seed(seed));
        let record = Record::sign(&key, 1, &Content::new().tcp(30303)).expect("a short record");
        let config = Discv4Config::new();
        let config = if plan.has_id { config.network(NetworkId(7)) } else { config };
        let mut discovery = Discovery::new(begin, config, key, &record, seed).expect("its own");
        if let Some(first) = self.hosts.first() {
            let boot = Node::new(first.discovery.id(), Endpoint::new(first.address, 30303));
            let unix = UNIX + begin.saturating_duration_since(self.start).as_secs();
            discovery.add_boot_node(begin, unix, boot).expect("the only one");
        }
        self.places.insert(address, self.hosts.len());
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

    /// Lets so much time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let next = self.hosts.iter().map(|host| host.next).min().unwrap_or(end);
            let until = (next.max(self.now) + FASTEST).min(end);
            self.step(until);
            self.now = until;
        }
    }

    /// Runs all nodes until then, and hands around what they have sent.
    fn step(&mut self, until: Instant) {
        let start = self.start;
        let mut due: Vec<&mut Host> =
            self.hosts.iter_mut().filter(|host| host.next < until).collect();
        let share = due.len().div_ceil(self.threads).max(8);
        thread::scope(|scope| {
            let mut shares = due.chunks_mut(share);
            let own = shares.next();
            for share in shares {
                scope.spawn(move || share.iter_mut().for_each(|host| host.run(start, until)));
            }
            own.into_iter().flatten().for_each(|host| host.run(start, until));
        });
        let sent: Vec<(SocketAddr, Arrival)> =
            due.iter_mut().flat_map(|host| host.outbox.drain(..)).collect();
        for (to, arrival) in sent {
            let Some(place) = self.places.get(&to) else {
                self.strays.push((to, arrival.2, arrival.3));
                continue;
            };
            let host = &mut self.hosts[*place];
            if host.is_alive(arrival.0) {
                host.next = host.next.min(arrival.0);
                host.inbox.push(Reverse(arrival));
            }
        }
        let gone = self.hosts.iter_mut().filter(|host| host.end.is_some_and(|end| end <= until));
        gone.for_each(|host| host.next = until + Duration::from_secs(1 << 30));
    }

    /// Lets random live nodes look for random other ones, and says what they have found.
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

    /// The places of those who are alive.
    pub(crate) fn alive(&self) -> Vec<usize> {
        let is_alive = |place: &usize| self.hosts[*place].is_alive(self.now);
        (0..self.hosts.len()).filter(is_alive).collect()
    }

    pub(crate) fn finish_lookup(
        &mut self,
        lookup: (usize, LookupId, NodeId),
    ) -> (NodeId, LookupOutcome) {
        let (seeker, lookup, target) = lookup;
        (target, self.hosts[seeker].outcomes.remove(&lookup).unwrap_or_default())
    }

    /// Lets one node look for another one.
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
        // What it has sent goes out with the next step.
        host.next = self.now;
        (seeker, lookup, target)
    }

    /// Hands a datagram to a node at once.
    pub(crate) fn deliver(&mut self, place: usize, from: SocketAddr, bytes: &[u8]) {
        let unix = self.unix();
        let host = &mut self.hosts[place];
        let begun = Instant::now();
        host.discovery.handle_datagram(self.now, unix, from, bytes);
        host.spent += begun.elapsed();
        host.collect(self.now);
        host.next = host.next.min(self.now);
    }

    pub(crate) fn machine(&self, place: usize) -> &Discovery {
        &self.hosts[place].discovery
    }

    pub(crate) fn address(&self, place: usize) -> SocketAddr {
        self.hosts[place].address
    }

    pub(crate) fn stats(&self, place: usize) -> Stats {
        self.hosts[place].discovery.stats().clone()
    }

    /// The time that a node has taken, in reality.
    pub(crate) fn spent(&self, place: usize) -> Duration {
        self.hosts[place].spent
    }

    /// UNIX time.
    pub(crate) fn unix(&self) -> u64 {
        UNIX + self.now.saturating_duration_since(self.start).as_secs()
    }

    fn sum(&self, of: impl Fn(&Host) -> u64) -> u64 {
        self.hosts.iter().map(of).sum()
    }
}
