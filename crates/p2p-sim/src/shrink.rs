//! Making a failing scenario small.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::fault::Schedule;

/// What decides a run: with the same values it does the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The seed of the network.
    pub seed: u64,
    /// Number of nodes.
    pub nodes: usize,
    /// How long it runs, in virtual time.
    pub time: Duration,
    /// What goes wrong.
    pub faults: Schedule,
}

/// As Rust source, to be pasted into a test.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Scenario {{")?;
        writeln!(f, "    seed: {},", self.seed)?;
        writeln!(f, "    nodes: {},", self.nodes)?;
        writeln!(f, "    time: Duration::from_millis({}),", self.time.as_millis())?;
        writeln!(f, "    faults: vec![")?;
        for (at, fault) in &self.faults {
            // Lists are the only brackets.
            let (at, fault) = (at.as_millis(), format!("{fault:?}").replace('[', "vec!["));
            writeln!(f, "        (Duration::from_millis({at}), Fault::{fault}),")?;
        }
        write!(f, "    ],\n}}")
    }
}

/// Makes a failing scenario as small as it can within `limit` of real time: fewer faults, fewer nodes, a shorter run. `fails`
/// runs a scenario and tells whether it still fails; it must ignore faults of hosts that are not there.
///
/// Returns the smallest scenario that failed.
pub fn shrink(
    scenario: Scenario,
    limit: Duration,
    mut fails: impl FnMut(&Scenario) -> bool,
) -> Scenario {
    let begin = Instant::now();
    let mut best = scenario;
    loop {
        let before = best.clone();
        for candidate in [shorter(&best), fewer_nodes(&best, 2), fewer_nodes(&best, 4)] {
            if begin.elapsed() < limit && candidate != best && fails(&candidate) {
                best = candidate;
            }
        }
        // First large parts of the faults are left out, then single ones.
        let mut part = best.faults.len().div_ceil(2);
        while part > 0 && begin.elapsed() < limit {
            let mut from = 0;
            while from < best.faults.len() && begin.elapsed() < limit {
                let mut candidate = best.clone();
                let to = (from + part).min(candidate.faults.len());
                candidate.faults.drain(from..to);
                if fails(&candidate) {
                    best = candidate;
                } else {
                    from = to;
                }
            }
            part = if part == 1 { 0 } else { part.div_ceil(2) };
        }
        if best == before || begin.elapsed() >= limit {
            return best;
        }
    }
}

fn shorter(scenario: &Scenario) -> Scenario {
    let time = scenario.time / 2;
    let faults = scenario.faults.iter().filter(|(at, _)| *at <= time).cloned().collect();
    Scenario { time, faults, ..scenario.clone() }
}

/// A scenario without one in `part` of its nodes.
fn fewer_nodes(scenario: &Scenario, part: usize) -> Scenario {
    let nodes = (scenario.nodes - scenario.nodes / part).max(2).min(scenario.nodes);
    Scenario { nodes, ..scenario.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, HostId};

    #[test]
    fn only_what_makes_it_fail_is_left() {
        let second = Duration::from_secs(1);
        let faults = (0..50).map(|host| (second * host, Fault::Kill(HostId(host)))).collect();
        let large = Scenario { seed: 3, nodes: 64, time: second * 100, faults };
        let culprits = [Fault::Kill(HostId(3)), Fault::Kill(HostId(17))];
        let fails = |scenario: &Scenario| {
            let has = |culprit| scenario.faults.iter().any(|(_, fault)| fault == culprit);
            culprits.iter().all(has) && scenario.nodes >= 5
        };
        let small = shrink(large, Duration::from_secs(60), fails);
        assert_eq!(small.faults.len(), 2);
        assert!((5..=6).contains(&small.nodes), "{}", small.nodes);
        assert!(small.time < second * 40);
        let text = small.to_string();
        assert!(text.contains("(Duration::from_millis(3000), Fault::Kill(HostId(3))),"), "{text}");
    }

    #[test]
    fn hosts_are_printed_as_lists() {
        let block = Fault::Block(vec![HostId(1)], vec![HostId(0), HostId(2)]);
        let faults = vec![(Duration::ZERO, block)];
        let text = Scenario { seed: 1, nodes: 3, time: Duration::ZERO, faults }.to_string();
        let line = "Fault::Block(vec![HostId(1)], vec![HostId(0), HostId(2)])";
        assert!(text.contains(line), "{text}");
    }
}
