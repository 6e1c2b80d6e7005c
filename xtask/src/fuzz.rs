//! Fuzzing: the replay of the committed corpora on stable, and fuzzing itself on nightly.

use std::{fs, path::Path};

use crate::{
    command::{Args, Command, Failure},
    process::{self, cargo, program},
    workspace::{Workspace, root},
};

pub(crate) const COMMAND: Command = Command {
    name: "fuzz",
    usage: "[TARGET] [--seconds N]",
    about: "fuzz one target, or each in turn, for N seconds (60); needs nightly and cargo-fuzz\n\
            (`test` replays the corpora on stable)",
    run,
};

fn run(args: &[String]) -> Result<(), Failure> {
    let mut args = Args::new(args);
    let seconds = args.number("--seconds", 60)?;
    let wanted = args.rest(1)?;
    let workspace = Workspace::read()?;
    let known = &workspace.package("fuzz")?.binaries;
    let targets = match wanted.first() {
        Some(name) if known.contains(name) => std::slice::from_ref(name),
        Some(name) => {
            return Err(Failure::new(format!(
                "there is no target `{name}`; the targets are: {}",
                known.join(", ")
            )));
        }
        None => known,
    };
    require_tools()?;
    for (index, target) in targets.iter().enumerate() {
        println!("\n[{}/{}] {target}, {seconds} s", index + 1, targets.len());
        fuzz(target, seconds, &workspace.target_dir)?;
    }
    println!("\n{} targets, no failure found", targets.len());
    Ok(())
}

/// Replays every committed corpus through its target on the stable toolchain.
pub(crate) fn replay() -> Result<(), Failure> {
    process::run(&mut cargo(&["test", "--workspace", "--test", "replay"]))
}

fn require_tools() -> Result<(), Failure> {
    let nightly = |args: &[&str]| {
        let args: Vec<&str> = ["run", "nightly"].iter().chain(args).copied().collect();
        process::works(&mut program("rustup", root(), &args))
    };
    if !nightly(&["rustc", "--version"]) {
        return Err(Failure::new(
            "fuzzing needs the nightly toolchain: rustup toolchain install nightly",
        ));
    }
    if !nightly(&["cargo", "fuzz", "--version"]) {
        return Err(Failure::new("fuzzing needs cargo-fuzz: cargo install cargo-fuzz --locked"));
    }
    Ok(())
}

/// Fuzzes one target. New inputs go into the target folder; the committed corpus is only read.
fn fuzz(target: &str, seconds: u32, target_dir: &Path) -> Result<(), Failure> {
    let found = target_dir.join("fuzz-corpus").join(target);
    let artifacts = target_dir.join("fuzz-artifacts").join(target);
    for dir in [&found, &artifacts] {
        fs::create_dir_all(dir).map_err(|error| {
            Failure::new(format!("{} cannot be created: {error}", dir.display()))
        })?;
    }
    let mut command = program("rustup", root(), &["run", "nightly", "cargo", "fuzz", "run"]);
    command
        .args(["--fuzz-dir", "fuzz", "--features", "libfuzzer", "--target-dir"])
        .arg(target_dir.join("fuzz"))
        .arg(target)
        .arg(found)
        .arg(root().join("fuzz/corpus").join(target))
        .args(["--", &format!("-max_total_time={seconds}"), "-print_final_stats=1", "-timeout=10"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        // Link-time optimisation would take minutes, and instrumented code hardly gains from it.
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    process::run(&mut command)
}
