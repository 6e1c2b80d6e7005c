//! Nodes that run discv4 and nothing else. The benchmarks use this file too.

#![allow(dead_code, reason = "tests and benchmarks each use a part of it")]

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use p2p_discovery::{Discv4, Discv4Config, LookupOutcome, NetworkId, Node, Stats};
use p2p_server::identity::{Content, Enode, NodeId, Record, SecretKey};
use p2p_sim::{Fault, Host, HostId, Link, Network, Violation};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use tokio::time::sleep;

/// The port of every node.
const PORT: u16 = 30_303;

/// When all nodes have been started.
const START_PHASE: Duration = Duration::from_secs(30);

/// How long a lookup may take.
const LOOKUP: Duration = Duration::from_secs(20);

/// The addresses of hostile hosts begin with this number.
const HOSTILE: u8 = 98;

/// The parameters of a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Number of nodes at the start, the boot node included.
    pub(crate) nodes: usize,
    /// The share of datagrams that are lost.
    pub(crate) loss: f64,
    /// The share of nodes that lose their power. The same number of new nodes joins.
    pub(crate) churn: f64,
    /// For how long nodes join and leave.
    pub(crate) time: Duration,
    /// Whether the network has an id, so that nodes request each other's records.
    pub(crate) has_id: bool,
    /// The subnet of all nodes. `None`: each node has its own.
    pub(crate) subnet: Option<Subnet>,
    /// The number of subnets of the hostile hosts, which are added later.
    pub(crate) hostile_subnets: u32,
    /// Number of lookups after that time, each by a random node for another one.
    pub(crate) lookups: usize,
    /// The number of regions of the network.
    pub(crate) regions: usize,
    /// The seed of the random choices.
    pub(crate) seed: u64,
}

/// A subnet that all nodes are in, one address after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subnet {
    /// The address of the first node.
    pub(crate) first: Ipv4Addr,
    /// The networks that are listed as own ones, besides the private ones.
    pub(crate) own: &'static str,
}

/// What a network has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// The share of lookups that found their target.
    pub(crate) found_share: f64,
    /// The median number of rounds of a lookup.
    pub(crate) rounds_p50: f64,
    /// Datagrams sent per node and minute, before the lookups.
    pub(crate) datagrams_per_node_minute: f64,
    /// Bytes of these datagrams, without UDP and IP headers.
    pub(crate) bytes_per_node_minute: f64,
}

impl Plan {
    /// The address of a host. The nodes come first, hostile hosts after them.
    fn ip(&self, host: HostId, nodes: u32) -> IpAddr {
        let ip = match (host.0.checked_sub(nodes), self.subnet) {
            (Some(number), _) => {
                u32::from_be_bytes([HOSTILE, 0, 0, 1])
                    + ((number % self.hostile_subnets) << 8)
                    + number
            }
            (None, Some(subnet)) => subnet.first.to_bits() + host.0,
            (None, None) => u32::from_be_bytes([32, 0, 0, 1]) + (host.0 << 8),
        };
        Ipv4Addr::from_bits(ip).into()
    }

    fn config(&self) -> Discv4Config {
        let own = self.subnet.map_or("", |subnet| subnet.own);
        let config = Discv4Config::new().own_networks(own.parse().expect("networks"));
        if self.has_id { config.network(NetworkId(7)) } else { config }
    }

    /// The nodes of the start, and those that join for others.
    fn members(&self, rng: &mut StdRng) -> Vec<Member> {
        let mut members: Vec<Member> =
            (0..self.nodes).map(|_| Member::new(rng, Duration::ZERO..START_PHASE)).collect();
        // The others know the first one.
        members[0].join = Duration::ZERO;
        let mut numbers: Vec<usize> = (1..self.nodes).collect();
        numbers.shuffle(rng);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        let leaving = (as_f64(self.nodes as u64) * self.churn).round() as usize;
        for number in numbers.into_iter().take(leaving) {
            members[number].leave = Some(rng.random_range(START_PHASE..self.time));
            members.push(Member::new(rng, START_PHASE..self.time));
        }
        members
    }
}

#[derive(Clone, Debug)]
struct Member {
    key: SecretKey,
    join: Duration,
    leave: Option<Duration>,
}

impl Member {
    fn new(rng: &mut StdRng, joins: std::ops::Range<Duration>) -> Self {
        Self { key: SecretKey::random(rng), join: rng.random_range(joins), leave: None }
    }

    /// Runs the node on its host.
    async fn run(self, host: Host, config: Discv4Config, boot: Enode, handles: Handles) {
        sleep(self.join).await;
        let record = Record::sign(&self.key, 1, &Content::new().tcp(PORT)).expect("a short record");
        let socket = host.world().bind((Ipv4Addr::UNSPECIFIED, PORT).into()).expect("a free port");
        let discv4 = Discv4::start_in(host.world(), socket, config, self.key, &record)
            .expect("the own record");
        let _ = handles.0[host.id().index()].set(discv4.clone());
        if discv4.id() != boot.id {
            discv4.add_boot_node(&boot).await.expect("the only boot node");
        }
    }
}

/// The nodes that have started. None starts twice.
#[derive(Clone)]
struct Handles(Arc<[OnceLock<Discv4>]>);

/// A network of nodes that know the first one.
pub(crate) struct Nodes {
    pub(crate) network: Network,
    members: Vec<Member>,
    handles: Handles,
    rng: StdRng,
}

