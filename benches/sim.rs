//! Networks of Whisper nodes in the simulator, without cryptography: how long they take, and how much memory.
//!
//! Each has degree 8, and one message a second in the whole network. It runs in a process of its own, so that the peak of the
//! memory of that process is its memory. With the name of a case on the command line, or a part of one, only its network runs.

use std::{
    env, fs,
    process::{Command, Stdio},
};

use mimalloc::MiMalloc;

/// The allocator of the program `sim`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Tells this program that it is the process of a network: the number of nodes, and of virtual minutes.
const NETWORK: &str = "SIM_BENCH_NETWORK";

/// What a network takes.
struct Figures {
    seconds: f64,
    events: f64,
    /// The peak of the resident memory.
    gib: f64,
}

fn main() {
    if let Ok(network) = env::var(NETWORK) {
        return simulate(&network);
    }
    if benches::wanted("sim.n1000_hour_s sim.n1000_gib sim.events_per_s") {
        let Figures { seconds, events, gib } = run(1_000, 60);
        benches::measured("sim.n1000_hour_s", seconds);
        benches::measured("sim.n1000_gib", gib);
        benches::measured("sim.events_per_s", events / seconds);
    }
    if benches::wanted("sim.n10000_10min_s") {
        benches::measured("sim.n10000_10min_s", run(10_000, 10).seconds);
    }
}

/// Runs a network in another process. Not measuring, a small one.
fn run(nodes: usize, minutes: u64) -> Figures {
    let (nodes, minutes) = if benches::measuring() { (nodes, minutes) } else { (20, 1) };
    let output = Command::new(env::current_exe().expect("the path of this program"))
        .env(NETWORK, format!("{nodes} {minutes}"))
        .stderr(Stdio::inherit())
        .output()
        .expect("this program starts again");
    let text = String::from_utf8(output.stdout).expect("text");
    let figures: Option<Vec<f64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
    match figures.as_deref() {
        Some(&[seconds, events, gib]) => Figures { seconds, events, gib },
        _ => panic!("the process of the network ended: {}", output.status),
    }
}

/// The process of a network: prints its figures.
#[expect(clippy::print_stdout, reason = "the line is what the other process reads")]
fn simulate(network: &str) {
    sim::restart_with_huge_pages();
    let (nodes, minutes) = network.split_once(' ').expect("two numbers");
    let (nodes, minutes) = (nodes.parse().expect("a number"), minutes.parse().expect("a number"));
    match sim::measure(nodes, minutes) {
        Ok((took, events)) => println!("{} {events} {}", took.as_secs_f64(), peak_gib()),
        Err(violation) => panic!("{violation}"),
    }
}

/// The peak of the resident memory of this process in GiB; 0 on other systems than Linux.
fn peak_gib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok());
    kib.map_or(0.0, |kib: f64| kib / f64::from(1 << 20))
}
