//! `whisper-node network status`: one line for each node.

use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::future::join_all;
use whisper_rpc::client::{AdminClient as _, DebugClient as _, ShhClient as _};

use super::plan::{Plan, PlannedNode};
use crate::cli::client::connection::{Connection, read_token};
use crate::cli::failure::Failure;
use crate::cli::flags::Output;

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Status {
    /// Folder of the network
    dir: PathBuf,

    /// File with the token of the nodes on other machines, whose URLs are in network.toml (rpc)
    #[arg(long = "rpc.token-file", value_name = "FILE")]
    token_file: Option<PathBuf>,

    #[command(flatten)]
    output: Output,
}

/// What a node says of itself.
#[derive(Debug, serde::Serialize)]
struct Line {
    name: String,
    host: String,
    /// `None`: it does not answer.
    state: Option<State>,
    /// Why it does not answer.
    error: Option<String>,
}

/// The state of a node that runs.
#[derive(Debug, serde::Serialize)]
struct State {
    peers: usize,
    /// Envelopes in the pool.
    envelopes: usize,
    /// Everything that was dropped since the start.
    drops: u64,
    version: String,
}

impl Status {
    /// Prints the state of each node.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let plan = Plan::read(&self.dir)?;
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        let lines = plan.nodes.iter().map(|node| line(node, &self.dir, token.as_deref()));
        let lines = join_all(lines).await;
        self.output.print(&lines, || table(&plan, &lines))
    }
}

async fn line(node: &PlannedNode, dir: &Path, token: Option<&str>) -> Line {
    let socket = dir.join(&node.name).join("whisper-node.ipc").display().to_string();
    let place = node.rpc.clone().unwrap_or(socket);
    let (state, error) = match state(&place, token).await {
        Ok(state) => (Some(state), None),
        Err(failure) => (None, Some(failure.report())),
    };
    Line { name: node.name.clone(), host: node.host.clone(), state, error }
}

async fn state(place: &str, token: Option<&str>) -> Result<State, Failure> {
    let node = Connection::open(place, token).await?;
    let info = node.node_info().await.map_err(Failure::Call)?;
    let peers = node.peers().await.map_err(Failure::Call)?.len();
    let whisper = node.info().await.map_err(Failure::Call)?;
    let drops = node.drops().await.map_err(Failure::Call)?;
    Ok(State {
        peers,
        envelopes: whisper.messages,
        drops: drops.iter().map(|dropped| dropped.count).sum(),
        version: info.name,
    })
}

fn table(plan: &Plan, lines: &[Line]) -> String {
    let mut text = format!("network {} (number {})\n", plan.name, plan.id);
    text.push_str(&format!(
        "{:<8} {:<16} {:>5} {:>9} {:>6}  version",
        "node", "host", "peers", "envelopes", "drops"
    ));
    for line in lines {
        let (name, host) = (&line.name, &line.host);
        text.push_str(&match (&line.state, &line.error) {
            (Some(State { peers, envelopes, drops, version }), _) => {
                format!("\n{name:<8} {host:<16} {peers:>5} {envelopes:>9} {drops:>6}  {version}")
            }
            (None, error) => {
                format!("\n{name:<8} {host:<16} {}", error.as_deref().unwrap_or("does not answer"))
            }
        });
    }
    text
}
