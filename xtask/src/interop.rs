//! Interoperability: clients written by others, installed with npm, against our node.

use crate::{
    command::{Args, Command, Failure},
    process::{self, cargo, program},
    workspace::root,
};

pub(crate) const COMMAND: Command = Command {
    name: "interop",
    usage: "",
    about: "let @ethereumjs/devp2p and web3 talk to our node; needs node and npm",
    run: |args| {
        Args::new(args).rest(0)?;
        run()
    },
};

/// Installs the clients as locked, builds the node, and runs every conversation.
pub(crate) fn run() -> Result<(), Failure> {
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
    process::run(&mut cargo(&["build", "--package", "whisper-node", "--package", "interop"]))?;
    process::run(&mut cargo(&["run", "--quiet", "--package", "interop"]))
}
