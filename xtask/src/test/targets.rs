//! Targets other than this machine's: the crates that are meant for them compile, where they can be added.

use crate::{
    command::Failure,
    process::{self, cargo, program},
    workspace::{Workspace, root},
};

const WASM: &str = "wasm32-unknown-unknown";
const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// What compiles for a browser without anything else: Rust alone.
const PLAIN: &[&[&str]] = &[
    &["--package", "rlp-codec", "--no-default-features"],
    &["--package", "rlp-codec"],
    &["--package", "keccak-lanes", "--no-default-features"],
    &["--package", "whisper-envelope", "--no-default-features"],
    &["--package", "whisper-pow", "--no-default-features"],
];

/// What has libsecp256k1 in it, and so needs a C compiler for the target.
const WITH_C: &[&[&str]] =
    &[&["--package", "whisper-envelope", "--no-default-features", "--features", "crypto"]];

/// What has code of its own for NEON, and what stands on it: Rust alone, so that a check needs no other compiler.
const WITH_NEON: &[&[&str]] = &[
    &["--package", "keccak-lanes", "--no-default-features"],
    &["--package", "keccak-lanes"],
    &["--package", "whisper-pow"],
];

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

/// Checks the crates with code for NEON, and runs their tests where that processor can be emulated.
pub(super) fn aarch64(_: &Workspace) -> Result<(), Failure> {
    if !add(AARCH64) {
        println!("  SKIPPED: {AARCH64} cannot be added to the toolchain of this machine");
        return Ok(());
    }
    check(AARCH64, WITH_NEON)?;
    let there = |name| process::works(&mut program(name, root(), &["--version"]));
    if !["aarch64-linux-gnu-gcc", "qemu-aarch64"].into_iter().all(there) {
        println!("  SKIPPED: the tests of NEON, which need aarch64-linux-gnu-gcc and qemu-aarch64");
        return Ok(());
    }
    // With the instructions for SHA-3, and without them.
    ["max", "cortex-a72"].into_iter().try_for_each(emulate)
}

/// Runs the tests of the kernels on an emulated processor of this kind.
fn emulate(processor: &str) -> Result<(), Failure> {
    let emulator = format!("qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu {processor}");
    println!("  on {processor}:");
    process::run(
        cargo(&["test", "--quiet", "--package", "keccak-lanes", "--target", AARCH64])
            .args(["--lib", "--tests"])
            .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")
            .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", emulator),
    )
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
