//! A network of 100 nodes on virtual time: connections are lost and made, clocks are wrong, and still
//! every envelope reaches every node, once.
//!
//! # What is promised
//!
//! An envelope says when it was sent and when it expires, by the clock of who made it. Over each
//! connection a node is offered it once: when its peer takes it, or, if it comes later, when it comes.
//! The node takes it while its own clock is neither more than 10 s before the one nor past the other,
//! and if it is too early, then later, if the connection lasts until then.
//!
//! A node whose clock differs from those of most peers that it has chosen goes by theirs as soon as
//! they have shown it, which one envelope does. That cannot be shown of a clock that is ahead by less
//! than what is left of the lives of what comes in. So it reaches
//!
//! - every node, at once, if the clock of whoever posts it is right or was corrected before; when its
//!   time has come, if that is ahead by less than a usual life;
//! - where clocks are not corrected: every node whose clock admits it, over any path of connections
//!   between nodes whose clocks admit it when it comes by, as long as it lives. A node whose clock is
//!   behind gets it late; none whose clock is ahead by more than what is left of its life gets it.
//!
//! Wrong clocks never cost a connection. Both are simulated: the first as it is said, the second
//! compared with what an oracle says, node by node, no more and no less.

mod network;
mod reach;

use std::collections::HashMap;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use whisper_envelope::{Dialect, Draft, Recipient};

use crate::support::{TOPIC, key};
use network::Network;
use reach::Reach;
use whisper_protocol::{Envelope, EnvelopeOutcome};

const NODES: usize = 100;

/// Connections of each node.
const DEGREE: usize = 6;

/// Virtual seconds.
const DURATION: u32 = 600;

/// A post every so many seconds, while there is time enough for it to get around.
const EVERY: u32 = 10;

/// Times to live: the default, and one that outlasts the estimate of the clocks.
const TTLS: [u32; 2] = [50, 500];

/// Each connection is lost with this probability in a second: 5 % in a minute.
const LOSS: f64 = 0.05 / 60.0;

/// Every fifth clock is wrong, by up to that many seconds.
const SKEW: i64 = 300;

/// Up to this second some node may not have heard of anything yet.
const FIRST: u32 = 30;

/// Who is further ahead is shown it by an envelope with the usual time to live.
const UNSEEN: i64 = TTLS[0] as i64 + 5;

