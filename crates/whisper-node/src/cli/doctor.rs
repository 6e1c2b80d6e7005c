//! `whisper-node doctor`: says why there are no peers or no messages, and what to do.
//!
//! It looks at the configuration, at this machine, at the nodes that the configuration names, and, if it runs, at the node
//! itself.

mod finding;
mod lists;
mod machine;
mod peers;
mod process;
mod reach;
mod running;
#[cfg(test)]
mod samples;
mod versions;

use std::path::PathBuf;

use clap::Args;

use super::config::Sources;
use super::failure::Failure;
use super::flags::Output;
use super::process::data_dir::data_dir_path;
use super::run;
use finding::{Finding, Level};

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Configuration file of the node [default: whisper-node.toml in the data directory, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Data directory of the node [default: ~/.whisper-node]
    #[arg(long, value_name = "DIR")]
    datadir: Option<PathBuf>,

    /// The running node: the path of its socket, or an http:// or ws:// URL [default: its socket in the data directory]
    #[arg(long, value_name = "URL")]
    rpc: Option<String>,

    /// File with the token of the node, for HTTP and WebSocket [default: that of the configuration]
    #[arg(long = "rpc.token-file", value_name = "FILE")]
    token_file: Option<PathBuf>,

    #[command(flatten)]
    output: Output,
}

impl Doctor {
    /// Prints the findings.
    ///
    /// # Errors
    ///
    /// There is a finding that keeps the node from working.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let findings = self.findings().await?;
        let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
        self.output.print(&findings, || finding::report(&findings))?;
        if errors > 0 { Err(Failure::Ill(errors)) } else { Ok(()) }
    }

    async fn findings(&self) -> Result<Vec<Finding>, Failure> {
        let configuration = match Sources::of_files(&self.config, &self.datadir).read() {
            Ok(configuration) => configuration,
            // Nothing else can be checked.
            Err(failure) => return Ok(vec![finding::of_configuration(&failure)]),
        };
        let flags = configuration.flags;
        if let Err(failure) = run::check(&flags) {
            return Ok(vec![finding::of_configuration(&failure)]);
        }
        let datadir = data_dir_path(flags.datadir.as_deref())?;
        let node = running::connect(self, &flags, &datadir).await;
        let mut findings = lists::check(&flags, &datadir);
        findings.extend(machine::check(&flags, &datadir, node.may_run()));
        findings.extend(reach::check(&flags, &node.peers().await).await);
        findings.extend(running::check(node, &flags).await);
        Ok(findings)
    }
}
