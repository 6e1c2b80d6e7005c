//! `whisper-node pow`: how fast this machine does the proof of work.

use std::time::Duration;

use clap::Subcommand;
use whisper_envelope::{Topic, Unsealed};
use whisper_pow::{Rate, Task, Work};
use whisper_protocol::Policy;

use super::failure::Failure;

/// How long each kernel is measured.
const WITHIN: Duration = Duration::from_millis(500);
/// go-ethereum's default requirement.
const WORK: f64 = 0.2;
/// Bytes of data in the envelope of the example, and its time to live in seconds.
const DATA: usize = 280;
const TTL: u32 = 50;

#[derive(Debug, Subcommand)]
pub(crate) enum Pow {
    /// Measure every kernel that this processor can run, on one thread
    Bench,
}

impl Pow {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Bench => bench(),
        }
    }
}

/// Prints the rate of each kernel, and what the fastest makes of a common envelope.
fn bench() -> Result<(), Failure> {
    println!("{:10} {:>6} {:>16}", "kernel", "lanes", "hashes/s");
    for rate in Rate::of_all(WITHIN) {
        let million = rate.per_second / 1e6;
        println!("{:10} {:>6} {:>14.2} M", rate.kernel.name(), rate.kernel.lanes(), million);
    }
    let unsealed = Unsealed::v6(0, TTL, Topic(*b"demo"), &[0; DATA]);
    let example = Task::new(Policy::default().seal, &unsealed).ok().zip(Work::new(WORK));
    let rate = Rate::measure(WITHIN);
    let cost = example.and_then(|(task, work)| rate.estimate(&task, work, 1));
    let cost = cost.ok_or(Failure::Demo("the example has no proof of work"))?;
    println!(
        "\nWith {}: work of {WORK} for an envelope of {DATA} bytes that lives for {TTL} s takes {} hashes,\n\
         {:.2} ms on one thread, on average.",
        rate.kernel,
        cost.hashes,
        cost.time.as_secs_f64() * 1e3
    );
    Ok(())
}
