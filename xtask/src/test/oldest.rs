//! The oldest versions that the manifests promise: of the compiler, and of the packages that a crate depends on.

use std::path::PathBuf;

use super::archives;
use crate::{
    command::Failure,
    process::{self, program},
    workspace::{Workspace, root},
};

/// Compiles the published crates with the Rust version that they declare, if rustup has it or can install it.
pub(super) fn compiler(workspace: &Workspace) -> Result<(), Failure> {
    let published = || workspace.packages.iter().filter(|package| package.published);
    let mut versions: Vec<&str> =
        published().map(|package| package.rust_version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    for version in versions {
        let install = ["toolchain", "install", "--profile", "minimal", version];
        if !process::works(&mut program("rustup", root(), &install)) {
            println!("  SKIPPED: rustup cannot install Rust {version}");
            continue;
        }
        let mut check = program("rustup", root(), &["run", version, "cargo", "check", "--quiet"]);
        check.args(["--locked", "--all-features", "--lib", "--bins"]);
        for package in published().filter(|package| package.rust_version == version) {
            check.args(["--package", &package.name]);
        }
        process::run(&mut check)?;
    }
    Ok(())
}

/// Compiles the workspace with the lowest version of each package that its manifests allow. Needs a nightly toolchain.
///
/// It works in a copy of the repository, because it makes another lock file.
pub(super) fn packages(workspace: &Workspace) -> Result<(), Failure> {
    let nightly = |folder: &PathBuf| program("rustup", folder, &["run", "nightly", "cargo"]);
    if !process::works(nightly(&root().to_owned()).arg("--version")) {
        println!("  SKIPPED: there is no nightly toolchain (rustup toolchain install nightly)");
        return Ok(());
    }
    let folder = archives::copy_of_sources(workspace, "oldest")?;
    process::run(nightly(&folder).args(["update", "--quiet", "-Z", "direct-minimal-versions"]))?;
    let mut check = nightly(&folder);
    check.args(["check", "--quiet", "--locked", "--workspace", "--all-targets"]);
    process::run(check.env("CARGO_TARGET_DIR", &workspace.target_dir))
}
