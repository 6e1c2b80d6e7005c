//! What is given to operators: the stripped program, a Debian package, a static program, a list of all parts, checksums.

mod check;
mod parts;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command as Process,
};

use crate::{
    command::{Args, Command, Failure},
    process::{self, cargo, program},
    workspace::{Workspace, root},
};

pub(crate) const COMMAND: Command = Command {
    name: "dist",
    usage: "[--program FILE] [--no-static] [--check]",
    about: "make everything that is given to operators, in target/dist: the stripped program, a Debian package\n\
            (needs cargo-deb), a static program (needs musl-gcc), a list of all parts (CycloneDX) and checksums;\n\
            what a missing tool would make is skipped. FILE: a built program; --check: tries all of it",
    run,
};

fn run(args: &[String]) -> Result<(), Failure> {
    let mut args = Args::new(args);
    let plan = Plan {
        program: args.values("--program")?.pop().map(PathBuf::from),
        is_static: !args.flag("--no-static"),
    };
    let is_checked = args.flag("--check");
    args.rest(0)?;
    let workspace = Workspace::read()?;
    let dist = make(&workspace, &plan)?;
    if is_checked { check::run(&workspace, &dist) } else { Ok(()) }
}

/// Makes everything and tries it.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let dist = make(workspace, &Plan { program: None, is_static: true })?;
    check::run(workspace, &dist)
}

/// What to make.
struct Plan {
    /// A program that was built; otherwise one is built.
    program: Option<PathBuf>,
    /// Whether to make the static program.
    is_static: bool,
}

/// The target of the static program.
const STATIC: &str = "x86_64-unknown-linux-musl";

/// The shells with completions, and where the Debian package looks for them.
const COMPLETIONS: &[(&str, &str)] =
    &[("bash", "whisper-node.bash"), ("zsh", "_whisper-node"), ("fish", "whisper-node.fish")];

/// What was made.
pub(super) struct Dist {
    /// The folder.
    dir: PathBuf,
    /// The stripped program.
    program: PathBuf,
    /// The Debian package, if cargo-deb is there.
    deb: Option<PathBuf>,
}

/// Makes everything in `target/dist`, which is emptied before.
fn make(workspace: &Workspace, plan: &Plan) -> Result<Dist, Failure> {
    let dir = workspace.target_dir.join("dist");
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(|error| failed(&dir, &error))?;
    }
    for folder in ["bin", "completions"] {
        fs::create_dir_all(dir.join(folder)).map_err(|error| failed(&dir, &error))?;
    }
    let built = match &plan.program {
        Some(program) => program.clone(),
        None => {
            build(&["build", "--release", "--package", "whisper-node"])?;
            workspace.target_dir.join("release").join("whisper-node")
        }
    };
    let program = strip(&built, &dir.join("bin").join("whisper-node"))?;
    write_manual(&program, &dir)?;
    let version = &workspace.package("whisper-node")?.version;
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let name = format!("whisper-node-{version}-{os}-{arch}");
    let mut files = vec![copy(&program, &dir.join(&name))?];
    files.push(parts::write(&dir.join(format!("whisper-node-{version}.cdx.json")))?);
    let deb = debian(&dir)?;
    files.extend(deb.clone());
    if plan.is_static {
        files.extend(static_program(workspace, &dir.join(format!("{name}-static")))?);
    }
    let sums = checksums(&dir, &files)?;
    for file in files.iter().chain(&sums) {
        let bytes = fs::metadata(file).map_or(0, |metadata| metadata.len());
        println!("  {:7} KiB  {}", bytes / 1024, file.display());
    }
    Ok(Dist { dir, program, deb })
}

/// Runs cargo. The program shows the commit as a label of its metric `whisper_build_info`.
fn build(args: &[&str]) -> Result<(), Failure> {
    let mut git = program("git", root(), &["rev-parse", "--short=12", "HEAD"]);
    let mut cargo = cargo(args);
    if let Ok(revision) = process::output(&mut git) {
        cargo.env("WHISPER_BUILD_REVISION", revision.trim());
    }
    process::run(&mut cargo)
}

/// Writes the man pages, the completions and the default configuration, all made by the program itself.
fn write_manual(program: &Path, dir: &Path) -> Result<(), Failure> {
    process::run(Process::new(program).arg("man").arg(dir.join("man")))?;
    for (shell, file) in COMPLETIONS {
        let script = process::output(Process::new(program).args(["completions", shell]))?;
        write(&dir.join("completions").join(file), &script)?;
    }
    let config = process::output(Process::new(program).args(["config", "default"]))?;
    write(&dir.join("whisper-node.toml"), &config)
}

/// Copies a program without the information for debuggers.
fn strip(built: &Path, to: &Path) -> Result<PathBuf, Failure> {
    process::run(Process::new("strip").arg("-o").arg(to).arg(built))?;
    Ok(to.to_owned())
}

fn copy(from: &Path, to: &Path) -> Result<PathBuf, Failure> {
    fs::copy(from, to).map_err(|error| failed(to, &error))?;
    Ok(to.to_owned())
}

/// The Debian package, if cargo-deb is installed.
fn debian(dir: &Path) -> Result<Option<PathBuf>, Failure> {
    if !process::works(&mut program("cargo-deb", root(), &["--version"])) {
        println!("  SKIPPED: the Debian package, which needs cargo-deb (cargo install cargo-deb)");
        return Ok(None);
    }
    let mut deb = cargo(&["deb", "--package", "whisper-node", "--no-build", "--output"]);
    process::run(deb.arg(dir))?;
    let is_package = |path: &PathBuf| path.extension().is_some_and(|found| found == "deb");
    let entries = fs::read_dir(dir).map_err(|error| failed(dir, &error))?;
    let package = entries.filter_map(|entry| Some(entry.ok()?.path())).find(is_package);
    package.map(Some).ok_or_else(|| Failure::new("cargo-deb made no package"))
}

/// The program with all libraries in it, if its C compiler is installed and rustup has the target.
fn static_program(workspace: &Workspace, to: &Path) -> Result<Option<PathBuf>, Failure> {
    let is_there = process::works(&mut program("musl-gcc", root(), &["--version"]));
    if !is_there || !process::works(&mut program("rustup", root(), &["target", "add", STATIC])) {
        println!("  SKIPPED: the static program, which needs musl-gcc and the target {STATIC}");
        return Ok(None);
    }
    build(&["build", "--release", "--package", "whisper-node", "--target", STATIC])?;
    let built = workspace.target_dir.join(STATIC).join("release").join("whisper-node");
    let file = strip(&built, to)?;
    // A linker from the environment can make a program that needs a library after all, and then does not start.
    if !process::works(&mut program(&file.to_string_lossy(), root(), &["demo"])) {
        return Err(Failure::new(format!("{} does not run", file.display())));
    }
    Ok(Some(file))
}

/// Writes the checksums of the files, if the program for that is there.
fn checksums(dir: &Path, files: &[PathBuf]) -> Result<Option<PathBuf>, Failure> {
    if !process::works(&mut program("sha256sum", dir, &["--version"])) {
        println!("  SKIPPED: the checksums, which need sha256sum");
        return Ok(None);
    }
    let names = files.iter().filter_map(|file| file.file_name());
    let sums = process::output(program("sha256sum", dir, &[]).args(names))?;
    let path = dir.join("SHA256SUMS");
    write(&path, &sums)?;
    Ok(Some(path))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
