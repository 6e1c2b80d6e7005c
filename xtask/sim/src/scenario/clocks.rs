//! Wrong clocks: `cargo xtask sim clocks`.
//!
//! Every fifth clock is wrong by up to five minutes from the start, and connections end all the time. The node whose clock differs from
//! those of most peers that it dialed takes their time as soon as their messages prove the difference; one suffices. A clock that
//! is ahead by less than the time that messages still have to live cannot be proven wrong.

use std::time::Duration;

use p2p_server::mux::DisconnectReason;
use p2p_sim::{Fault, Link, Network, Schedule, Violation};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    members::{Members, NewPost, Posted, host},
    promises::Broken,
    scenario::SPREAD,
    settings::Settings,
};

const SECOND: Duration = Duration::from_secs(1);

/// Every how many nodes one has a wrong clock, and by how many seconds at most.
const WRONG_EVERY: usize = 5;
const WRONG: i32 = 300;

/// Seconds between two messages.
const POST_EVERY: u64 = 5;

/// The times to live of messages in seconds: the default, and one that is longer than the correction of the clocks.
const TTLS: [u32; 2] = [50, 500];

/// The most seconds by which a clock may be ahead and not be proven wrong: what is left of the usual time to live.
const UNSEEN: i32 = 55;

/// The most seconds by which a clock may be behind and not be proven wrong: envelopes may come so much from the future.
const BEHIND: i32 = 10;

/// Until then some clocks are not corrected yet.
const LEARNT: Duration = Duration::from_secs(60);

/// The share of connections that end within a second: 5 % in a minute.
const ENDS: f64 = 0.05 / 60.0;

/// Runs the seeds. Returns whether every promise holds in all of them.
pub(crate) fn run(settings: &Settings) -> bool {
    let first = settings.seeds.first;
    let seeds = first..first.saturating_add(settings.seeds.count);
    let mut good = true;
    for seed in seeds {
        match run_one(settings, seed) {
            Ok((posts, trace)) => println!("seed {seed}: {posts} posts, trace {trace:016x}"),
            Err(violation) => {
                good = false;
                println!("seed {seed}: FAILED: {violation}");
            }
        }
    }
    good
}

/// Runs one seed. Returns the number of messages and the hash of the trace.
fn run_one(settings: &Settings, seed: u64) -> Result<(usize, u64), Violation> {
    let mut rng = StdRng::seed_from_u64(seed);
    let clocks: Vec<i32> = (0..settings.nodes)
        .map(|node| if node % WRONG_EVERY == 0 { rng.random_range(-WRONG..=WRONG) } else { 0 })
        .collect();
    let set = |(node, seconds): (usize, &i32)| {
        (Duration::ZERO, Fault::Clock(host(node), f64::from(*seconds)))
    };
    let faults: Schedule = clocks.iter().enumerate().map(set).collect();
    let ms = Duration::from_millis;
    let link = Link::default().latency(ms(20)..ms(150)).jitter(ms(10)).loss(0.005);
    let mut network = Network::new(seed).link(link).faults(faults);
    if settings.null {
        network = network.null_cryptography();
    }
    let members = Members::new(&mut network, settings.nodes, settings.degree, false);
    let broken = |network: &Network, (name, text): Broken| Violation {
        seed,
        name: name.to_owned(),
        at: network.elapsed(),
        text,
    };
    let end = SECOND * 60 * u32::try_from(settings.minutes).unwrap_or(u32::MAX);
    while network.elapsed() < end {
        let (second, now) = (network.elapsed().as_secs(), network.elapsed());
        if second % POST_EVERY == 0 && now + SECOND * 60 < end {
            let (node, number) = (rng.random_range(0..members.len()), members.posts().len());
            let new = NewPost { node, number: number as u64, topic: 0, ttl: TTLS[number % 2] };
            network.call(|| members.post(new, now));
        }
        network.call(|| end_connections(&members, &mut rng));
        network.run_for(SECOND)?;
        network.call(|| members.receive()).map_err(|text| {
            broken(&network, ("messages come once and say when they were sent", text))
        })?;
    }
    network.run_for(SPREAD)?;
    let checked = check_clocks(&members, &clocks).and_then(|()| check_arrived(&members, &clocks));
    checked.map_err(|it| broken(&network, it))?;
    let posts = members.posts().len();
    Ok((posts, network.trace_hash()))
}

/// Ends some connections. They are dialed again.
fn end_connections(members: &Members, rng: &mut StdRng) {
    for node in 0..members.len() {
        let Some(server) = members.nodes.server(node) else { continue };
        for peer in members.nodes.dials(node) {
            if rng.random_bool(ENDS)
                && let Some(peer) = server.peer(&members.nodes.id(peer))
            {
                peer.disconnect(DisconnectReason::Requested);
            }
        }
    }
}

/// A right clock is not corrected, and a wrong one as far as it can be proven wrong.
fn check_clocks(members: &Members, clocks: &[i32]) -> Result<(), Broken> {
    for (node, wrong) in clocks.iter().enumerate() {
        let correction = members.member(node).map_or(0, |it| it.whisper.info().clock_correction);
        let left = wrong + correction;
        let allowed = if *wrong == 0 { 0..=0 } else { -BEHIND..=UNSEEN };
        if !allowed.contains(&left) {
            let text = format!(
                "the clock of node {node} is wrong by {wrong} s, corrected by {correction} s"
            );
            return Err(("wrong clocks are corrected, and right ones are not", text));
        }
    }
    Ok(())
}

/// Every message has reached every node.
fn check_arrived(members: &Members, clocks: &[i32]) -> Result<(), Broken> {
    let posts = members.posts().clone();
    for (node, clock) in clocks.iter().enumerate() {
        let received = members.member(node).map(|it| it.received()).unwrap_or_default();
        let promised = |posted: &&Posted| {
            let by_right_clocks = *clock == 0 && clocks[posted.new.node] == 0;
            // Such a node takes what it gets for expired.
            let is_ahead = *clock <= UNSEEN && i64::from(*clock) + 10 > posted.new.ttl.into();
            (by_right_clocks || posted.at >= LEARNT) && !is_ahead
        };
        let mut promised = posts.iter().filter(promised);
        if let Some(Posted { new, at, .. }) = promised.find(|it| !received.contains(&it.new.number))
        {
            let of_poster = clocks[new.node];
            let text = format!(
                "node {node}, {clock} s ahead, has not received {new:?} of {at:?}, from {of_poster} s ahead"
            );
            return Err(("every message reaches every node", text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_clocks_are_corrected_and_no_message_is_lost() {
        let settings = crate::parse("clocks --nodes 20 --minutes 5 --null");
        for seed in [1, 2] {
            let outcome = run_one(&settings, seed);
            assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
        }
    }
}
