//! `whisper-node network`: makes a private network, and runs it on this machine as a trial.

mod files;
mod init;
mod plan;
mod status;
mod up;

use clap::Subcommand;

use super::failure::Failure;

/// What to do with a network.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a network in a new folder: keys, configurations, a systemd unit, a compose file and a Dockerfile
    Init(init::Init),
    /// Run all nodes of a network on this machine until Ctrl-C, as a trial
    Up(up::Up),
    /// Show one line for each node: peers, envelopes, drops, version
    Status(status::Status),
}

impl Command {
    /// Runs the command.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Init(init) => init.run(),
            Self::Up(up) => up.run().await,
            Self::Status(status) => status.run().await,
        }
    }
}
