//! `whisper-node run`: runs a node until it is stopped.

mod access_summary;
mod data_lock;
mod event_log;
mod node_config;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use whisper_node::Node;

use super::config::Sources;
use super::console;
use super::failure::Failure;
use super::flags::List;
use super::own_address;
use super::stop_signal::stop_signal;
use access_summary::AccessSummary;
pub(super) use data_lock::DataLock;
pub(super) use node_config::{check, data_dir, data_dir_path};

/// Runs a node until Ctrl-C (or, on Unix, SIGTERM or SIGHUP).
pub(crate) async fn run(sources: Sources) -> Result<(), Failure> {
    let configuration = sources.read()?;
    let flags = configuration.flags;
    flags.log.settings().start();
    configuration.unknown_variables.iter().for_each(|unknown| tracing::warn!("{unknown}"));
    let stop = stop_signal().map_err(Failure::Signals)?;
    let datadir = data_dir(flags.datadir.as_deref())?;
    // Before anything in the directory is read or made.
    let _lock = DataLock::acquire(&datadir, "lock")?;
    let listens_on = List::joined(flags.network.addr.clone());
    let listens_on = listens_on.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let config = node_config::node_config(flags, datadir)?;
    let access = AccessSummary::of(&config.rpc);
    let mut node = Node::start(config).await?;
    console::announce(&banner(&node, &access, listens_on));
    tokio::select! {
        () = stop => {}
        () = event_log::log_events(&mut node.events) => {}
    }
    console::announce("stopping");
    node.stop().await;
    Ok(())
}

/// The addresses of the node, one `name  value` per line, for scripts and people.
fn banner(node: &Node, access: &AccessSummary, listens_on: IpAddr) -> String {
    let off = || "off".to_owned();
    let url = |scheme: &str, addr: Option<SocketAddr>| {
        addr.map_or_else(off, |addr| format!("{scheme}://{addr}"))
    };
    let (rpc, (http, ws)) = (node.rpc(), access.schemes());
    format!(
        "enode      {}\nHTTP       {}\nWebSocket  {}\nIPC        {}\naccess     {access}\nmetrics    {}\n\
         Ctrl-C stops the node.",
        own_address::shown(&node.server.enode(), listens_on),
        url(http, rpc.http_addr()),
        url(ws, rpc.ws_addr()),
        rpc.ipc_path().map_or_else(off, |path| path.display().to_string()),
        url("http", node.metrics_addr()),
    )
}
