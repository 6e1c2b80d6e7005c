//! What whisper-protocol promises.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::{Duration, UNIX_EPOCH},
};

use p2p_sim::{Fault, HostId, Network, Scenario};
use whisper_protocol::{EnvelopeState, PostStats, SkipReason};

use super::Broken;
use crate::{
    members::{Members, Posted, TOPICS, ending, host},
    scenario::SPREAD,
};

/// By how many seconds a clock may be wrong so that nothing is lost: the protocol tolerates 10.
const TOLERATED_CLOCK: f64 = 9.0;

/// By how much two clocks differ at most, of which one or both are wrong or corrected.
const ALL_CLOCKS: Duration = Duration::from_secs(100);

/// Every how many seconds one looks at what takes long to look at.
const LOOK_EVERY: usize = 4;

/// How long after its expiry a post must have ended.
const END_MARGIN: Duration = Duration::from_secs(70);

/// The moment from which nothing goes wrong, and what was wrong with clocks before.
#[derive(Debug, Clone)]
pub(crate) struct Repaired {
    pub(crate) at: Duration,
    wrong_clocks: BTreeSet<HostId>,
    /// Those whose clocks were set at all: timers of the protocol notice it late.
    set_clocks: BTreeSet<HostId>,
    /// When a node followed the clocks of its peers last, by its index.
    corrected: Rc<RefCell<BTreeMap<usize, Duration>>>,
}

impl Repaired {
    pub(crate) fn new(scenario: &Scenario, at: Duration) -> Self {
        let set = scenario.faults.iter().filter_map(|(_, fault)| match fault {
            Fault::Clock(host, by) => Some((*host, by.abs())),
            _ => None,
        });
        let wrong = set.clone().filter(|(_, by)| *by > TOLERATED_CLOCK);
        let hosts = |(host, _)| host;
        Self {
            at,
            wrong_clocks: wrong.map(hosts).collect(),
            set_clocks: set.map(hosts).collect(),
            corrected: Rc::default(),
        }
    }

    /// Whether a message must have reached a node by now. While one of the two has a wrong clock, or follows peers whose clocks
    /// are or were wrong, it takes a live message for expired, or posts one that has expired for others. So only messages that
    /// are alive by all these clocks need arrive then.
    fn must_reach(&self, posted: &Posted, node: usize, now: Duration) -> bool {
        posted.expiry() > now + ALL_CLOCKS
            || [posted.new.node, node].into_iter().all(|node| {
                let was_wrong = self.wrong_clocks.contains(&host(node));
                let wrong_until = was_wrong.then_some(self.at + Duration::from_secs(15));
                let followed_until = self.corrected.borrow().get(&node).copied();
                wrong_until.max(followed_until).is_none_or(|until| posted.at > until)
            })
    }

    /// Remembers which nodes follow the clocks of their peers.
    fn note_corrected(&self, members: &Members, now: Duration) {
        let all = 0..members.len();
        self.corrected
            .borrow_mut()
            .extend(all.filter(|node| correction(members, *node) != 0).map(|node| (node, now)));
    }
}

/// By how many seconds a node corrects its clock.
fn correction(members: &Members, node: usize) -> i32 {
    members.member(node).map_or(0, |member| member.whisper.info().clock_correction)
}

