//! The project's own commands: `cargo xtask` lists them.
//!
//! This package is not published. It has few dependencies, so that it compiles in seconds.

mod architecture;
mod bench;
mod book;
mod command;
mod dist;
mod fuzz;
mod interop;
#[cfg(unix)]
mod postgres;
mod process;
mod release;
mod sim;
#[cfg(unix)]
mod soak;
mod test;
mod workspace;

use std::process::ExitCode;

use command::{Command, Failure};

/// All commands, in the order in which a newcomer needs them.
const COMMANDS: &[Command] = &[
    test::COMMAND,
    architecture::COMMAND,
    book::COMMAND,
    interop::COMMAND,
    sim::COMMAND,
    #[cfg(unix)]
    soak::COMMAND,
    fuzz::COMMAND,
    bench::COMMAND,
    dist::COMMAND,
    release::COMMAND,
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = args.split_first() else {
        print_commands();
        return Ok(());
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print_commands();
        return Ok(());
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        print_commands();
        return Err(Failure::new(format!("there is no command `{name}`")));
    };
    if rest.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("cargo xtask {} {}\n\n{}", command.name, command.usage, command.about);
        return Ok(());
    }
    (command.run)(rest)
}

fn print_commands() {
    println!("cargo xtask COMMAND\n");
    for command in COMMANDS {
        println!("  {} {}", command.name, command.usage);
        for line in command.about.lines() {
            println!("      {line}");
        }
    }
}
