//! A run: posts, operations and faults, and what must hold meanwhile and at the end.

pub(crate) mod clocks;
pub(crate) mod lazy;
pub(crate) mod trace;

use std::{collections::BTreeMap, fs::File, io::BufWriter, path::Path, time::Duration};

use p2p_sim::{Fault, HostId, Link, Network, Scenario, Schedule, TraceEvent, Violation, repairs};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::{
    hostile,
    members::{Members, NewPost, TTLS, ending, host},
    operations::{LASTS, Operations},
    outcome::Outcome,
    promises::{
        Broken, mux, server,
        whisper::{self, Repaired},
    },
    replay::Recording,
    settings::{SETTLE, Settings},
};

const SECOND: Duration = Duration::from_secs(1);

/// Every how many seconds an operation begins.
const OPERATION_EVERY: u64 = 5;

/// How long hostile hosts are there.
const HOSTILE_FOR: Duration = Duration::from_secs(45);

/// How long a message takes at most over all hops, when nothing goes wrong.
pub(crate) const SPREAD: Duration = Duration::from_secs(20);

/// Longest time, beyond the settling, until all nodes are connected again.
const RECONNECT: Duration = Duration::from_secs(90);

/// Longest time until no node follows clocks any more that were wrong. Nodes that follow each other come back step by step.
const FOLLOW: Duration = Duration::from_secs(600);

/// Time without posts at the end, in which everything expires. A clock that was wrong makes it longer.
const DRAIN: Duration = Duration::from_secs(TTLS[2] as u64 + 75);

/// The time to live of all messages where nothing goes wrong, in seconds.
const QUIET_TTL: u32 = 120;

/// How long operations go on after everything is repaired.
const OPERATE_ON: Duration = Duration::from_secs(55);

