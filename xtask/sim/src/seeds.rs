//! Many seeds side by side, and the reduction of one that fails.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use p2p_sim::{Scenario, Violation, shrink};

use crate::{
    outcome::Outcome,
    scenario::{self, Output},
    settings::Settings,
};

/// How long a failing seed is made smaller.
const SHRINK_LIMIT: Duration = Duration::from_secs(300);

/// What became of a seed.
pub(crate) struct Done {
    seed: u64,
    pub(crate) took: Duration,
    pub(crate) outcome: Result<Outcome, Violation>,
}

/// Runs all seeds and prints a line for each. Returns the first violation, by seed.
pub(crate) fn run_all(settings: &Settings) -> Option<Violation> {
    let (mut failures, mut traces) = (Vec::new(), BTreeMap::new());
    side_by_side(settings, &AtomicU64::new(end(settings)), |Done { seed, took, outcome }| {
        match outcome {
            Ok(outcome) => {
                println!("seed {seed}: {outcome} in {:.1} s", took.as_secs_f64());
                traces.insert(seed, outcome.trace_hash);
            }
            Err(violation) => {
                println!("seed {seed}: FAILED: {violation}");
                failures.push(violation);
            }
        }
    });
    let mut hasher = DefaultHasher::new();
    traces.hash(&mut hasher);
    println!("seed {} trace {:016x}", end(settings) - 1, hasher.finish());
    failures.into_iter().min_by_key(|violation| violation.seed)
}

/// The first violation, by seed. Runs no more seeds than necessary.
#[cfg(feature = "planted")]
pub(crate) fn find(settings: &Settings) -> Option<Violation> {
    let (end, mut first) = (AtomicU64::new(end(settings)), None);
    side_by_side(settings, &end, |Done { seed, outcome, .. }| {
        if let Err(violation) = outcome
            && end.fetch_min(seed, Ordering::Relaxed) > seed
        {
            first = Some(violation);
        }
    });
    first
}

/// The smallest scenario in which the same promise is broken.
pub(crate) fn reduce(settings: &Settings, violation: &Violation) -> Scenario {
    let fails = |scenario: &Scenario| {
        let outcome = scenario::run(settings, scenario, Output::Nothing);
        outcome.is_err_and(|broken| broken.name == violation.name)
    };
    shrink(settings.scenario(violation.seed), SHRINK_LIMIT, fails)
}

fn end(settings: &Settings) -> u64 {
    settings.seeds.first.saturating_add(settings.seeds.count)
}

/// Runs seeds on several threads, in order, up to `end`, which may become smaller meanwhile.
fn side_by_side(settings: &Settings, end: &AtomicU64, mut done: impl FnMut(Done)) {
    let (next, (sender, results)) = (AtomicU64::new(settings.seeds.first), mpsc::channel());
    let work = |sender: mpsc::Sender<Done>| {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) || sender.send(run_one(settings, seed)).is_err()
            {
                return;
            }
        }
    };
    thread::scope(|scope| {
        if settings.seeds.count == 1 {
            // Only the memory of the first thread is in large pages.
            work(sender);
        } else {
            for _ in 0..settings.seeds.threads {
                let sender = sender.clone();
                scope.spawn(|| work(sender));
            }
            drop(sender);
        }
        results.iter().for_each(&mut done);
    });
}

/// Runs one seed.
pub(crate) fn run_one(settings: &Settings, seed: u64) -> Done {
    let begin = Instant::now();
    let outcome = scenario::run(settings, &settings.scenario(seed), settings.output());
    Done { seed, took: begin.elapsed(), outcome }
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;

    fn trace(threads: u64) -> u64 {
        let args = "quiet --null --nodes 9 --degree 4 --minutes 1 --regions 3 --threads";
        let args = format!("{args} {threads}");
        let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
        let settings = Settings::parse(&args).expect("known arguments");
        let outcome = super::run_one(&settings, 1).outcome.expect("everything holds");
        assert!(outcome.delivered > 9 * 50, "{outcome}");
        outcome.trace_hash
    }

    #[test]
    fn a_network_in_regions_does_the_same_on_one_thread_and_on_two() {
        assert_eq!(trace(1), trace(2));
    }
}
