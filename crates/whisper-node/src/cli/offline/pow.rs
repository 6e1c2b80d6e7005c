//! `whisper-node pow`: how fast this machine does the proof of work.

use std::time::Duration;

use clap::Subcommand;
use whisper_envelope::{Topic, Unsealed};
use whisper_pow::{Rate, Task};
use whisper_protocol::{Config, Policy};

use crate::cli::console;
use crate::cli::failure::Failure;

/// How long each kernel is measured.
const MEASURE_TIME: Duration = Duration::from_millis(500);

/// Size of the data in the example envelope.
const DATA_BYTES: usize = 280;

/// Time to live of the example envelope.
const TTL_SECS: u32 = 50;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure every kernel that this processor can run, on one thread
    Bench,
}

impl Command {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Bench => bench(),
        }
    }
}

/// Prints the rate of each kernel, and the cost of a typical envelope with the fastest.
fn bench() -> Result<(), Failure> {
    console::print(&format!("{:10} {:>6} {:>16}", "kernel", "lanes", "hashes/s"))?;
    for rate in Rate::of_all(MEASURE_TIME) {
        let million = rate.per_second / 1e6;
        let (name, lanes) = (rate.kernel.name(), rate.kernel.lanes());
        console::print(&format!("{name:10} {lanes:>6} {million:>14.2} M"))?;
    }
    let min_work = Config::default().min_work;
    let unsealed = Unsealed::v6(0, TTL_SECS, Topic(*b"demo"), &[0; DATA_BYTES]);
    let task = Task::new(Policy::default().seal, &unsealed).ok();
    let rate = Rate::measure(MEASURE_TIME);
    let cost = task.and_then(|task| rate.estimate(&task, min_work, 1));
    let cost = cost.ok_or(Failure::Demo("the example has no proof of work"))?;
    console::print(&format!(
        "\nWith {}: work of {min_work} for an envelope of {DATA_BYTES} bytes that lives for {TTL_SECS} s takes {} hashes,\n\
         {:.2} ms on one thread, on average.",
        rate.kernel,
        cost.hashes,
        cost.time.as_secs_f64() * 1e3
    ))
}