/// What is written about a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output<'a> {
    Nothing,
    /// A line for each event.
    Trace(&'a Path),
    /// A page that replays the run.
    Page(&'a Path),
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
        .bandwidth(1_250_000);
    let link = if settings.faults { link.loss(0.005) } else { link };
    // A reduced scenario may lack what repairs a fault, and be shorter.
    let repaired_at = scenario.time.saturating_sub(SETTLE);
    let possible =
        |(at, fault): &&(Duration, Fault)| *at < repaired_at && fault.hosts_below(scenario.nodes);
    let mut faults: Schedule = scenario.faults.iter().filter(possible).cloned().collect();
    faults.extend(repairs(&faults, repaired_at));
    let network = Network::in_regions(scenario.seed, settings.seeds.regions);
    let threads = usize::try_from(settings.seeds.threads).unwrap_or(usize::MAX);
    let mut network = network.threads(threads).link(link).faults(faults.clone());
    if settings.null {
        network = network.null_cryptography();
    }
    let recording = Recording::default();
    network = match output {
        Output::Nothing => network,
        Output::Page(_) => network.trace_to(recording.clone(), Recording::wants),
        Output::Trace(path) => match File::create(path) {
            Ok(file) => network.trace_to(BufWriter::new(file), |_: &TraceEvent<'_>| true),
            Err(error) => return Err(violation(&network, ("trace", format!("{path:?}: {error}")))),
        },
    };
    let mut rng = StdRng::seed_from_u64(scenario.seed);
    let members = Members::new(&mut network, scenario.nodes, settings.degree, settings.faults);
    let hostile = if settings.faults { settings.hostile } else { 0 };
    let hostile = hostile::attack(&mut network, &members.nodes, hostile, &mut rng);
    let repaired = Repaired::new(scenario, repaired_at);
    let operations = Operations::new(members.clone());
    network = mux::register(network, &members);
    if settings.faults {
        // They look at every node and post each second, too often for thousands of nodes.
        network = mux::register_slots(network, &members);
        network = mux::register_silence(network, &members, faults.into());
        network = server::register(network, &members, &operations.exclusions);
        network = whisper::register(network, &members, &repaired);
    }
    let mut run =
        Run { network, members, operations, hostile, repaired, rng, due: 0, delivered: 0 };
    let outcome = run.go(settings, scenario);
    if let Output::Page(path) = output {
        let summary = match &outcome {
            Ok(outcome) => outcome.to_string(),
            Err(violation) => violation.to_string(),
        };
        let written = recording.write_page(path, scenario.seed, &run.members.nodes, &summary);
        written.map_err(|error| violation(&run.network, ("page", format!("{path:?}: {error}"))))?;
    }
    outcome
}

struct Run {
    network: Network,
    members: Members,
    operations: Operations,
    hostile: Vec<HostId>,
    repaired: Repaired,
    rng: StdRng,
    /// Sixtieths of a post that are due.
    due: u64,
    delivered: usize,
}

impl Run {
    fn go(&mut self, settings: &Settings, scenario: &Scenario) -> Result<Outcome, Violation> {
        for second in 0..scenario.time.as_secs() {
            self.pass_second(settings)?;
            let now = self.network.elapsed();
            if settings.faults {
                self.operations.undo_due(&mut self.network);
                if second % OPERATION_EVERY == 0 && now + LASTS < self.repaired.at + OPERATE_ON {
                    self.operations.begin(&mut self.network, &mut self.rng);
                }
            }
            if now >= HOSTILE_FOR || now + SECOND >= self.repaired.at {
                let gone = std::mem::take(&mut self.hostile);
                gone.iter().for_each(|host| self.network.cause(&Fault::Kill(*host)));
            }
        }
        self.check_end(settings)?;
        let flushed = self.network.flush_trace();
        flushed.map_err(|error| violation(&self.network, ("trace", error.to_string())))?;
        Ok(self.outcome())
    }

    /// Lets a second pass, and posts what is due.
    fn pass_second(&mut self, settings: &Settings) -> Result<(), Violation> {
        self.pass(SECOND)?;
        self.due += settings.posts;
        while self.due >= 60 {
            self.due -= 60;
            self.post(self.network.elapsed(), settings.faults);
        }
        Ok(())
    }

    fn post(&mut self, at: Duration, varied: bool) {
        let node = self.rng.random_range(0..self.members.len());
        let number = self.members.posts().len() as u64;
        let new = if varied {
            let topic = usize::from(self.rng.random_ratio(1, 3));
            let ttl = *TTLS.choose(&mut self.rng).unwrap_or(&QUIET_TTL);
            NewPost { node, number, topic, ttl }
        } else {
            NewPost { node, number, topic: 0, ttl: QUIET_TTL }
        };
        let members = self.members.clone();
        self.network.call_on(host(node), || members.post(new, at));
    }

    /// Lets time pass and takes the messages that have come.
    fn pass(&mut self, time: Duration) -> Result<(), Violation> {
        self.network.run_for(time)?;
        let members = self.members.clone();
        let received = self.network.call(|| members.receive());
        self.delivered += received.map_err(|text| {
            self.broken(("messages come once and say when they were sent", text))
        })?;
        Ok(())
    }

    /// Everything was repaired and has had its time.
    fn check_end(&mut self, settings: &Settings) -> Result<(), Violation> {
        let members = self.members.clone();
        let connected = |_: &Network| members.nodes.are_connected();
        if !self.network.run_until(RECONNECT, connected)? {
            let text = "a node does not reach one that it dials".to_owned();
            return Err(self.broken(("all are connected again", text)));
        }
        let corrected_until = self.network.elapsed() + FOLLOW;
        while settings.faults && whisper::check_clocks(&self.members).is_err() {
            if self.network.elapsed() >= corrected_until {
                let checked = whisper::check_clocks(&self.members);
                checked.map_err(|broken| self.broken(broken))?;
            }
            self.pass_second(settings)?;
        }
        self.pass(SPREAD)?;
        let now = self.network.elapsed();
        let arrived = whisper::check_arrived(&self.members, &self.repaired, now);
        arrived.map_err(|broken| self.broken(broken))?;
        if !settings.faults {
            return Ok(());
        }
        whisper::check_sent(&self.members, now).map_err(|broken| self.broken(broken))?;
        self.pass(DRAIN)?;
        let now = self.network.elapsed();
        let checks = [
            whisper::check_delivered(&self.members, &self.repaired),
            whisper::check_ended(&self.members, now),
            mux::check_idle_memory(&self.members),
        ];
        checks.into_iter().collect::<Result<(), Broken>>().map_err(|broken| self.broken(broken))
    }

    fn broken(&self, broken: Broken) -> Violation {
        violation(&self.network, broken)
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

fn violation(network: &Network, (name, text): Broken) -> Violation {
    Violation { seed: network.seed(), name: name.to_owned(), at: network.elapsed(), text }
}
