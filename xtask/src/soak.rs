//! Soak: real nodes under load for hours. What grows without end is found by its slope.
//!
//! A few nodes run all the time and are measured. Others join, and leave by a signal or by `kill -9`. All are processes on
//! this machine. Messages are posted, subscribed to and fetched; strangers connect and send junk.

pub(crate) mod call;
mod load;
mod node;
mod slope;
mod usage;
mod verdict;

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::{
    command::{Args, Command, Failure},
    process::{self, cargo},
    workspace::Workspace,
};
use load::Load;
use node::{Node, Role};
use usage::Usage;
use verdict::Quantity;

pub(crate) const COMMAND: Command = Command {
    name: "soak",
    usage: "[--minutes M] [--warm-up M] [--nodes N] [--churning N] [--posts N] [--program FILE]",
    about: "run nodes under load for M minutes (120) and judge the growth of memory, descriptors and disk\n\
            after a warm-up (a quarter of the time): N nodes run all the time (3), N come and go (2), N posts\n\
            a second (25); Linux only",
    run,
};

/// Maximum time between two samples of a node; in a short soak it is less.
const MAX_SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// The least time over which a slope is judged. In less, a node still fills its queues and tables.
const MIN_JUDGED: Duration = Duration::from_secs(30 * 60);

/// Time between two rounds of load.
const ROUND: Duration = Duration::from_secs(1);

/// Number of rounds after which one node that comes and goes is restarted.
const ROUNDS_TO_RESTART: u64 = 20;

/// The size of a soak.
struct Plan {
    duration: Duration,
    warm_up: Duration,
    nodes: u32,
    churning: u32,
    /// Number of posts in a second. With 25, a node has filled its tables of bounded size after 22 minutes: 4096 posts, and
    /// 32 768 envelopes that have left the pool. Until then its memory grows.
    posts: u32,
    program: PathBuf,
}

impl Plan {
    fn read(args: &[String]) -> Result<Self, Failure> {
        let mut args = Args::new(args);
        let minutes = args.number("--minutes", 120)?;
        let seconds = u64::from(minutes) * 60;
        let warm_up = u64::from(args.number("--warm-up", 0)?) * 60;
        let warm_up = if warm_up == 0 { seconds / 4 } else { warm_up };
        let (nodes, churning) = (args.number("--nodes", 3)?, args.number("--churning", 2)?);
        let posts = args.number("--posts", 25)?;
        let program = args.values("--program")?.pop();
        args.rest(0)?;
        if nodes < 2 || churning < 1 || warm_up >= seconds {
            let needs =
                "a soak needs at least --nodes 2 and --churning 1, and --minutes beyond --warm-up";
            return Err(Failure::new(needs));
        }
        let program = match program {
            Some(program) => PathBuf::from(program),
            None => built()?,
        };
        let (duration, warm_up) = (Duration::from_secs(seconds), Duration::from_secs(warm_up));
        Ok(Self { duration, warm_up, nodes, churning, posts, program })
    }
}

/// A minute with the program of the tests: the nodes work, restart and answer. Slopes are not judged.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    // As for interoperability: examples select the same features as tests.
    process::run(&mut cargo(&["build", "--workspace", "--bins", "--examples"]))?;
    let program = workspace.target_dir.join("debug").join("whisper-node");
    let program = program.to_string_lossy().into_owned();
    run(&["--minutes".to_owned(), "1".to_owned(), "--program".to_owned(), program])
}

/// Builds the program, and returns its path.
fn built() -> Result<PathBuf, Failure> {
    process::run(&mut cargo(&["build", "--release", "--package", "whisper-node"]))?;
    Ok(Workspace::read()?.target_dir.join("release").join("whisper-node"))
}

fn run(args: &[String]) -> Result<(), Failure> {
    if !cfg!(target_os = "linux") {
        return Err(Failure::new("a soak reads /proc, which only Linux has"));
    }
    let plan = Plan::read(args)?;
    let dir = std::env::temp_dir().join(format!("whisper-soak-{}", std::process::id()));
    let mut soak = Soak::start(&plan, &dir)?;
    let result = soak.run(&plan);
    // The files of a soak that failed are kept: the logs of the nodes are among them.
    match result.and_then(|()| soak.judge(&plan)) {
        Ok(()) => {
            drop(soak);
            std::fs::remove_dir_all(&dir)
                .map_err(|error| Failure::new(format!("cannot remove {}: {error}", dir.display())))
        }
        Err(failure) => {
            Err(Failure::new(format!("{failure}\nthe nodes and their logs: {}", dir.display())))
        }
    }
}

/// A running soak.
struct Soak {
    steady: Vec<Node>,
    churning: Vec<Node>,
    load: Load,
    /// The samples of each steady node since the warm-up.
    samples: Vec<Vec<Sample>>,
    restarts: u64,
}

/// What a node used at one moment.
struct Sample {
    /// Time since the start of the soak.
    at: Duration,
    usage: Usage,
}