impl Nodes {
    /// A network at time zero.
    pub(crate) fn new(plan: Plan) -> Self {
        let mut rng = StdRng::seed_from_u64(plan.seed);
        let members = plan.members(&mut rng);
        let count = u32::try_from(members.len()).expect("fewer nodes than addresses");
        let leave = |(host, member): (u32, &Member)| {
            member.leave.map(|at| (at, Fault::PowerLoss(HostId(host))))
        };
        let ms = Duration::from_millis;
        let link = Link::default().latency(ms(20)..ms(80)).jitter(ms(40)).loss(plan.loss);
        let mut network = Network::in_regions(plan.seed, plan.regions)
            .link(link)
            .addresses(move |host| plan.ip(host, count))
            .faults((0..).zip(&members).filter_map(leave).collect());
        let handles = Handles((0..count).map(|_| OnceLock::new()).collect());
        let boot = Enode::new(members[0].key.id(), (plan.ip(HostId(0), count), PORT).into());
        for member in members.clone() {
            let (boot, handles) = (boot.clone(), handles.clone());
            network.host(move |host| {
                member.clone().run(host, plan.config(), boot.clone(), handles.clone())
            });
        }
        Self { network, members, handles, rng }
    }

    /// The id of a node.
    pub(crate) fn id(&self, node: usize) -> NodeId {
        self.members[node].key.id()
    }

    /// A node that has started.
    pub(crate) fn discv4(&self, node: usize) -> &Discv4 {
        self.handles.0[node].get().expect("it has started")
    }

    /// The counters of a node that has started.
    pub(crate) fn stats(&self, node: usize) -> Stats {
        self.discv4(node).stats().0
    }

    /// The table of a node. Only in a network of one region.
    pub(crate) fn table(&mut self, node: usize) -> Vec<Node> {
        let discv4 = self.discv4(node).clone();
        self.network.block_on(async move { discv4.nodes().await.expect("it is up") })
    }

    /// The nodes that are up.
    pub(crate) fn alive(&self) -> Vec<usize> {
        let is_up = |node: &usize| {
            let host = HostId(u32::try_from(*node).expect("fewer nodes than addresses"));
            self.handles.0[*node].get().is_some() && self.network.is_up(host)
        };
        (0..self.members.len()).filter(is_up).collect()
    }

    /// Begins a lookup of node `sought` by node `seeker`.
    pub(crate) fn begin_lookup(&mut self, seeker: usize, sought: usize) -> Lookup {
        let (target, outcome) = (self.id(sought), Arc::<Mutex<LookupOutcome>>::default());
        let (discv4, ended) = (self.discv4(seeker).clone(), Arc::clone(&outcome));
        let host = HostId(u32::try_from(seeker).expect("fewer nodes than addresses"));
        self.network.call_on(host, || {
            tokio::spawn(async move {
                if let Ok(found) = discv4.lookup(target).await {
                    *ended.lock().unwrap_or_else(PoisonError::into_inner) = found;
                }
            })
        });
        Lookup { target, outcome }
    }

    /// Runs lookups of random nodes by random others, a part of them at a time, and returns them at their end.
    pub(crate) fn look_up(&mut self, count: usize) -> Result<Vec<Lookup>, Violation> {
        let alive = self.alive();
        let mut lookups = Vec::new();
        while lookups.len() < count {
            let some = (alive.len() / 4).max(1).min(count - lookups.len());
            for _ in 0..some {
                let [seeker, sought] = [0; 2].map(|_| alive[self.rng.random_range(0..alive.len())]);
                if seeker != sought {
                    lookups.push(self.begin_lookup(seeker, sought));
                }
            }
            self.network.run_for(LOOKUP)?;
        }
        Ok(lookups)
    }

    fn minutes(&self) -> f64 {
        let now = self.network.elapsed();
        let lived = |member: &Member| member.leave.unwrap_or(now).saturating_sub(member.join);
        self.members.iter().map(lived).sum::<Duration>().as_secs_f64() / 60.0
    }
}

/// A lookup of one node by another one.
pub(crate) struct Lookup {
    target: NodeId,
    outcome: Arc<Mutex<LookupOutcome>>,
}

impl Lookup {
    /// What it has found; nothing before it has ended.
    pub(crate) fn outcome(&self) -> LookupOutcome {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the target is among the nodes.
    pub(crate) fn has_found(&self) -> bool {
        self.outcome().nodes.iter().any(|node| node.id == self.target)
    }
}

/// The share of the lookups that have found their target.
pub(crate) fn found_share(lookups: &[Lookup]) -> f64 {
    let found = lookups.iter().filter(|lookup| lookup.has_found()).count();
    as_f64(found as u64) / as_f64(lookups.len() as u64)
}

/// Runs a network, and then lookups in it.
pub(crate) fn simulate(plan: Plan) -> Result<Report, Violation> {
    let mut nodes = Nodes::new(plan);
    nodes.network.run_for(plan.time)?;
    let sent: Vec<Stats> = (0..nodes.members.len()).map(|node| nodes.stats(node)).collect();
    let sum = |of: fn(&Stats) -> u64| as_f64(sent.iter().map(of).sum());
    let minutes = nodes.minutes();
    let lookups = nodes.look_up(plan.lookups)?;
    let mut rounds: Vec<u32> = lookups.iter().map(|lookup| lookup.outcome().rounds).collect();
    rounds.sort_unstable();
    Ok(Report {
        found_share: found_share(&lookups),
        rounds_p50: rounds.get(rounds.len() / 2).copied().map_or(f64::NAN, f64::from),
        datagrams_per_node_minute: sum(|stats| stats.datagrams_out) / minutes,
        bytes_per_node_minute: sum(|stats| stats.bytes_out) / minutes,
    })
}

/// Whether an address is one of a hostile host.
pub(crate) fn is_hostile(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == HOSTILE)
}

#[expect(clippy::cast_precision_loss, reason = "approximate figures")]
fn as_f64(number: u64) -> f64 {
    number as f64
}
