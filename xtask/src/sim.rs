//! Simulated networks: `cargo xtask sim`.

use crate::{
    command::{Command, Failure},
    process::{self, cargo},
    workspace::Workspace,
};

pub(crate) const COMMAND: Command = Command {
    name: "sim",
    usage: "[SCENARIO] [--seed N] [--seeds K] [--nodes N] [--minutes M] [--trace FILE] ...",
    about: "simulate a network of Whisper nodes in one thread, on virtual time, from one seed;\n\
            `cargo run --package sim -- --help` shows all scenarios and options",
    run,
};

fn run(args: &[String]) -> Result<(), Failure> {
    let mut command = cargo(&["run", "--quiet", "--release", "--package", "sim", "--"]);
    process::run(command.args(args))
}

/// The networks of the test: small, since they run twice and without optimization.
const SIZE: &[&str] =
    &["faults", "--seeds", "20", "--nodes", "8", "--degree", "4", "--minutes", "3"];

/// Simulates some networks on one thread and again on two. Both must do the same.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    // As for interoperability: examples select the same features as tests.
    process::run(&mut cargo(&["build", "--workspace", "--bins", "--examples"]))?;
    let name = format!("sim{}", std::env::consts::EXE_SUFFIX);
    let program = workspace.target_dir.join("debug").join(name);
    let run = |threads| {
        let mut command = std::process::Command::new(&program);
        process::output(command.args(SIZE).args(["--threads", threads]))
    };
    let (one, two) = (run("1")?, run("2")?);
    print!("{two}");
    let last = |text: &str| text.lines().last().unwrap_or_default().to_owned();
    let (one, two) = (last(&one), last(&two));
    if one == two {
        return Ok(());
    }
    Err(Failure::new(format!("the same seeds did not do the same: `{one}` and `{two}`")))
}
