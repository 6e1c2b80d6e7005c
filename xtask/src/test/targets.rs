//! Targets other than this machine's: the crates that are meant for them compile, where they can be added.

use crate::{
    command::Failure,
    process::{self, cargo, program},
    workspace::{Workspace, root},
};

const WASM: &str = "wasm32-unknown-unknown";

/// What compiles for a browser without anything else: Rust alone.
const PLAIN: &[&[&str]] = &[
    &["--package", "rlp-codec", "--no-default-features"],
    &["--package", "rlp-codec"],
    &["--package", "keccak-lanes", "--no-default-features"],
    &["--package", "whisper-envelope", "--no-default-features"],
];

/// What has libsecp256k1 in it, and so needs a C compiler for the target.
const WITH_C: &[&[&str]] =
    &[&["--package", "whisper-envelope", "--no-default-features", "--features", "crypto"]];

/// Checks the crates that a browser can use.
pub(super) fn wasm(workspace: &Workspace) -> Result<(), Failure> {
    if !add(WASM) {
        println!("  SKIPPED: {WASM} cannot be added to the toolchain of this machine");
        return Ok(());
    }
    check(WASM, PLAIN)?;
    if !compiles_c(workspace) {
        println!("  SKIPPED for {WASM}: whisper-envelope with cryptography, which needs clang");
        return Ok(());
    }
    check(WASM, WITH_C)
}

/// Whether the toolchain has the target, or could be given it.
fn add(target: &str) -> bool {
    process::works(&mut program("rustup", root(), &["target", "add", target]))
}

fn check(target: &str, packages: &[&[&str]]) -> Result<(), Failure> {
    for package in packages {
        let mut args = vec!["check", "--quiet", "--target", target];
        args.extend(*package);
        process::run(&mut cargo(&args))?;
    }
    Ok(())
}

/// Whether there is a C compiler for [`WASM`]: not every clang has that target.
fn compiles_c(workspace: &Workspace) -> bool {
    let object = workspace.target_dir.join("wasm-probe.o");
    let mut clang =
        program("clang", root(), &["--target=wasm32", "-x", "c", "-c", "/dev/null", "-o"]);
    process::works(clang.arg(object))
}
