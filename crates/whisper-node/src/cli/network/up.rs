//! `whisper-node network up`: runs all nodes of a network on this machine.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::process::{Child, Command};
use tokio::time::sleep;
use whisper_rpc::client::AdminClient as _;

use super::plan::{NetworkJson, Plan, PlannedNode};
use crate::cli::client::connection::Connection;
use crate::cli::config::FILE_NAME;
use crate::cli::failure::Failure;
use crate::cli::flags::Output;
use crate::cli::process::stop_signal::stop_signal;

/// Maximum time until all nodes have peers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// Time between two questions for peers.
const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Up {
    /// Folder of the network
    dir: PathBuf,

    #[command(flatten)]
    output: Output,
}

impl Up {
    /// Runs the nodes until a signal to stop, or until one of them ends.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let stop = stop_signal().map_err(Failure::Signals)?;
        let plan = Plan::read(&self.dir)?.on_this_machine();
        let begin = Instant::now();
        let mut nodes = Nodes(Vec::new());
        for (index, node) in plan.nodes.iter().enumerate() {
            nodes.0.push((node.name.clone(), start(&plan, index, &self.dir)?));
        }
        let wanted = usize::from(plan.nodes.len() > 1);
        let work = async {
            connected(&plan, &self.dir, wanted).await?;
            let time = begin.elapsed();
            let millis = Some(time.as_secs_f64() * 1e3);
            let network = NetworkJson { plan: &plan, dir: &self.dir, millis };
            self.output.print(&network, || summary(&plan, &self.dir, time))?;
            std::future::pending().await
        };
        let ended = tokio::select! {
            () = stop => Ok(()),
            ended = work => ended,
            ended = nodes.any_ended() => Err(ended),
        };
        nodes.stop().await;
        ended
    }
}

/// The running nodes. They are killed if this is dropped before they have stopped.
struct Nodes(Vec<(String, Child)>);

impl Nodes {
    /// Waits until one of the nodes ends.
    async fn any_ended(&mut self) -> Failure {
        let waits = self.0.iter_mut().map(|(name, child)| {
            Box::pin(async move {
                // An error means that it is not known how it ended.
                let _ = child.wait().await;
                name.clone()
            })
        });
        let (name, _, _) = futures_util::future::select_all(waits).await;
        Failure::NodeEnded(name)
    }

    /// Stops all nodes and waits for their end.
    async fn stop(mut self) {
        for (_, child) in &mut self.0 {
            terminate(child);
        }
        for (_, child) in &mut self.0 {
            let _ = child.wait().await;
        }
    }
}

/// Asks a node to stop.
fn terminate(child: &mut Child) {
    #[cfg(unix)]
    if let Some(id) = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
        // It may have ended.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        return;
    }
    let _ = child.start_kill();
}

/// Starts a node with its folder as data directory. Flags replace the addresses in its file.
fn start(plan: &Plan, index: usize, dir: &Path) -> Result<Child, Failure> {
    let node = &plan.nodes[index];
    let datadir = dir.join(&node.name);
    let log = datadir.join("log");
    let failed = |path: PathBuf| move |source| Failure::NetworkFile { path, source };
    let lines = File::create(&log).map_err(failed(log))?;
    let program = std::env::current_exe().map_err(failed("whisper-node".into()))?;
    let mut command = Command::new(&program);
    command.arg("run").arg("--config").arg(datadir.join(FILE_NAME)).arg("--datadir").arg(&datadir);
    for (flag, value) in [
        ("addr", node.host.clone()),
        ("port", node.ports.peers.to_string()),
        ("staticnodes", plan.dialed(index).join(",")),
        ("bootnodes", plan.boot_nodes(index).join(",")),
        ("http.port", node.ports.http.to_string()),
        ("ws.port", node.ports.ws.to_string()),
        ("metrics.port", node.ports.metrics.to_string()),
    ] {
        command.arg(format!("--{flag}={value}"));
    }
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(lines);
    command.kill_on_drop(true).spawn().map_err(failed(program))
}

/// Waits until every node has peers.
async fn connected(plan: &Plan, dir: &Path, wanted: usize) -> Result<(), Failure> {
    let all = async {
        for node in &plan.nodes {
            while !has_peers(node, dir, wanted).await {
                sleep(ASK_INTERVAL).await;
            }
        }
    };
    tokio::time::timeout(CONNECT_TIMEOUT, all).await.map_err(|_| Failure::NetworkApart)
}

/// Whether the node runs and has enough peers.
async fn has_peers(node: &PlannedNode, dir: &Path, wanted: usize) -> bool {
    let socket = dir.join(&node.name).join("whisper-node.ipc").display().to_string();
    let Ok(connection) = Connection::open(&socket, None).await else { return false };
    connection.peers().await.is_ok_and(|peers| peers.len() >= wanted)
}

fn summary(plan: &Plan, dir: &Path, time: Duration) -> String {
    let nodes = plan.nodes.iter().map(|node| {
        format!(
            "{:<8} http://127.0.0.1:{}  ws://127.0.0.1:{}  metrics http://127.0.0.1:{}/metrics\n",
            node.name, node.ports.http, node.ports.ws, node.ports.metrics
        )
    });
    format!(
        "{}network {} runs: {} nodes are connected after {:.1} s; logs in {}/node*/log\nCtrl-C stops it.",
        nodes.collect::<String>(),
        plan.name,
        plan.nodes.len(),
        time.as_secs_f64(),
        dir.display(),
    )
}
