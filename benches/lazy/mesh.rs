//! Nodes in one process, each connected with some others over loopback: the time until all have a message, and the bytes that are
//! sent for it. Messages are posted one after the other, each by another node, with a pause after each.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use p2p_mux::identity::SecretKey;
use p2p_server::Server;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use tokio::{
    runtime::Runtime,
    sync::mpsc,
    time::{sleep, timeout},
};
use whisper_envelope::SymmetricKey;
use whisper_protocol::{
    Config, FilterKey, FilterSpec, KeyId, Post, Recipient, Topic, Watch, Whisper, Work,
};

use crate::counting_world::{CountingWorld, Sent};

const TOPIC: Topic = Topic(*b"mesh");

/// The pause after each message.
const PACE: Duration = Duration::from_millis(5);

/// Time after which a message counts as lost, and until all nodes must be connected.
const LIMIT: Duration = Duration::from_secs(30);

/// Data that makes an envelope of 302 bytes.
const PAYLOAD: usize = 200;

/// A network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mesh {
    pub(crate) nodes: usize,
    /// Peers of each node; an even number.
    pub(crate) degree: usize,
    /// Messages that count.
    pub(crate) posts: usize,
    /// Messages before them, in which nodes learn which peers are fast.
    pub(crate) warm_up: usize,
    /// The seed of the graph.
    pub(crate) seed: u64,
}

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MeshMeasured {
    /// Copies of a message that a node was sent.
    pub(crate) copies: f64,
    /// Bytes on the wire for each message that was delivered to another node.
    pub(crate) bytes: f64,
    /// The median of the time until all have a message, in milliseconds.
    pub(crate) millis: f64,
    /// Processor time of all nodes for each message that was delivered to another node, in microseconds.
    pub(crate) cpu_micros: f64,
}

struct Node {
    whisper: Whisper,
    server: Server,
    key: KeyId,
}

impl Mesh {
    /// Runs the network. `lazy`: whether nodes announce what they have.
    pub(crate) fn run(&self, lazy: bool) -> MeshMeasured {
        Runtime::new().expect("a runtime").block_on(self.measure(lazy))
    }

    async fn measure(&self, lazy: bool) -> MeshMeasured {
        let sent = Sent::default();
        let (arrived, mut arrivals) = mpsc::channel(self.nodes);
        let nodes = self.start(lazy, &sent, &arrived).await;
        let mut posting = async |number: usize| {
            let clock = Instant::now();
            nodes[number % self.nodes].post().await;
            for _ in 0..self.nodes {
                let delivered = timeout(LIMIT, arrivals.recv()).await;
                delivered.expect("no message is lost").expect("the nodes run");
            }
            let took = clock.elapsed();
            sleep(PACE).await;
            took.as_secs_f64() * 1e3
        };
        for number in 0..self.warm_up {
            posting(number).await;
        }
        let counted = || (sent.bytes(), nodes.iter().map(Node::received).sum::<u64>());
        let (before, cpu) = (counted(), benches::processor_seconds());
        let mut millis = Vec::new();
        for number in 0..self.posts {
            millis.push(posting(number).await);
        }
        // Late copies.
        sleep(20 * PACE).await;
        let (after, cpu) = (counted(), benches::processor_seconds() - cpu);
        for node in nodes {
            node.server.stop().await;
            node.whisper.stop().await;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts")]
        let (delivered, copies, bytes) = (
            (self.posts * (self.nodes - 1)) as f64,
            (after.1 - before.1) as f64,
            (after.0 - before.0) as f64,
        );
        MeshMeasured {
            copies: copies / delivered,
            bytes: bytes / delivered,
            cpu_micros: cpu * 1e6 / delivered,
            millis: benches::percentile(&mut millis, 0.5),
        }
    }

    /// Starts all nodes, and waits until they are connected.
    async fn start(&self, lazy: bool, sent: &Sent, arrived: &mpsc::Sender<()>) -> Vec<Node> {
        let mut nodes: Vec<Node> = Vec::new();
        for dials in self.dials() {
            let node = Node::start(lazy, sent, arrived, dials.iter().map(|dial| &nodes[*dial]));
            nodes.push(node.await);
        }
        let connected = async {
            let is_connected = |node: &Node| node.peers() >= self.degree;
            while !nodes.iter().all(is_connected) {
                sleep(PACE).await;
            }
        };
        timeout(LIMIT, connected).await.expect("all nodes are connected");
        nodes
    }

    /// Whom each node dials, of those before it: a random graph in which each node has the same number of peers.
    fn dials(&self) -> Vec<Vec<usize>> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let mut nodes: Vec<usize> = (0..self.nodes).collect();
        nodes.shuffle(&mut rng);
        let mut edges: Vec<(usize, usize)> = (1..=self.degree / 2)
            .flat_map(|far| (0..self.nodes).map(move |near| (near, far)))
            .map(|(near, far)| (nodes[near], nodes[(near + far) % self.nodes]))
            .collect();
        let has =
            |edges: &[(usize, usize)], a, b| edges.contains(&(a, b)) || edges.contains(&(b, a));
        // Pairs of connections exchange one end.
        for _ in 0..20 * edges.len() {
            let [one, other] = [(); 2].map(|()| rng.random_range(0..edges.len()));
            let ((a, b), (c, d)) = (edges[one], edges[other]);
            if a != d && c != b && !has(&edges, a, d) && !has(&edges, c, b) {
                (edges[one], edges[other]) = ((a, d), (c, b));
            }
        }
        let mut dials = vec![Vec::new(); self.nodes];
        for (a, b) in edges {
            dials[a.max(b)].push(a.min(b));
        }
        dials
    }
}

impl Node {
    async fn start(
        lazy: bool,
        sent: &Sent,
        arrived: &mpsc::Sender<()>,
        dials: impl Iterator<Item = &Self>,
    ) -> Self {
        let mut settings = Config { min_work: Work::ZERO, ..Config::default() };
        settings.peers.lazy = lazy;
        let whisper = Whisper::new(settings);
        let key = whisper.keys().add_symmetric(SymmetricKey::from_bytes([7; 32]));
        let spec = FilterSpec::new(FilterKey::Symmetric(key)).topic(TOPIC);
        let watch = whisper.watch(spec).expect("a known key");
        tokio::spawn(report(watch, arrived.clone()));
        let config = p2p_server::Config::new(SecretKey::random(&mut rand::rng()))
            .world(Arc::new(CountingWorld(sent.clone())))
            .listen("127.0.0.1:0")
            .max_peers(200)
            .max_pending(200)
            .protocols(whisper.protocols());
        let config = whisper.lazy_protocol().into_iter().fold(config, p2p_server::Config::protocol);
        let config = dials.fold(config, |config, dial| config.static_node(dial.server.enode()));
        let server = Server::start(config).await.expect("a free port");
        Self { whisper, server, key }
    }

    async fn post(&self) {
        let post = Post {
            topic: TOPIC,
            payload: benches::bytes(PAYLOAD),
            pow_target: 0.0,
            ..Post::new(Recipient::Symmetric(self.key))
        };
        self.whisper.post(post).await.expect("it is posted");
    }

    fn peers(&self) -> usize {
        usize::try_from(self.whisper.stats().sessions.established).expect("few")
    }

    /// Envelopes that peers have sent to the node.
    fn received(&self) -> u64 {
        self.whisper.stats().envelopes.received
    }
}

/// Reports each message that arrives.
async fn report(mut watch: Watch, arrived: mpsc::Sender<()>) {
    while watch.next().await.is_some() && arrived.send(()).await.is_ok() {}
}
