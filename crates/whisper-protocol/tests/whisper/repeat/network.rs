//! Nodes in one thread, connections between them that take time, and the trace of what happens.

use std::{
    fmt::Write as _,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex},
    time::Duration,
};

use p2p_identity::SecretKey;
use p2p_mux::{Channel, Receiver, Sender};
use p2p_world::rng;
use tokio::{
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep},
};
use whisper_envelope::{Dialect, SymmetricKey};
use whisper_pow::Client;
use whisper_protocol::{
    Config, FilterKey, FilterSpec, Post, ReceiptSettings, Recipient, Remote, Watch, Whisper,
};

use crate::support::{NOW, TOPIC, amount, key, world};

const NODES: usize = 12;

/// Seconds between two changes of the network.
const ROUNDS: usize = 20;

/// What happened, one line an event.
#[derive(Clone)]
struct Trace {
    start: Instant,
    lines: Arc<Mutex<Vec<String>>>,
    posted: Arc<Mutex<Vec<[u8; 32]>>>,
}

impl Trace {
    fn add(&self, node: usize, event: &str) {
        let micros = self.start.elapsed().as_micros();
        self.lines.lock().unwrap().push(format!("{micros} node {node}: {event}"));
    }
}

/// A connection: a task for each session and each direction.
struct Link {
    ends: (usize, usize),
    tasks: Vec<AbortHandle>,
}

pub(super) struct Network {
    trace: Trace,
    nodes: Vec<Whisper>,
    links: Vec<Link>,
    tasks: JoinSet<()>,
}

impl Network {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        let trace = Trace { start, lines: Arc::default(), posted: Arc::default() };
        let config = |node: usize| {
            let ahead = if node % 4 == 1 { 20 } else { 0 };
            let seconds = move || u32::try_from(start.elapsed().as_secs()).unwrap();
            let world = world(move || NOW + ahead + seconds());
            let receipts = ReceiptSettings { confirmations: true, peers: 2, ..Default::default() };
            let min_work = amount(0.01);
            Config { min_work, receipts, ..Config::simulated(world) }
        };
        let nodes = (0..NODES).map(|node| Whisper::new(config(node))).collect();
        let mut it = Self { trace, nodes, links: Vec::new(), tasks: JoinSet::new() };
        for node in 0..NODES {
            it.watch(node);
            it.connect(node, (node + 1) % NODES);
        }
        it
    }

    /// Lets the network run for a while. Returns what happened.
    pub(super) async fn run(mut self) -> Vec<String> {
        for round in 0..ROUNDS {
            if round % 2 == 0 && round < ROUNDS - 4 {
                // At the same time, so that their searches take turns.
                for _ in 0..3 {
                    self.post(below(NODES));
                }
            }
            if self.links.len() > NODES {
                let lost = self.links.swap_remove(below(self.links.len()));
                self.trace.add(lost.ends.0, &format!("lost {}", lost.ends.1));
                lost.tasks.iter().for_each(AbortHandle::abort);
            }
            let (a, b) = (below(NODES), below(NODES));
            if a != b {
                self.connect(a, b);
            }
            sleep(Duration::from_secs(1)).await;
        }
        for (number, node) in self.nodes.iter().enumerate() {
            let (stats, info) = (node.stats(), node.info());
            self.trace.add(number, &format!("{stats:?} {info:?}"));
            // It lists the filters in the order of a hash map.
            for hash in self.trace.posted.lock().unwrap().iter() {
                self.trace.add(number, &format!("{:?}", node.explain(hash)));
            }
            node.stop().await;
        }
        let lines = self.trace.lines.lock().unwrap();
        lines.clone()
    }

    /// Records the messages that a node receives, with several keys on one topic.
    fn watch(&mut self, number: usize) {
        let node = &self.nodes[number];
        for owner in 0..3 {
            let other = node.keys().add_symmetric(SymmetricKey::random(&mut rng()));
            let own = node.keys().add_symmetric(key());
            for key in [other, own] {
                let filter = FilterKey::Symmetric(key);
                let owner = Client { key: owner, weight: 1 };
                let spec = FilterSpec { owner, ..FilterSpec::new(filter).topic(TOPIC) };
                let watch = node.watch(spec).unwrap();
                self.tasks.spawn(record_messages(self.trace.clone(), number, watch));
            }
        }
    }

    /// Posts at a node: it encrypts, does the work, and waits for the receipt.
    fn post(&mut self, number: usize) {
        let (node, trace) = (self.nodes[number].clone(), self.trace.clone());
        let best = below(3) == 0;
        self.tasks.spawn(async move {
            let post = Post {
                topic: TOPIC,
                payload: rng().bytes::<32>().to_vec(),
                pow_target: if best { -1.0 } else { 0.05 },
                pow_time: Duration::from_millis(if best { 30 } else { 5000 }),
                ..Post::new(Recipient::Symmetric(node.keys().add_symmetric(key())))
            };
            match node.post(post).await {
                Ok(mut receipt) => {
                    trace.add(number, &format!("posted {}", hex(&receipt.hash())));
                    trace.posted.lock().unwrap().push(receipt.hash());
                    let ending = receipt.ended().await;
                    trace.add(number, &format!("ended {} {ending:?}", hex(&receipt.hash())));
                }
                Err(error) => trace.add(number, &format!("not posted: {error}")),
            }
        });
    }

    fn connect(&mut self, a: usize, b: usize) {
        let ((at_a, from_a), (at_b, from_b)) = (Channel::pipe(), Channel::pipe());
        let mut tasks = Vec::new();
        for (node, other, channel) in [(a, b, at_a), (b, a, at_b)] {
            let id = SecretKey::random(&mut rng()).id();
            let remote = Remote::new(Dialect::V6, id).dialed(node == a);
            let (session, trace) = (self.nodes[node].attach(remote, channel), self.trace.clone());
            tasks.push(self.tasks.spawn(async move {
                let ended = session.await;
                trace.add(node, &format!("session with {other}: {ended:?}"));
            }));
        }
        let ((to_a, from_a), (to_b, from_b)) = (from_a.split(), from_b.split());
        for (ends, receiver, sender) in [((a, b), from_a, to_b), ((b, a), from_b, to_a)] {
            let carrying = carry(self.trace.clone(), ends, receiver, sender);
            tasks.push(self.tasks.spawn(carrying));
        }
        self.trace.add(a, &format!("connected with {b}"));
        self.links.push(Link { ends: (a, b), tasks });
    }
}

async fn record_messages(trace: Trace, node: usize, mut watch: Watch) {
    while let Some(message) = watch.next().await {
        trace.add(node, &format!("message {} of filter {}", hex(&message.hash), watch.id()));
    }
}

/// Carries packets from one node to another. Each takes up to 100 ms.
async fn carry(trace: Trace, ends: (usize, usize), mut receiver: Receiver, sender: Sender) {
    while let Some(message) = receiver.recv().await {
        let mut digest = DefaultHasher::new();
        message.payload.hash(&mut digest);
        let (code, digest) = (message.code, digest.finish());
        trace.add(ends.0, &format!("packet {code} {digest:016x} to {}", ends.1));
        sleep(Duration::from_micros(below(100_000) as u64)).await;
        if sender.send_raw(message.code, message.payload).await.is_err() {
            return;
        }
    }
}

/// A random number below a limit.
fn below(limit: usize) -> usize {
    usize::try_from(rng().number() % limit as u64).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(8).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
