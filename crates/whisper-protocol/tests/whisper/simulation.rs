//! A network of 100 nodes on virtual time. Connections are lost and made, some clocks are wrong, and every envelope
//! reaches every node exactly once.
//!
//! # What is guaranteed
//!
//! An envelope contains the times at which it was sent and expires, by the clock of its maker. A node is sent it once over
//! each connection: when the peer admits it, or when the connection is made. The node admits it if its own clock is at
//! most 10 s before the time of sending and not after the expiry. An envelope that is too early is admitted later, if the
//! connection lasts until then.
//!
//! A node whose clock differs from the clocks of most peers that it dialed uses their time as soon as their envelopes
//! prove the difference; one envelope suffices. A clock that is ahead by less than the remaining lifetime of the arriving
//! envelopes cannot be proven wrong. So an envelope reaches
//!
//! - with corrected clocks: every node. It does so at once if the clock of its maker is right or was corrected before, and
//!   when its time comes if that clock is ahead by less than the usual lifetime;
//! - without correction: every node whose clock admits it, over any path of nodes whose clocks admit it when it arrives,
//!   until it expires. A node whose clock is behind gets it late. A node whose clock is ahead by more than the remaining
//!   lifetime does not get it.
//!
//! A wrong clock never ends a connection. Both cases are simulated. In the second, an oracle says for each node whether
//! the envelope reaches it, and the result must be equal.

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

/// Number of connections of each node.
const DEGREE: usize = 6;

/// Duration in virtual seconds.
const DURATION: u32 = 600;

/// Seconds between two posts, except near the end, where a post would not have enough time.
const POST_INTERVAL_SECS: u32 = 10;

/// Times to live: the default, and one that is longer than the correction of the clocks.
const TTLS: [u32; 2] = [50, 500];

/// Probability that a connection is lost within a second: 5 % in a minute.
const LOSS: f64 = 0.05 / 60.0;

/// Every fifth clock is wrong, by at most this number of seconds.
const SKEW: i64 = 300;

/// Until this second, some node may not have received an envelope.
const FIRST: u32 = 30;

/// A clock that is further ahead is proven wrong by an envelope with the usual time to live.
const UNSEEN: i64 = TTLS[0] as i64 + 5;

#[tokio::test(start_paused = true)]
async fn every_envelope_reaches_every_node_at_once_and_only_once() {
    for seed in [1, 2] {
        let simulation = Simulation::run(seed, true).await;
        simulation.check_all_reached();
        simulation.check_no_side_effects();
        simulation.network.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_correction_it_reaches_the_nodes_that_the_oracle_names() {
    let simulation = Simulation::run(3, false).await;
    simulation.check_with_oracle();
    simulation.check_no_side_effects();
    simulation.network.stop().await;
}

struct Posted {
    envelope: Envelope,
    poster: usize,
    /// The second of the simulation.
    at: u32,
    reached: Reach,
}

/// How often an envelope was delivered to a node's filter, and the second of the first time.
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
            if second % POST_INTERVAL_SECS == 0 && second < DURATION - POST_INTERVAL_SECS {
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

    /// The second in which the node must have the post at the latest, if there is a guarantee.
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

    /// Checks that no session was ended, no envelope was delivered twice, and clocks made a difference.
    fn check_no_side_effects(&self) {
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
