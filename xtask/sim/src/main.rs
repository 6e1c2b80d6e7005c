//! Whole Whisper networks on virtual time, from one seed: `cargo xtask sim`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sim::restart_with_huge_pages();
    let args: Vec<String> = std::env::args().skip(1).collect();
    sim::run(&args)
}
