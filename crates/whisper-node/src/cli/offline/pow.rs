//! `whisper-node pow`: how fast this machine does the proof of work.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Subcommand;
use serde::Serialize;
use whisper_envelope::{Topic, Unsealed};
use whisper_pow::{Rate, Task};
use whisper_protocol::{Config, Policy};

use crate::cli::failure::Failure;
use crate::cli::flags::Output;

/// How long each kernel is measured.
const MEASURE_TIME: Duration = Duration::from_millis(500);

/// Size of the data in the example envelope.
const DATA_BYTES: usize = 280;

/// Time to live of the example envelope.
const TTL_SECS: u32 = 50;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure every kernel that this processor can run, on one thread
    Bench {
        #[command(flatten)]
        output: Output,
    },
}

/// What was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    kernels: Vec<Kernel>,
    example: Example,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kernel {
    name: String,
    lanes: usize,
    hashes_per_second: f64,
}

/// What a typical envelope costs with the fastest kernel, on average.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Example {
    kernel: String,
    work: f64,
    data_bytes: usize,
    ttl: u32,
    hashes: f64,
    millis: f64,
}

impl Command {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let Self::Bench { output } = self;
        let measured = Measured::now()?;
        output.print(&measured, || measured.describe())
    }
}

impl Measured {
    /// Measures each kernel, and the cost of a typical envelope with the fastest.
    fn now() -> Result<Self, Failure> {
        let kernel = |rate: Rate| Kernel {
            name: rate.kernel.name().to_owned(),
            lanes: rate.kernel.lanes(),
            hashes_per_second: rate.per_second,
        };
        let kernels = Rate::of_all(MEASURE_TIME).map(kernel).collect();
        let min_work = Config::default().min_work;
        let unsealed = Unsealed::v6(0, TTL_SECS, Topic(*b"demo"), &[0; DATA_BYTES]);
        let task = Task::new(Policy::default().seal, &unsealed).ok();
        let rate = Rate::measure(MEASURE_TIME);
        let cost = task.and_then(|task| rate.estimate(&task, min_work, 1));
        let cost = cost.ok_or(Failure::Demo("the example has no proof of work"))?;
        let example = Example {
            kernel: rate.kernel.to_string(),
            work: min_work.get(),
            data_bytes: DATA_BYTES,
            ttl: TTL_SECS,
            hashes: cost.hashes,
            millis: cost.time.as_secs_f64() * 1e3,
        };
        Ok(Self { kernels, example })
    }

    fn describe(&self) -> String {
        let mut page = format!("{:10} {:>6} {:>16}\n", "kernel", "lanes", "hashes/s");
        for Kernel { name, lanes, hashes_per_second } in &self.kernels {
            let million = hashes_per_second / 1e6;
            let _ = writeln!(page, "{name:10} {lanes:>6} {million:>14.2} M");
        }
        let Example { kernel, work, data_bytes, ttl, hashes, millis } = &self.example;
        let _ = write!(
            page,
            "\nWith {kernel}: work of {work} for an envelope of {data_bytes} bytes that lives for {ttl} s takes {hashes} hashes,\n\
             {millis:.2} ms on one thread, on average."
        );
        page
    }
}
