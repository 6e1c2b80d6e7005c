//! What the dependencies bring along: licences, bans, sources and known vulnerabilities, by the rules in `deny.toml`.

use crate::{
    command::Failure,
    process::{self, cargo, program},
    workspace::{Workspace, root},
};

/// The program that checks. CI does not have it: it takes longer to compile than all steps of the test command.
pub(super) const PROGRAM: &str = "cargo-deny";

/// Checks the packages in the lock file. Says what it cannot check.
pub(crate) fn check(_: &Workspace) -> Result<(), Failure> {
    if !process::works(&mut program(PROGRAM, root(), &["--version"])) {
        println!("  SKIPPED: {PROGRAM} is not in the PATH (cargo install {PROGRAM} --locked)");
        return Ok(());
    }
    let deny = |args: &[&str]| {
        let mut command = cargo(&["deny", "--all-features"]);
        command.args(args);
        command
    };
    process::run(&mut deny(&["check", "bans", "licenses", "sources"]))?;
    if !process::works(&mut deny(&["fetch", "db"])) {
        println!("  SKIPPED: the advisories; their database cannot be fetched");
        return Ok(());
    }
    process::run(&mut deny(&["check", "advisories"]))
}
