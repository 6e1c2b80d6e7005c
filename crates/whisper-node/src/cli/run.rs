//! `whisper-node run`: runs a node until it is stopped.

mod access_summary;
mod config;
mod event_log;

use std::net::SocketAddr;

use whisper_node::Node;

use super::failure::Failure;
use super::flags::Flags;
use super::stop_signal::stop_signal;
use access_summary::AccessSummary;
pub(super) use config::data_dir;

/// Runs a node until Ctrl-C (or, on Unix, SIGTERM).
pub(crate) async fn run(flags: Flags) -> Result<(), Failure> {
    flags.verbosity.log_to_stderr();
    let stop = stop_signal().map_err(Failure::Signals)?;
    let config = config::node_config(flags)?;
    let access = AccessSummary::of(&config.rpc);
    let mut node = Node::start(config).await?;
    println!("{}", banner(&node, &access));
    tokio::select! {
        () = stop => {}
        () = event_log::log_events(&mut node.events) => {}
    }
    println!("stopping");
    node.stop().await;
    Ok(())
}

/// The addresses of the node, one `name  value` per line, for scripts and people.
fn banner(node: &Node, access: &AccessSummary) -> String {
    let off = || "off".to_owned();
    let url = |scheme: &str, addr: Option<SocketAddr>| {
        addr.map_or_else(off, |addr| format!("{scheme}://{addr}"))
    };
    let (rpc, (http, ws)) = (node.rpc(), access.schemes());
    format!(
        "enode      {}\nHTTP       {}\nWebSocket  {}\nIPC        {}\naccess     {access}\nmetrics    {}\n\
         Ctrl-C stops the node.",
        node.server.enode(),
        url(http, rpc.http_addr()),
        url(ws, rpc.ws_addr()),
        rpc.ipc_path().map_or_else(off, |path| path.display().to_string()),
        url("http", node.metrics_addr()),
    )
}
