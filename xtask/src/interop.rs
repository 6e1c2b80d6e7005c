//! Interoperability: clients written by others, installed with npm and pip, talk to our node; the examples talk to each
//! other.

use std::path::{Path, PathBuf};

use crate::{
    command::{Args, Command, Failure},
    process::{self, cargo, program},
    workspace::{Workspace, root},
};

pub(crate) const COMMAND: Command = Command {
    name: "interop",
    usage: "[--picture]",
    about: "check that @ethereumjs/devp2p, web3, web3.py and the chats in examples/ work with our node;\n\
            needs node, npm and python3; go for a chat, and chromium for another one and the dashboard;\n\
            --picture: take the picture of the dashboard for README and the book instead",
    run: |args| {
        let mut args = Args::new(args);
        let takes_picture = args.flag("--picture");
        args.rest(0)?;
        let workspace = Workspace::read()?;
        if takes_picture { picture(&workspace) } else { run(&workspace) }
    },
};

/// Installs the clients as locked, builds the node, and runs all checks.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let here = root().join("xtask").join("interop");
    for tool in ["node", "npm"] {
        if !process::works(&mut program(tool, &here, &["--version"])) {
            return Err(Failure::new(format!("interoperability needs `{tool}` in the PATH")));
        }
    }
    // None of these packages needs its install script.
    process::run(&mut program(
        "npm",
        &here,
        &["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    ))?;
    // Examples select the same features as tests, so that the dependencies that those have built are used again.
    process::run(&mut cargo(&["build", "--workspace", "--bins", "--examples"]))?;
    // Not `cargo run`: it would select one package, and build its dependencies with other features.
    let name = format!("interop{}", std::env::consts::EXE_SUFFIX);
    let mut interop = std::process::Command::new(workspace.target_dir.join("debug").join(name));
    match python(workspace, &here)? {
        Some(python) => interop.env(PYTHON, python),
        None => interop.env_remove(PYTHON),
    };
    process::run(&mut interop)
}

/// Takes the picture of the dashboard, from the demo of the program.
fn picture(workspace: &Workspace) -> Result<(), Failure> {
    process::run(&mut cargo(&["build", "--workspace", "--bins", "--examples"]))?;
    let name = format!("whisper-node{}", std::env::consts::EXE_SUFFIX);
    let here = root().join("xtask").join("interop");
    let mut take = program("node", &here, &["picture.mjs"]);
    take.arg(workspace.target_dir.join("debug").join(name));
    process::run(take.arg(root().join("docs").join("book").join("src").join("dashboard.png")))
}

/// Environment variable with the path of a Python that has web3.py.
const PYTHON: &str = "INTEROP_PYTHON";

/// A Python with web3.py, in its own environment in the target folder; `None` if no Python is installed, which is a
/// failure in CI only.
fn python(workspace: &Workspace, here: &Path) -> Result<Option<PathBuf>, Failure> {
    if !process::works(&mut program("python3", here, &["--version"])) {
        if std::env::var_os("CI").is_some() {
            return Err(Failure::new("interoperability needs `python3` in the PATH"));
        }
        return Ok(None);
    }
    let environment = workspace.target_dir.join("interop-python");
    let python = environment.join("bin").join("python");
    if !python.is_file() {
        process::run(program("python3", here, &["-m", "venv"]).arg("--clear").arg(&environment))?;
    }
    let mut pip = std::process::Command::new(&python);
    pip.current_dir(here).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(["--no-deps", "--only-binary", ":all:", "--requirement", "requirements.txt"]);
    process::run(&mut pip)?;
    Ok(Some(python))
}