#[tokio::test(start_paused = true)]
async fn every_envelope_reaches_every_node_at_once_and_none_twice() {
    for seed in [1, 2] {
        let simulation = Simulation::run(seed, true).await;
        simulation.check_all_reached();
        simulation.check_peace();
        simulation.network.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn where_clocks_are_not_corrected_it_reaches_whom_it_can_reach_and_none_twice() {
    let simulation = Simulation::run(3, false).await;
    simulation.check_with_oracle();
    simulation.check_peace();
    simulation.network.stop().await;
}

struct Posted {
    envelope: Envelope,
    poster: usize,
    /// In which second of the simulation.
    at: u32,
    reached: Reach,
}

/// How often a node's filter was given an envelope, and in which second for the first time.
type Delivered = HashMap<(usize, [u8; 32]), (u32, u32)>;

struct Simulation {
    seed: u64,
    skews: Vec<i64>,
    network: Network,
    posts: Vec<Posted>,
    delivered: Delivered,
}

impl Simulation {
    async fn run(seed: u64, corrects: bool) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let skews: Vec<i64> = (0..NODES)
            .map(|node| if node % 5 == 0 { rng.random_range(-SKEW..=SKEW) } else { 0 })
            .collect();
        let network = Network::new(&skews, corrects);
        let mut it = Self { seed, skews, network, posts: Vec::new(), delivered: HashMap::new() };
        for second in 0..DURATION {
            it.network.at(second).await;
            it.spread();
            it.network.lose(|| rng.random_bool(LOSS));
            it.network.settle().await;
            it.network.fill(DEGREE, &mut rng);
            if second % EVERY == 0 && second < DURATION - EVERY {
                it.post(second, &mut rng);
            }
            it.spread();
            it.network.settle().await;
            it.network.collect(second, &mut it.delivered);
        }
        it
    }

    fn post(&mut self, at: u32, rng: &mut StdRng) {
        let poster = rng.random_range(0..NODES);
        let (key, ttl) = (key(), TTLS[self.posts.len() % 2]);
        let now = self.network.clock(poster);
        let draft = Draft::new(Dialect::V6, Recipient::Symmetric(&key), now);
        let envelope = draft.ttl(ttl).topic(TOPIC).encrypt(rng).unwrap().seal(0);
        assert_eq!(self.network.node(poster).inject(envelope.clone()), EnvelopeOutcome::New);
        let reached = Reach::new(&envelope, poster, NODES);
        self.posts.push(Posted { envelope, poster, at, reached });
    }

    fn spread(&mut self) {
        for post in &mut self.posts {
            post.reached.spread(&self.skews, self.network.now(), self.network.connections());
        }
    }

    fn delivered(&self, node: usize, post: &Posted) -> (u32, u32) {
        self.delivered.get(&(node, *post.envelope.hash())).copied().unwrap_or_default()
    }

    fn check_all_reached(&self) {
        for (number, post) in self.posts.iter().enumerate() {
            for node in 0..NODES {
                let (times, second) = self.delivered(node, post);
                assert!(times <= 1, "{}: {times} times", self.name(number, node));
                if let Some(last) = self.promised(post, node) {
                    let in_time = times == 1 && (post.at..=last).contains(&second);
                    assert!(in_time, "{}: {times}, in {second}", self.name(number, node));
                }
            }
        }
        for (node, estimate) in self.skews.iter().enumerate() {
            let left = i64::from(self.network.node(node).info().clock_correction) + estimate;
            assert!(*estimate != 0 || left == 0, "seed {}: node {node} was right", self.seed);
            assert!(left.abs() <= UNSEEN, "seed {}: node {node} is off by {left}", self.seed);
        }
    }

    /// The second in which the node has the post at the latest, if any is promised.
    fn promised(&self, post: &Posted, node: usize) -> Option<u32> {
        let (of_poster, of_node) = (self.skews[post.poster], self.skews[node]);
        let is_unseen = |estimate| (11..=UNSEEN).contains(&estimate);
        let latest = if is_unseen(of_poster) { post.at + 60 } else { post.at };
        let has_begun = post.at >= FIRST || of_poster == 0 && of_node == 0;
        let is_missed = is_unseen(of_node) && of_node > post.envelope.ttl().into();
        (has_begun && !is_missed && latest < DURATION).then_some(latest)
    }

    fn name(&self, number: usize, node: usize) -> String {
        let Posted { envelope, poster, at, .. } = &self.posts[number];
        format!(
            "seed {}: what node {poster}, {} s ahead, posted in second {at}, to live {} s, at node \
             {node}, {} s ahead",
            self.seed,
            self.skews[*poster],
            envelope.ttl(),
            self.skews[node],
        )
    }

    fn check_with_oracle(&self) {
        let mut late = 0;
        for (number, post) in self.posts.iter().enumerate() {
            for node in 0..NODES {
                let (times, second) = self.delivered(node, post);
                let expected = u32::from(post.reached.has(node));
                assert_eq!(times, expected, "{}", self.name(number, node));
                late += u32::from(times == 1 && second > post.at + 10);
            }
        }
        assert!(late > 100, "seed {}: those whose clocks are behind are reached later", self.seed);
    }

    /// Nobody was cut off, nothing came twice to a filter, and the clocks did matter.
    fn check_peace(&self) {
        let (mut early, mut late, mut old) = (0, 0, 0);
        for node in 0..NODES {
            let stats = self.network.node(node).stats();
            assert_eq!(stats.delivery.repeated, 0, "seed {}", self.seed);
            assert_eq!(stats.faults, Default::default(), "seed {}", self.seed);
            early += stats.envelopes.early;
            late += stats.envelopes.late;
            old += stats.rejected.very_old;
        }
        assert!(early > 0 && old > 0, "seed {}: {early} {late} {old}", self.seed);
    }
}
