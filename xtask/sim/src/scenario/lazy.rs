//! Announcing against flooding: `cargo xtask sim lazy`.
//!
//! A network of Whisper nodes over lines of 20 to 150 ms, each with 100 Mbit/s up, in which messages of one size are posted at a
//! steady rate. With equal seeds, a network that announces and one that floods have the same lines and the same posts.

mod liar;
mod participant;
mod settings;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use p2p_server::mux::DisconnectReason;
use p2p_sim::{Fault, HostId, Link, Network, Nodes, TraceEvent, Violation};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

pub use settings::LazyCase;

use participant::{Arrivals, Participant, Traits};

/// Bytes that a node sends in a second.
const UPLINK: u64 = 100_000_000 / 8;

/// Longest time until all nodes are connected.
const CONNECT: Duration = Duration::from_secs(60);

/// Longest time until everything has arrived that is alive.
const SPREAD: Duration = Duration::from_secs(60);

/// When the network is divided, since the first message that counts, and for how long.
const DIVIDED_AFTER: Duration = Duration::from_secs(2);
const DIVIDED_FOR: Duration = Duration::from_secs(20);

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LazyMeasured {
    /// Copies of an envelope that a node was sent.
    pub copies: f64,
    /// Bytes that a node sent for an envelope, with everything else that it sent meanwhile.
    pub bytes: f64,
    /// Time from posting to arrival, in milliseconds: the median, and that of 99 in 100.
    pub p50_ms: f64,
    /// See [`p50_ms`](Self::p50_ms).
    pub p99_ms: f64,
    /// Messages that should have arrived at a node and did not.
    pub missing: usize,
    /// Requests that were not answered in time, of all nodes.
    pub unanswered: u64,
    /// Faults of peers and disconnections because of them.
    pub faults: u64,
    /// The hash of the trace.
    pub trace_hash: u64,
}

/// Runs the scenario. Returns whether everything arrived.
pub(crate) fn run(args: &[String]) -> Result<bool, String> {
    let case = LazyCase::parse(args)?;
    let measured = measure(&case).map_err(|violation| violation.to_string())?;
    println!("{case}: {measured}");
    Ok(measured.missing == 0 && measured.faults == 0)
}

/// A network while it runs.
struct Running {
    network: Network,
    nodes: Nodes,
    participants: Vec<Participant>,
    arrivals: Arrivals,
    rng: StdRng,
}

/// Simulates a network.
///
/// # Errors
///
/// What did not hold: not all nodes could connect.
pub fn measure(case: &LazyCase) -> Result<LazyMeasured, Violation> {
    let bytes = Arc::new(AtomicU64::new(0));
    let mut running = Running::start(case, &bytes)?;
    running.post(case, 0..case.warm_up, false)?;
    running.network.run_for(Duration::from_secs(2))?;
    let (copies, sent) = (running.copies(), bytes.load(Ordering::Relaxed));
    let counted = case.warm_up..case.warm_up + case.posts;
    running.post(case, counted.clone(), true)?;
    let expected = running.expected(case, counted);
    let arrivals = running.arrivals.clone();
    running.network.run_until(SPREAD, |_| arrivals.has(&expected))?;
    // Late copies.
    running.network.run_for(Duration::from_secs(3))?;
    Ok(running.measured(case, &expected, copies, bytes.load(Ordering::Relaxed) - sent))
}

impl Running {
    fn start(case: &LazyCase, bytes: &Arc<AtomicU64>) -> Result<Self, Violation> {
        let counted = Arc::clone(bytes);
        let count = move |event: &TraceEvent<'_>| {
            if let TraceEvent::Bytes { bytes, .. } = event {
                counted.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            false
        };
        let ms = Duration::from_millis;
        let mut network = Network::new(case.seed)
            .link(Link::default().latency(ms(20)..ms(150)).bandwidth(UPLINK))
            .null_cryptography()
            .trace_to(std::io::sink(), count);
        let mut rng = StdRng::seed_from_u64(case.seed);
        // Drawn in each case, so that all cases of a seed have the same posts.
        let draws: Vec<[f64; 2]> = (0..case.nodes).map(|_| rng.random()).collect();
        let traits = draws.iter().map(|[lies, plain]| Traits {
            lies: *lies < case.liars,
            lazy: !case.floods && *plain >= case.plain,
        });
        let traits: Vec<Traits> = traits.collect();
        let arrivals = Arrivals::default();
        let made = Arc::new(std::sync::Mutex::new(vec![None; case.nodes]));
        let (of_nodes, of_network, peers) = (Arc::clone(&made), arrivals.clone(), case.degree);
        let nodes = Nodes::new(&mut network, case.nodes, case.degree, move |node| {
            let index = node.index();
            let participant = Participant::new(index, &node.world(), traits[index], &of_network);
            participant::lock(&of_nodes)[index] = Some(participant.clone());
            node.config(|config| participant.configure(config, peers))
        });
        let is_connected = |_: &Network| nodes.are_connected();
        if !network.run_until(CONNECT, is_connected)? {
            let text = format!("{} nodes did not connect within {CONNECT:?}", case.nodes);
            return Err(violation(&network, text));
        }
        network.run_for(Duration::from_secs(2))?;
        let participants = participant::lock(&made).iter().flatten().cloned().collect();
        Ok(Self { network, nodes, participants, arrivals, rng })
    }

