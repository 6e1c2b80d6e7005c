//! A network of 100 nodes on virtual time: connections are lost and made, clocks are wrong, and still
//! every envelope reaches whom it can reach, once.
//!
//! # What is promised
//!
//! An envelope says when it was sent and when it expires, by the clock of who made it. A node takes it
//! while its own clock is neither more than 10 s before the one nor past the other, and a node is
//! offered it once over each connection: when its peer takes it, or, if it comes later, when it comes.
//! So it reaches
//!
//! - every node whose clock admits it, over any path of connections between nodes whose clocks admit it
//!   when it comes by, at once, as long as it lives, also over connections that are made later;
//! - no node whose clock is ahead by more than what is left of its life, and no node whose clock is
//!   behind by more than 10 s, unless a connection is made when that has passed.
//!
//! Wrong clocks never cost a connection. The simulation is compared with that, node by node: no more
//! and no less.

mod network;
mod reach;

use std::collections::HashMap;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use whisper_envelope::{Dialect, Draft, Recipient};

use crate::support::{TOPIC, key};
use network::{Network, SECOND};
use reach::Reach;
use whisper_node::{Envelope, Verdict};

const NODES: usize = 100;

/// Connections of each node.
const DEGREE: usize = 6;

/// Virtual seconds.
const DURATION: u32 = 600;

/// A post every so many seconds, while there is time enough for it to get around.
const EVERY: u32 = 10;

/// Times to live: the default, and one that outlasts the skew of the clocks.
const TTLS: [u32; 2] = [50, 500];

/// Each connection is lost with this probability in a second: 5 % in a minute.
const LOSS: f64 = 0.05 / 60.0;

/// Every fifth clock is wrong, by up to that many seconds.
const SKEW: i64 = 300;

#[tokio::test(start_paused = true)]
async fn every_envelope_reaches_every_node_that_it_can_reach_and_none_twice() {
    for seed in [1, 2] {
        simulate(seed).await;
    }
}

/// What was posted, and what came of it.
#[derive(Default)]
struct Posts {
    envelopes: Vec<Envelope>,
    posters: Vec<usize>,
    reached: Vec<Reach>,
}

async fn simulate(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let skews: Vec<i64> = (0..NODES)
        .map(|node| if node % 5 == 0 { rng.random_range(-SKEW..=SKEW) } else { 0 })
        .collect();
    let mut network = Network::new(&skews);
    let mut posts = Posts::default();
    let mut delivered = HashMap::new();
    for second in 0..DURATION {
        network.lose(|| rng.random_bool(LOSS));
        network.settle().await;
        network.fill(DEGREE, &mut rng);
        if second % EVERY == 0 && second < DURATION - EVERY {
            post(&mut posts, &network, &mut rng);
        }
        for reach in &mut posts.reached {
            reach.spread(&skews, network.now(), network.connections());
        }
        network.settle().await;
        network.collect(&mut delivered);
        tokio::time::sleep(SECOND).await;
    }
    check(seed, &network, &skews, &posts, &delivered);
    network.stop().await;
}

fn post(posts: &mut Posts, network: &Network, rng: &mut StdRng) {
    let poster = rng.random_range(0..NODES);
    let (key, ttl) = (key(), TTLS[posts.envelopes.len() % 2]);
    let clock = network.clock(poster);
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(&key), clock.now());
    let envelope = draft.ttl(ttl).topic(TOPIC).encrypt(rng).unwrap().seal(0);
    assert_eq!(network.node(poster).inject(envelope.clone()), Verdict::New);
    posts.reached.push(Reach::new(&envelope, poster, NODES));
    posts.envelopes.push(envelope);
    posts.posters.push(poster);
}

fn check(
    seed: u64,
    network: &Network,
    skews: &[i64],
    posts: &Posts,
    delivered: &HashMap<(usize, [u8; 32]), u32>,
) {
    let mut reached_behind = 0;
    for (number, envelope) in posts.envelopes.iter().enumerate() {
        let (reach, poster) = (&posts.reached[number], posts.posters[number]);
        for (node, skew) in skews.iter().enumerate() {
            let times = delivered.get(&(node, *envelope.hash())).copied().unwrap_or(0);
            let expected = u32::from(reach.has(node));
            let ttl = envelope.ttl();
            assert_eq!(
                times, expected,
                "seed {seed}: post {number} of node {poster}, to live {ttl} s, at node {node} \
                 whose clock is {skew} s ahead",
            );
            if skews[poster] == 0 && *skew == 0 {
                assert_eq!(times, 1, "seed {seed}: post {number} misses node {node}");
            }
            reached_behind += u32::from(*skew < skews[poster] - 10 && times == 1);
        }
    }
    assert!(reached_behind > 0, "seed {seed}: late ones are reached by new connections");
    for node in 0..NODES {
        let stats = network.node(node).stats();
        assert_eq!(stats.delivery.repeated, 0, "seed {seed}: none came twice to a filter");
        assert_eq!(stats.faults, Default::default(), "seed {seed}: nobody was cut off");
    }
    let refused = |node: usize| network.node(node).stats().rejected;
    let (early, late) = (0..NODES).fold((0, 0), |(early, late), node| {
        (early + refused(node).from_the_future, late + refused(node).very_old)
    });
    assert!(early > 0 && late > 0, "seed {seed}: the clocks did matter");
}