/// What holds at each moment.
pub(crate) fn register(network: Network, members: &Members, repaired: &Repaired) -> Network {
    let (pools, posts) = (members.clone(), members.clone());
    let (set_clocks, noted) = (repaired.set_clocks.clone(), repaired.clone());
    network
        .invariant("a pool has nothing that has expired", move |network| {
            // It decrypts the whole pool: one node every few seconds.
            let second = usize::try_from(network.elapsed().as_secs()).unwrap_or(0);
            let index = second / LOOK_EVERY % pools.len();
            let Some(member) = pools.member(index).filter(|_| second.is_multiple_of(LOOK_EVERY))
            else {
                return Ok(());
            };
            if set_clocks.contains(&host(index)) || member.whisper.info().clock_correction != 0 {
                return Ok(());
            }
            let now = member.world.unix_time().duration_since(UNIX_EPOCH).unwrap_or_default();
            match member.oldest_expiry().filter(|expiry| u64::from(*expiry) + 1 < now.as_secs()) {
                Some(expiry) => Err(format!("node {index}: {expiry} at {}", now.as_secs())),
                None => Ok(()),
            }
        })
        .invariant("a post ends once", move |network| {
            noted.note_corrected(&posts, network.elapsed());
            let second = usize::try_from(network.elapsed().as_secs()).unwrap_or(0);
            for (number, posted) in posts.posts().iter_mut().enumerate() {
                if posted.ended.is_none() || (number + second).is_multiple_of(LOOK_EVERY) {
                    posted.look()?;
                }
            }
            for index in 0..posts.len() {
                let Some(member) = posts.member(index) else { continue };
                let ends = count_ends(&member.whisper.stats().posts);
                let all = posts.posts();
                let own = all.iter().filter(|posted| posted.new.node == index);
                let own = own.filter(|posted| posted.start == member.starts).count() as u64;
                if ends > own {
                    return Err(format!("node {index} has {own} posts and {ends} ends of posts"));
                }
            }
            Ok(())
        })
}

fn count_ends(posts: &PostStats) -> u64 {
    let PostStats {
        delivered, refused, left, unsent, expired, evicted, untracked, stopped, ..
    } = posts;
    delivered + refused + left + unsent + expired + evicted + untracked + stopped
}

/// Every message that is alive has reached every node of a connected part of the network that wants it.
pub(crate) fn check_arrived(
    members: &Members,
    repaired: &Repaired,
    now: Duration,
) -> Result<(), Broken> {
    let received: Vec<BTreeSet<u64>> = (0..members.len())
        .map(|index| members.member(index).map(|member| member.received()).unwrap_or_default())
        .collect();
    let posts = members.posts().clone();
    for topic in 0..TOPICS.len() {
        let of_topic = |posted: &&Posted| posted.new.topic == topic;
        let alive: Vec<&Posted> = posts
            .iter()
            .filter(of_topic)
            .filter(|posted| posted.expiry() > now + SPREAD && posted.at + SPREAD < now)
            .collect();
        for part in connected_parts(members, topic) {
            let reached = |posted: &&&Posted| {
                part.iter().any(|node| received[*node].contains(&posted.new.number))
            };
            for posted in alive.iter().filter(reached) {
                let missing = part.iter().find(|node| {
                    !received[**node].contains(&posted.new.number)
                        && repaired.must_reach(posted, **node, now)
                });
                if let Some(node) = missing {
                    let Posted { new, at, .. } = posted;
                    let known = what_is_known(members, posted, *node);
                    let text = format!("node {node} has not received {new:?} of {at:?}: {known}");
                    return Err(("what is alive arrives", text));
                }
            }
        }
    }
    Ok(())
}

/// No node follows clocks that were wrong.
pub(crate) fn check_clocks(members: &Members) -> Result<(), Broken> {
    for node in 0..members.len() {
        let seconds = correction(members, node);
        if seconds != 0 {
            let text = format!("node {node} corrects its clock by {seconds} s");
            return Err(("a right clock is not corrected", text));
        }
    }
    Ok(())
}

/// What a node and its peers know about a message that has not arrived.
fn what_is_known(members: &Members, posted: &Posted, node: usize) -> String {
    let Some(Ok(receipt)) = &posted.receipt else { return "it was not posted".to_owned() };
    let explain = |index| {
        let explained = members.member(index).map(|it| it.whisper.explain(&receipt.hash()));
        let Some(explained) = explained else { return format!("node {index} is off") };
        let drops = explained.drops;
        let text = match explained.state {
            EnvelopeState::Pooled(pooled) if index == node => {
                format!("queued {}, filters {:?}", pooled.queued, pooled.filters)
            }
            EnvelopeState::Pooled(pooled) => {
                let id = members.nodes.id(node);
                format!("{:?}", pooled.peers.iter().find(|peer| peer.peer == id))
            }
            other => format!("{other:?}"),
        };
        format!("node {index} {text} {drops:?}")
    };
    let is_of_interest =
        |other: &usize| *other == posted.new.node || is_connected(members, node, *other);
    let near = (0..members.len()).filter(is_of_interest);
    std::iter::once(node).chain(near).map(explain).collect::<Vec<_>>().join("; ")
}

