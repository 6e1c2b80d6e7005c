//! The steps of the test command, in the order in which they run: what fails fast comes first.
//!
//! Steps that build select the whole workspace wherever they can: cargo unites the features of what it builds, so that
//! another selection would compile half of the dependencies again.

use std::process::Command;

use super::targets;
use crate::{
    architecture,
    command::Failure,
    fuzz, interop,
    process::{self, cargo},
    workspace::Workspace,
};

/// One check.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) run: fn(&Workspace) -> Result<(), Failure>,
}

const fn step(
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<(), Failure>,
) -> Step {
    Step { name, about, run }
}

pub(super) const STEPS: &[Step] = &[
    step("format", "every file is formatted", |_| here(&["fmt", "--all", "--check"])),
    step(
        "architecture",
        "dependencies point down, files are short, unsafe stays in its place",
        |_| architecture::check(),
    ),
    step("clippy", "no lint in any target", |_| {
        here(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])
    }),
    step("alone", "each crate builds by itself, with and without its default features", each_alone),
    step(
        "wasm",
        "what a browser can use compiles for it, where the target can be added",
        targets::wasm,
    ),
    step(
        "aarch64",
        "the code for NEON compiles, where the target can be added, and passes its tests, where it can be emulated",
        targets::aarch64,
    ),
    step("tests", "unit, property and integration tests of all crates", |_| {
        here(&["test", "--workspace", "--lib", "--bins", "--tests"])
    }),
    step("doctests", "the examples in the documentation run", |_| {
        here(&["test", "--workspace", "--doc"])
    }),
    step("docs", "the documentation builds without a warning", |_| {
        run(cargo(&["doc", "--workspace", "--no-deps", "--lib"])
            .env("RUSTDOCFLAGS", "--deny warnings"))
    }),
    step("fuzz", "every fuzz body accepts its corpus", |_| fuzz::replay()),
    step("benches", "every benchmark runs once", |_| {
        here(&["test", "--workspace", "--bench", "*"])
    }),
    step("package", "every crate can be packaged for release", package),
    step("interop", "clients of others, from npm and PyPI, talk to our node", interop::run),
];

fn here(args: &[&str]) -> Result<(), Failure> {
    run(&mut cargo(args))
}

/// Runs cargo as the steps need it: on a fresh machine nothing is compiled twice, so incremental state is waste.
fn run(cargo: &mut Command) -> Result<(), Failure> {
    if std::env::var_os("CI").is_some() {
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    process::run(cargo)
}

fn each_alone(workspace: &Workspace) -> Result<(), Failure> {
    for name in workspace.published() {
        here(&["check", "--quiet", "--package", name])?;
        here(&["check", "--quiet", "--package", name, "--no-default-features"])?;
    }
    Ok(())
}

/// Builds no crate a second time (`--no-verify`): that each builds alone was checked before. The step is about what
/// goes into the package, not about what is committed, so that it can be run while working (`--allow-dirty`).
fn package(_: &Workspace) -> Result<(), Failure> {
    here(&["package", "--workspace", "--quiet", "--no-verify", "--allow-dirty"])
}