    /// Posts messages. `disturbed`: while connections end and the network is divided, if the case says so.
    fn post(
        &mut self,
        case: &LazyCase,
        numbers: std::ops::Range<u64>,
        disturbed: bool,
    ) -> Result<(), Violation> {
        let start = self.network.elapsed();
        let (mut divided, half) = (false, self.halves());
        for number in numbers {
            let node = loop {
                let node = self.rng.random_range(0..self.participants.len());
                if !self.participants[node].traits.lies {
                    break node;
                }
            };
            let participant = self.participants[node].clone();
            self.network.call(|| participant.post(number, case.size));
            self.network.run_for(case.every)?;
            let since = self.network.elapsed() - start;
            let is_divided = (DIVIDED_AFTER..DIVIDED_AFTER + DIVIDED_FOR).contains(&since);
            if disturbed && case.divided && is_divided != divided {
                divided = is_divided;
                self.divide(&half, divided);
            }
            if disturbed && case.churn > 0.0 {
                self.end_connections(case);
            }
        }
        if divided {
            let since = self.network.elapsed() - start;
            self.network.run_for((DIVIDED_AFTER + DIVIDED_FOR).saturating_sub(since))?;
            self.divide(&half, false);
        }
        Ok(())
    }

    fn halves(&self) -> [Vec<HostId>; 2] {
        let (even, odd) = self.nodes.hosts().iter().partition(|host| host.0 % 2 == 0);
        [even, odd]
    }

    fn divide(&mut self, [one, other]: &[Vec<HostId>; 2], divided: bool) {
        for (from, to) in [(one, other), (other, one)] {
            let (from, to) = (from.clone(), to.clone());
            let fault = if divided { Fault::Block(from, to) } else { Fault::Unblock(from, to) };
            self.network.cause(&fault);
        }
    }

    /// Ends some connections. They are dialed again.
    fn end_connections(&mut self, case: &LazyCase) {
        let share = (case.churn * case.every.as_secs_f64() / 60.0).min(1.0);
        let (nodes, rng) = (&self.nodes, &mut self.rng);
        self.network.call(|| {
            for node in 0..case.nodes {
                let Some(server) = nodes.server(node) else { continue };
                for peer in nodes.dials(node) {
                    if rng.random_bool(share)
                        && let Some(peer) = server.peer(&nodes.id(peer))
                    {
                        peer.disconnect(DisconnectReason::Requested);
                    }
                }
            }
        });
    }

    /// What every node that is honest is to receive.
    fn expected(&self, case: &LazyCase, numbers: std::ops::Range<u64>) -> BTreeSet<(usize, u64)> {
        let honest = (0..case.nodes).filter(|node| !self.participants[*node].traits.lies);
        honest.flat_map(|node| numbers.clone().map(move |number| (node, number))).collect()
    }

    /// Envelopes that all nodes were sent.
    fn copies(&self) -> u64 {
        self.participants.iter().map(|it| it.whisper.stats().envelopes.received).sum()
    }

    fn measured(
        &self,
        case: &LazyCase,
        expected: &BTreeSet<(usize, u64)>,
        copies: u64,
        bytes: u64,
    ) -> LazyMeasured {
        let latencies = self.arrivals.latencies(expected);
        let at = |percent: usize| {
            let index = latencies.len() * percent / 100;
            latencies.get(index).map_or(f64::NAN, |it| it.as_secs_f64() * 1e3)
        };
        let each = case.nodes as f64 * case.posts as f64;
        let stats = || self.participants.iter().map(|it| it.whisper.stats());
        LazyMeasured {
            copies: (self.copies() - copies) as f64 / each,
            bytes: bytes as f64 / each,
            p50_ms: at(50),
            p99_ms: at(99),
            missing: self.arrivals.missing(expected),
            unanswered: stats().map(|it| it.relay.unanswered).sum(),
            faults: stats().map(|it| it.faults.malformed_packet + it.faults.not_status).sum(),
            trace_hash: self.network.trace_hash(),
        }
    }
}

fn violation(network: &Network, text: String) -> Violation {
    let name = "all are connected".to_owned();
    Violation { seed: network.seed(), name, at: network.elapsed(), text }
}

impl std::fmt::Display for LazyMeasured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { copies, bytes, p50_ms, p99_ms, missing, unanswered, .. } = self;
        write!(
            f,
            "{copies:.2} copies, {bytes:.0} bytes, p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms, {missing} missing, {unanswered} unanswered"
        )
    }
}

#[cfg(test)]
mod tests;
