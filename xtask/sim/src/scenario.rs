//! A run: posts, bans and faults, and what must hold meanwhile and at the end.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::BufWriter,
    path::Path,
    rc::Rc,
    time::Duration,
};

use p2p_server::{BanTarget, identity::NodeId};
use p2p_sim::{Link, Network, Scenario, TraceEvent, Violation};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    members::{Members, TTL, ending, host},
    outcome::Outcome,
    replay::Recording,
    settings::{SETTLE, Settings},
};

const SECOND: Duration = Duration::from_secs(1);

/// Every how many seconds a node bans one of its peers.
const BAN_EVERY: u64 = 15;

/// For how long.
const BAN_TIME: Duration = Duration::from_secs(20);

/// How long after its expiry a post must have ended.
const END_MARGIN: Duration = Duration::from_secs(15);

/// How long a message takes at most over all hops, when nothing goes wrong.
const SPREAD: Duration = Duration::from_secs(20);

/// What is written about a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output<'a> {
    Nothing,
    /// A line for each event.
    Trace(&'a Path),
    /// A page that replays the run.
    Page(&'a Path),
}

/// A ban of a peer by a node.
struct Ban {
    node: usize,
    start: u32,
    peer: NodeId,
    from: Duration,
}

/// Runs a scenario.
pub(crate) fn run(
    settings: &Settings,
    scenario: &Scenario,
    output: Output<'_>,
) -> Result<Outcome, Violation> {
    let link = Link::default()
        .latency(Duration::from_millis(20)..Duration::from_millis(150))
        .jitter(Duration::from_millis(10))
        .bandwidth(12_500_000);
    let link = if settings.faults { link.loss(0.005) } else { link };
    let known = |(_, fault): &(Duration, p2p_sim::Fault)| fault.hosts_below(scenario.nodes);
    let faults = scenario.faults.iter().filter(|fault| known(fault)).cloned().collect();
    let mut network = Network::new(scenario.seed).link(link).faults(faults);
    if settings.null {
        network = network.null_cryptography();
    }
    let recording = Recording::default();
    network = match output {
        Output::Nothing => network,
        Output::Page(_) => network.trace_to(recording.clone(), Recording::wants),
        Output::Trace(path) => match File::create(path) {
            Ok(file) => network.trace_to(BufWriter::new(file), |_: &TraceEvent<'_>| true),
            Err(error) => return Err(violation(&network, "trace", format!("{path:?}: {error}"))),
        },
    };
    let members = Members::new(&mut network, scenario.nodes, settings.degree);
    let bans = Rc::new(RefCell::new(Vec::new()));
    let network = with_invariants(network, &members, &bans);
    let mut run =
        Run { network, members, bans, rng: StdRng::seed_from_u64(scenario.seed), delivered: 0 };
    let outcome = run.go(settings, scenario);
    if let Output::Page(path) = output {
        let summary = match &outcome {
            Ok(outcome) => outcome.to_string(),
            Err(violation) => violation.to_string(),
        };
        let written = recording.write_page(path, scenario.seed, &run.members.nodes, &summary);
        written.map_err(|error| violation(&run.network, "page", format!("{path:?}: {error}")))?;
    }
    outcome
}

/// What must hold at each moment.
fn with_invariants(network: Network, members: &Members, bans: &Rc<RefCell<Vec<Ban>>>) -> Network {
    let (memory, banned, bans) = (members.clone(), members.clone(), Rc::clone(bans));
    network
        .invariant("the memory budget", move |_| {
            for index in 0..memory.nodes.hosts().len() {
                let Some(server) = memory.nodes.server(index) else { continue };
                let used = server.stats().memory;
                if used.used > used.limit {
                    return Err(format!("node {index} uses {} of {}", used.used, used.limit));
                }
            }
            Ok(())
        })
        .invariant("a banned peer is gone in a second", move |network| {
            let now = network.elapsed();
            for ban in bans.borrow().iter() {
                let is_due = now > ban.from + SECOND && now < ban.from + BAN_TIME;
                let same = banned.member(ban.node).is_some_and(|member| member.starts == ban.start);
                let Some(server) = banned.nodes.server(ban.node).filter(|_| is_due && same) else {
                    continue;
                };
                if server.peer(&ban.peer).is_some() {
                    return Err(format!("node {} still has {}", ban.node, ban.peer));
                }
            }
            Ok(())
        })
}

struct Run {
    network: Network,
    members: Members,
    bans: Rc<RefCell<Vec<Ban>>>,
    rng: StdRng,
    delivered: usize,
}

impl Run {
    fn go(&mut self, settings: &Settings, scenario: &Scenario) -> Result<Outcome, Violation> {
        let seconds = scenario.time.as_secs();
        let quiet_from = scenario.time.saturating_sub(SETTLE);
        let mut due = 0;
        for second in 0..seconds {
            self.network.run_for(SECOND)?;
            let now = self.network.elapsed();
            due += settings.posts;
            while due >= 60 {
                due -= 60;
                let node = self.rng.random_range(0..scenario.nodes);
                let number = self.members.posts().len() as u64;
                let members = self.members.clone();
                self.network.call(|| members.post(node, number, now));
            }
            if settings.faults && second % BAN_EVERY == 0 && now + BAN_TIME < quiet_from {
                self.ban(now);
            }
            self.receive()?;
        }
        self.network.run_for(SPREAD)?;
        self.receive()?;
        self.check_arrived()?;
        self.check_ended()?;
        let flushed = self.network.flush_trace();
        flushed.map_err(|error| violation(&self.network, "trace", error.to_string()))?;
        Ok(self.outcome())
    }

    fn receive(&mut self) -> Result<(), Violation> {
        let members = self.members.clone();
        let received = self.network.call(|| members.receive());
        let failed = |text| violation(&self.network, "each message comes once", text);
        self.delivered += received.map_err(failed)?;
        Ok(())
    }

    fn ban(&mut self, now: Duration) {
        let node = self.rng.random_range(0..self.members.nodes.hosts().len());
        let (Some(server), Some(member)) =
            (self.members.nodes.server(node), self.members.member(node))
        else {
            return;
        };
        let peers = server.peers();
        if peers.is_empty() {
            return;
        }
        let peer = peers[self.rng.random_range(0..peers.len())].node_id;
        let start = member.starts;
        drop(member);
        self.network.call(|| server.ban(BanTarget::Node(peer), Some(BAN_TIME)));
        self.bans.borrow_mut().push(Ban { node, start, peer, from: now });
    }

    /// Every message that is alive has reached every node.
    fn check_arrived(&self) -> Result<(), Violation> {
        let now = self.network.elapsed();
        let count = self.members.nodes.hosts().len();
        let alive: BTreeSet<u64> = {
            let posts = self.members.posts();
            let is_alive = |at: Duration| at + Duration::from_secs(TTL.into()) > now + SPREAD;
            let had_time = |at: Duration| at + SPREAD < now;
            let alive = posts.iter().filter(|posted| is_alive(posted.at) && had_time(posted.at));
            alive.map(|posted| posted.number).collect()
        };
        let reached: Vec<(usize, BTreeSet<u64>)> = (0..count)
            .filter_map(|index| Some((index, self.members.member(index)?.received.clone())))
            .collect();
        if reached.len() < count {
            return Err(violation(&self.network, "all nodes are up", "a node is off".to_owned()));
        }
        let known: BTreeSet<u64> =
            reached.iter().flat_map(|(_, received)| received & &alive).collect();
        for (index, received) in &reached {
            if let Some(missing) = known.difference(received).next() {
                let text = format!("node {index} has not received message {missing}");
                return Err(violation(&self.network, "what is alive arrives", text));
            }
        }
        Ok(())
    }

    /// Every post of a node that is still up has ended, once it has expired.
    fn check_ended(&self) -> Result<(), Violation> {
        let now = self.network.elapsed();
        for posted in self.members.posts().iter() {
            let is_due = posted.at + Duration::from_secs(TTL.into()) + END_MARGIN < now;
            let same = self
                .members
                .member(posted.node)
                .is_some_and(|member| member.starts == posted.start);
            if is_due && same && ending(posted).is_none() {
                let text =
                    format!("message {} of {}: {posted:?}", posted.number, host(posted.node));
                return Err(violation(&self.network, "every post ends", text));
            }
        }
        Ok(())
    }

    fn outcome(&self) -> Outcome {
        let posts = self.members.posts();
        let mut endings = BTreeMap::new();
        for posted in posts.iter() {
            *endings.entry(ending(posted).unwrap_or("open")).or_insert(0) += 1;
        }
        Outcome {
            posts: posts.len(),
            delivered: self.delivered,
            endings,
            events: self.network.events(),
            trace_hash: self.network.trace_hash(),
        }
    }
}

fn violation(network: &Network, name: &str, text: String) -> Violation {
    Violation { seed: network.seed(), name: name.to_owned(), at: network.elapsed(), text }
}
