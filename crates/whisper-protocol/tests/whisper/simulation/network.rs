//! Nodes, and connections between them that come and go.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use p2p_mux::{Channel, Exit};
use rand::{rngs::StdRng, seq::IteratorRandom as _};
use tokio::{task::JoinHandle, time::Instant};
use whisper_envelope::Dialect;
use whisper_protocol::{Clock, Config, FilterId, FilterSettings, PeerSettings, Remote, Whisper};

use super::Delivered;
use crate::support::{NOW, random_id, settings, spec, world};

/// Clearly shorter than the second, which is the resolution of the clocks.
const MOMENT: Duration = Duration::from_millis(1);

struct Node {
    whisper: Whisper,
    /// Its own clock.
    clock: Clock,
    filter: FilterId,
}

/// A connection between two nodes: their sessions.
struct Connection([JoinHandle<Result<(), Exit>>; 2]);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// The pair of nodes, and a unique number of the connection.
pub(super) type Link = (usize, usize, u64);

pub(super) struct Network {
    start: Instant,
    nodes: Vec<Node>,
    links: Vec<Link>,
    connections: HashMap<u64, Connection>,
    made: u64,
}

impl Network {
    /// Nodes whose clocks are ahead of the true time by these numbers of seconds. `corrects`: they correct their clocks.
    pub(super) fn new(skews: &[i64], corrects: bool) -> Self {
        let start = Instant::now();
        let node = |estimate: &i64| {
            let estimate = *estimate;
            let world =
                world(move || true_time(start).checked_add_signed(skew_of(estimate)).unwrap());
            let clock = Clock::of(Arc::clone(&world));
            let filters = FilterSettings { workers: 1, ..FilterSettings::default() };
            let mut peers = PeerSettings::default();
            if !corrects {
                peers.clock_correction = 0;
            }
            let whisper = Whisper::new(Config { world, filters, peers, ..settings() });
            let filter = whisper.subscribe(spec(&whisper)).unwrap();
            Node { whisper, clock, filter }
        };
        let nodes = skews.iter().map(node).collect();
        Self { start, nodes, links: Vec::new(), connections: HashMap::new(), made: 0 }
    }

    /// Waits until the middle of this second. Clocks change at its end.
    pub(super) async fn at(&self, second: u32) {
        let middle = Duration::from_secs(second.into()) + Duration::from_millis(500);
        tokio::time::sleep_until(self.start + middle).await;
    }

    /// The true time.
    pub(super) fn now(&self) -> u32 {
        true_time(self.start)
    }

    pub(super) fn node(&self, node: usize) -> &Whisper {
        &self.nodes[node].whisper
    }

    /// The time by a node's clock.
    pub(super) fn clock(&self, node: usize) -> u32 {
        let Node { whisper, clock, .. } = &self.nodes[node];
        clock.now().checked_add_signed(whisper.info().clock_correction).unwrap()
    }

    pub(super) fn connections(&self) -> &[Link] {
        &self.links
    }

    /// Connects nodes with fewer than `degree` connections at random, until all such nodes are connected to each other.
    pub(super) fn fill(&mut self, degree: usize, rng: &mut StdRng) {
        let mut degrees = vec![0; self.nodes.len()];
        let mut linked = HashSet::new();
        for (a, b, _) in &self.links {
            degrees[*a] += 1;
            degrees[*b] += 1;
            linked.insert((*a, *b));
        }
        loop {
            let wanting: Vec<usize> =
                (0..degrees.len()).filter(|node| degrees[*node] < degree).collect();
            let pairs = wanting.iter().flat_map(|a| wanting.iter().map(|b| (*a, *b)));
            let free = pairs.filter(|pair| pair.0 < pair.1 && !linked.contains(pair));
            let Some((a, b)) = free.choose(rng) else { return };
            self.connect(a, b);
            degrees[a] += 1;
            degrees[b] += 1;
            linked.insert((a, b));
        }
    }

    fn connect(&mut self, a: usize, b: usize) {
        let (near, far) = Channel::pipe();
        let session = |node: usize, channel| {
            let remote = Remote::new(Dialect::V6, random_id()).dialed(true);
            tokio::spawn(self.nodes[node].whisper.attach(remote, channel))
        };
        let connection = Connection([session(a, near), session(b, far)]);
        self.made += 1;
        self.links.push((a, b, self.made));
        self.connections.insert(self.made, connection);
    }

    /// Drops each connection for which `lost` returns true.
    pub(super) fn lose(&mut self, mut is_lost: impl FnMut() -> bool) {
        let connections = &mut self.connections;
        self.links.retain(|(_, _, number)| {
            let lost = is_lost();
            if lost {
                connections.remove(number);
            }
            !lost
        });
    }

    /// Waits until all nodes are idle: virtual time does not advance before.
    pub(super) async fn settle(&self) {
        tokio::time::sleep(MOMENT).await;
    }

    /// Takes the messages that the filters received in this second.
    pub(super) fn collect(&self, second: u32, delivered: &mut Delivered) {
        for (number, node) in self.nodes.iter().enumerate() {
            for message in node.whisper.take_messages(&node.filter).unwrap() {
                delivered.entry((number, message.hash)).or_insert((0, second)).0 += 1;
            }
        }
    }

    pub(super) async fn stop(mut self) {
        self.connections.clear();
        for node in self.nodes {
            node.whisper.stop().await;
        }
    }
}

fn true_time(start: Instant) -> u32 {
    NOW + u32::try_from(start.elapsed().as_secs()).unwrap()
}

fn skew_of(seconds: i64) -> i32 {
    i32::try_from(seconds).unwrap()
}
