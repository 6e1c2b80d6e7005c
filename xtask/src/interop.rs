//! Interoperability: clients written by others, installed with npm, against our node.

use crate::{
    command::{Args, Command, Failure},
    process::{self, cargo, program},
    workspace::{Workspace, root},
};

pub(crate) const COMMAND: Command = Command {
    name: "interop",
    usage: "",
    about: "let @ethereumjs/devp2p and web3 talk to our node; needs node and npm",
    run: |args| {
        Args::new(args).rest(0)?;
        run(&Workspace::read()?)
    },
};

/// Installs the clients as locked, builds the node, and runs every conversation.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let here = root().join("xtask").join("interop");
    for tool in ["node", "npm"] {
        if !process::works(&mut program(tool, &here, &["--version"])) {
            return Err(Failure::new(format!("interoperability needs `{tool}` in the PATH")));
        }
    }
    // Nothing of these packages needs its install script.
    process::run(&mut program(
        "npm",
        &here,
        &["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    ))?;
    // With the examples come the features of the tests, so that what those have built is used again.
    process::run(&mut cargo(&["build", "--workspace", "--bins", "--examples"]))?;
    // Not `cargo run`, which would select one package and so build its dependencies with other features.
    let name = format!("interop{}", std::env::consts::EXE_SUFFIX);
    let interop = workspace.target_dir.join("debug").join(name);
    process::run(&mut std::process::Command::new(interop))
}