impl Soak {
    fn start(plan: &Plan, dir: &std::path::Path) -> Result<Self, Failure> {
        let mut steady: Vec<Node> = Vec::new();
        for index in 0..plan.nodes {
            // The first one also stores all envelopes.
            let role = if index == 0 { Role::Archive } else { Role::Steady };
            let known = steady.iter().map(|node| node.enode().to_owned()).collect();
            steady.push(Node::start(
                &plan.program,
                &dir.join(format!("steady{index}")),
                role,
                known,
            )?);
        }
        let known: Vec<String> = steady.iter().map(|node| node.enode().to_owned()).collect();
        let churning = (0..plan.churning).map(|index| {
            Node::start(
                &plan.program,
                &dir.join(format!("churning{index}")),
                Role::Churning,
                known.clone(),
            )
        });
        let churning = churning.collect::<Result<Vec<_>, _>>()?;
        let load = Load::new(&steady, plan.posts)?;
        let samples = steady.iter().map(|_| Vec::new()).collect();
        Ok(Self { steady, churning, load, samples, restarts: 0 })
    }

    /// Loads the nodes and samples them until the time is over.
    fn run(&mut self, plan: &Plan) -> Result<(), Failure> {
        let start = Instant::now();
        let interval = MAX_SAMPLE_INTERVAL.min(plan.duration / 60);
        let (mut round, mut next_sample, mut next_line) = (0_u64, interval, Duration::ZERO);
        println!("{} nodes run, {} come and go", self.steady.len(), self.churning.len());
        while start.elapsed() < plan.duration {
            self.load.round(round, &self.steady, &self.churning)?;
            if round % ROUNDS_TO_RESTART == ROUNDS_TO_RESTART - 1 {
                self.restart(round)?;
            }
            let at = start.elapsed();
            if at >= next_sample {
                next_sample += interval;
                self.sample(at, at >= plan.warm_up)?;
            }
            if at >= next_line {
                next_line += Duration::from_secs(60);
                self.print_line(at)?;
            }
            round += 1;
            let due = ROUND * u32::try_from(round).unwrap_or(u32::MAX);
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
        Ok(())
    }

    /// Restarts the next node that comes and goes: every other time without a warning.
    fn restart(&mut self, round: u64) -> Result<(), Failure> {
        let turn = usize::try_from(round / ROUNDS_TO_RESTART).unwrap_or_default();
        let index = turn % self.churning.len();
        let is_kill = turn / self.churning.len() % 2 == 1;
        self.churning[index].restart(is_kill)?;
        self.restarts += 1;
        Ok(())
    }

    fn sample(&mut self, at: Duration, is_kept: bool) -> Result<(), Failure> {
        for (node, samples) in self.steady.iter_mut().zip(&mut self.samples) {
            let usage = node.usage()?;
            if is_kept {
                samples.push(Sample { at, usage });
            }
        }
        Ok(())
    }

    fn print_line(&mut self, at: Duration) -> Result<(), Failure> {
        let mut line = format!("{:4} min", at.as_secs() / 60);
        for node in &mut self.steady {
            line += &format!(" | {}", node.usage()?);
        }
        println!("{line} | {}, {} restarts", self.load, self.restarts);
        Ok(())
    }

    /// Prints the slopes. Fails if one would matter in a month, or if the nodes did not work.
    fn judge(&self, plan: &Plan) -> Result<(), Failure> {
        let measured = plan.duration.saturating_sub(plan.warm_up);
        let (seconds, is_judged) = (measured.as_secs(), measured >= MIN_JUDGED);
        println!("\nSlopes over {seconds} s, as growth in 30 days, with the range that fits:");
        if !is_judged {
            println!("  (less than {} s: not judged)", MIN_JUDGED.as_secs());
        }
        let mut failed = Vec::new();
        for (node, samples) in self.steady.iter().zip(&self.samples) {
            for quantity in Quantity::ALL {
                let points: Vec<_> = samples
                    .iter()
                    .map(|sample| (sample.at.as_secs_f64(), quantity.of(&sample.usage)))
                    .collect();
                let (line, verdict) = verdict::judge(quantity, &points);
                println!("  {:10} {line}", node.name());
                let fault = verdict.fault().filter(|_| is_judged);
                failed.extend(
                    fault.map(|fault| format!("{}: {} {fault}", node.name(), quantity.name())),
                );
            }
            let excess = samples.iter().find_map(|sample| sample.usage.excess());
            failed.extend(excess.map(|excess| format!("{}: {excess}", node.name())));
        }
        println!("{}, {} restarts", self.load, self.restarts);
        let nodes = self.steady.iter().chain(&self.churning);
        failed.extend(
            nodes.filter_map(|node| node.panic().map(|line| format!("{}: {line}", node.name()))),
        );
        failed.extend(self.load.fault());
        match failed.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(format!("the soak failed:\n  {}", failed.join("\n  ")))),
        }
    }
}
