//! Simulated networks: `cargo xtask sim`.

use std::path::{Path, PathBuf};

use crate::{
    command::{Command, Failure},
    process::{self, cargo},
    workspace::Workspace,
};

pub(crate) const COMMAND: Command = Command {
    name: "sim",
    usage: "[SCENARIO | archive | lazy | planted [BUG]...] [--seed N] [--seeds K] [--nodes N] [--minutes M] [--trace FILE] ...",
    about: "simulate a network of Whisper nodes on virtual time, from one seed;\n\
            `cargo run --package sim -- --help` shows all scenarios and options",
    run,
};

fn run(args: &[String]) -> Result<(), Failure> {
    let mut command = cargo(&["run", "--quiet", "--release", "--package", "sim"]);
    if args.iter().any(|arg| arg == "planted") {
        command.args(["--features", "planted"]);
    }
    process::run(command.arg("--").args(args))
}

/// Bugs that CI plants: a few that are found soon.
const BUGS: &[&str] = &["planted", "lost-wakeup", "known-mixed-up", "ban-keeps-peer", "page-twice"];

/// Plants bugs that the simulated networks must find. `all`: every bug, each reduced to a small scenario.
pub(crate) fn planted(workspace: &Workspace, all: bool) -> Result<(), Failure> {
    if all {
        return run(&["planted".to_owned()]);
    }
    // The program is built for the test. Only the crates above the bugs are compiled again.
    let printed = ["test", "--workspace", "--test", "printed", "--features", "sim/planted"];
    process::run(&mut cargo(&printed))?;
    let mut command = std::process::Command::new(debug_program(workspace));
    process::run(command.args(BUGS).args(&SIZE[3..]).arg("--no-shrink"))
}

/// Compares a simulated network with one over real sockets.
pub(crate) fn calibrate() -> Result<(), Failure> {
    run(&["calibrate".to_owned()])
}

fn debug_program(workspace: &Workspace) -> PathBuf {
    program(workspace, "debug")
}

fn program(workspace: &Workspace, profile: &str) -> PathBuf {
    let name = format!("sim{}", std::env::consts::EXE_SUFFIX);
    workspace.target_dir.join(profile).join(name)
}

/// The networks of the test: small, since they run twice and without optimization.
const SIZE: &[&str] = &[
    "faults",
    "--seeds",
    "20",
    "--nodes",
    "8",
    "--degree",
    "4",
    "--minutes",
    "3",
    "--hostile",
    "2",
];

/// Simulates some networks on one thread and again on two. Both must do the same.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    let program = build_debug(workspace)?;
    let simulate = |args: &[&str]| process::run(std::process::Command::new(&program).args(args));
    // The first time takes one of two cores. The other one has work, too.
    let (one, others) = std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            // A hundredth of the kills that `archives` simulates, and a hundredth of what `traced` does.
            simulate(&["archive", "--envelopes", "2000", "--kills", "10"])?;
            simulate(&["trace", "--traces", "100"])
        });
        (traces(&program, "1"), others.join())
    });
    others.map_err(|_| Failure::new("a simulation could not be started"))??;
    same(&one?, &traces(&program, "2")?)
}

/// Simulates the same networks with the optimized program. It must do the same.
pub(crate) fn optimized(workspace: &Workspace) -> Result<(), Failure> {
    let debug = traces(&build_debug(workspace)?, "2")?;
    process::run(&mut cargo(&["build", "--release", "--package", "sim"]))?;
    same(&debug, &traces(&program(workspace, "release"), "2")?)
}

fn build_debug(workspace: &Workspace) -> Result<PathBuf, Failure> {
    // As for interoperability: examples select the same features as tests.
    process::run(&mut cargo(&["build", "--workspace", "--bins", "--examples"]))?;
    Ok(debug_program(workspace))
}

/// The hash of the traces of the networks.
fn traces(program: &Path, threads: &str) -> Result<String, Failure> {
    let mut command = std::process::Command::new(program);
    let printed = process::output(command.args(SIZE).args(["--threads", threads]))?;
    print!("{printed}");
    Ok(printed.lines().last().unwrap_or_default().to_owned())
}

fn same(one: &str, other: &str) -> Result<(), Failure> {
    if one == other {
        return Ok(());
    }
    let text = format!("the same seeds did not do the same: `{one}` and `{other}`");
    Err(Failure::new(text))
}

/// Of 10 000 traces under faults, every answer is true.
pub(crate) fn traced() -> Result<(), Failure> {
    run(&["trace", "--traces", "10000"].map(str::to_owned))
}

/// Archives and their readers, with as much going wrong as in years.
pub(crate) fn archives() -> Result<(), Failure> {
    let size = ["archive", "--envelopes", "1000000", "--kills", "1000", "--hours", "14"];
    run(&size.map(str::to_owned))
}
