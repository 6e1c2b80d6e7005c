//! The program `whisper-node`: runs the command on the command line.

// Printing panics if the reader has gone. `cli::console` prints instead.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod logs;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            cli::print_error(&format!("whisper-node: cannot start threads or timers: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli.execute()) {
        Ok(()) | Err(cli::Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(failure) => {
            cli::print_error(&format!("whisper-node: {}", failure.report()));
            ExitCode::FAILURE
        }
    }
}
