//! Other targets than this machine's: the crates for them compile, if rustup can add the target.

use crate::{
    command::Failure,
    process::{self, cargo, program},
    workspace::{Workspace, root},
};

const WASM: &str = "wasm32-unknown-unknown";
const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// What compiles for a browser without a C compiler.
const PLAIN: &[&[&str]] = &[
    &["--package", "rlp-codec", "--no-default-features"],
    &["--package", "rlp-codec"],
    &["--package", "keccak-lanes", "--no-default-features"],
    &["--package", "whisper-envelope", "--no-default-features"],
    &["--package", "whisper-pow", "--no-default-features"],
    &["--package", "whisper-pow"],
];

/// What contains libsecp256k1, and therefore needs a C compiler for the target.
const WITH_C: &[&[&str]] = &[
    &["--package", "whisper-envelope", "--no-default-features", "--features", "crypto"],
    &["--package", "rlpx-transport", "--no-default-features", "--features", "sec-portable"],
];

/// The crate with NEON code, and one that uses it. Both compile without a C compiler.
const WITH_NEON: &[&[&str]] = &[
    &["--package", "keccak-lanes", "--no-default-features"],
    &["--package", "keccak-lanes"],
    &["--package", "whisper-pow"],
];

/// Checks the crates for browsers.
pub(super) fn wasm(workspace: &Workspace) -> Result<(), Failure> {
    if !add(WASM) {
        println!("  SKIPPED: {WASM} cannot be added by rustup");
        return Ok(());
    }
    check(WASM, PLAIN)?;
    if !compiles_c(workspace) {
        println!("  SKIPPED for {WASM}: whisper-envelope with cryptography, which needs clang");
        return Ok(());
    }
    check(WASM, WITH_C)
}

/// Checks the crates with NEON code, and runs their tests if an emulator is installed.
pub(super) fn aarch64(_: &Workspace) -> Result<(), Failure> {
    if !add(AARCH64) {
        println!("  SKIPPED: {AARCH64} cannot be added by rustup");
        return Ok(());
    }
    check(AARCH64, WITH_NEON)?;
    let is_there = |name| process::works(&mut program(name, root(), &["--version"]));
    if !["aarch64-linux-gnu-gcc", "qemu-aarch64"].into_iter().all(is_there) {
        println!("  SKIPPED: the tests, which need aarch64-linux-gnu-gcc and qemu-aarch64");
        return Ok(());
    }
    // With the SHA-3 instructions, and without them.
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

/// Whether the toolchain has the target. Adds it if possible.
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

/// Whether clang is installed and can compile for [`WASM`].
fn compiles_c(workspace: &Workspace) -> bool {
    let object = workspace.target_dir.join("wasm-probe.o");
    let mut clang =
        program("clang", root(), &["--target=wasm32", "-x", "c", "-c", "/dev/null", "-o"]);
    process::works(clang.arg(object))
}