/// The nodes that want a topic, in parts that are connected over such nodes.
fn connected_parts(members: &Members, topic: usize) -> Vec<BTreeSet<usize>> {
    let wants = |index: &usize| members.member(*index).is_some_and(|member| member.wants(topic));
    let mut left: BTreeSet<usize> = (0..members.len()).filter(wants).collect();
    let mut neighbours: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for one in 0..members.len() {
        for other in members.nodes.dials(one) {
            if is_connected(members, one, other) && is_connected(members, other, one) {
                neighbours.entry(one).or_default().push(other);
                neighbours.entry(other).or_default().push(one);
            }
        }
    }
    let mut parts = Vec::new();
    while let Some(first) = left.pop_first() {
        let (mut part, mut next) = (BTreeSet::new(), vec![first]);
        while let Some(node) = next.pop() {
            part.insert(node);
            let near = neighbours.get(&node).into_iter().flatten();
            next.extend(near.filter(|other| left.remove(other)));
        }
        parts.push(part);
    }
    parts
}

fn is_connected(members: &Members, node: usize, peer: usize) -> bool {
    let server = members.nodes.server(node);
    server.is_some_and(|server| server.peer(&members.nodes.id(peer)).is_some())
}

/// A peer is sent at once what it wants.
pub(crate) fn check_sent(members: &Members, now: Duration) -> Result<(), Broken> {
    let hashes: Vec<[u8; 32]> = {
        let posts = members.posts();
        let settled =
            posts.iter().filter(|posted| posted.at + SPREAD < now && posted.expiry() > now);
        settled.filter_map(|posted| Some(posted.receipt.as_ref()?.as_ref().ok()?.hash())).collect()
    };
    for index in 0..members.len() {
        let Some(member) = members.member(index) else { continue };
        for hash in &hashes {
            let EnvelopeState::Pooled(pooled) = member.whisper.explain(hash).state else {
                continue;
            };
            let waits = |skipped: Option<SkipReason>| skipped == Some(SkipReason::Pending);
            if let Some(peer) = pooled.peers.iter().find(|peer| waits(peer.skipped)) {
                let text = format!("node {index} has not sent a message to {}", peer.peer);
                return Err(("what a peer wants is sent", text));
            }
        }
    }
    Ok(())
}

/// A post of a connected node is delivered, if nothing goes wrong.
pub(crate) fn check_delivered(members: &Members, repaired: &Repaired) -> Result<(), Broken> {
    let steady = repaired.at + Duration::from_secs(60);
    for posted in members.posts().iter().filter(|posted| posted.at > steady) {
        let is_own = members.starts(posted.new.node) == Some(posted.start);
        let end = ending(posted);
        if is_own && posted.new.topic == 0 && end != Some("delivered") {
            return Err(("a post is delivered", format!("{posted:?}")));
        }
    }
    Ok(())
}

/// Every post of a node that is still up has ended, and no pool has anything left.
pub(crate) fn check_ended(members: &Members, now: Duration) -> Result<(), Broken> {
    for posted in members.posts().iter() {
        let is_due = posted.expiry() + END_MARGIN < now;
        let same = members.starts(posted.new.node) == Some(posted.start);
        if is_due && same && ending(posted).is_none() {
            return Err(("every post ends", format!("{posted:?}")));
        }
    }
    for index in 0..members.len() {
        let Some(member) = members.member(index) else { continue };
        let info = member.whisper.info();
        if info.envelopes > 0 || info.pool_bytes > 0 {
            let text = format!(
                "node {index} has {} envelopes in {} bytes",
                info.envelopes, info.pool_bytes
            );
            return Err(("a pool is empty when everything has expired", text));
        }
    }
    Ok(())
}
