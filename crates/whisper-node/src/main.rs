//! The program `whisper-node`: reads the command line, runs a node or a demonstration.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("whisper-node: the system gave no threads or timers: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli.execute()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("whisper-node: {}", failure.report());
            ExitCode::FAILURE
        }
    }
}
