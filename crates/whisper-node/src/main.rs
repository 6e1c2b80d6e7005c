//! The program `whisper-node`: runs the command on the command line.

// Printing panics if the reader has gone. `cli::console` prints instead.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod logs;

use std::process::ExitCode;

fn main() -> ExitCode {
    let invocation = match cli::Invocation::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        // Help and the version are such errors as well.
        Err(error) => error.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            cli::print_error(&format!("whisper-node: cannot start threads or timers: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(invocation.execute()) {
        Ok(()) | Err(cli::Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(failure) => {
            cli::print_error(&format!("whisper-node: {}", failure.report()));
            ExitCode::FAILURE
        }
    }
}
