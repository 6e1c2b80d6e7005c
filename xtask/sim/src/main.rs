//! Whole Whisper networks on virtual time, from one seed: `cargo xtask sim`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A simulation allocates all the time, and in one thread frees what another one has allocated.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sim::restart_with_huge_pages();
    let args: Vec<String> = std::env::args().skip(1).collect();
    sim::run(&args)
}
