//! `whisper-node run`: runs a node until it is stopped.

mod access_summary;
mod audit;
mod event_log;
mod node_config;
mod own_address;
mod reload;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::pin;

use whisper_node::Node;

use super::config::Sources;
use super::console;
use super::failure::Failure;
use super::flags::List;
use super::process::core_dump::{forbid_core_dumps, lock_memory};
use super::process::data_dir::{DataLock, data_dir};
use super::process::stop_signal::{OnHangup, signals};
use access_summary::AccessSummary;
use audit::AuditLog;
pub(super) use node_config::check;
pub(super) use own_address::shown as shown_address;
use reload::Reload;

/// Runs a node until Ctrl-C, or on Unix SIGTERM. SIGHUP stops it too, or makes it read its configuration again: see
/// [`OnHangup`].
pub(crate) async fn run(sources: Sources) -> Result<(), Failure> {
    let configuration = sources.read()?;
    let flags = configuration.flags;
    let log = flags.log.settings().start();
    configuration.unknown_variables.iter().for_each(|unknown| tracing::warn!("{unknown}"));
    let on_hangup = OnHangup::with_file(configuration.file.is_some());
    let (stop, mut hangups) = signals(on_hangup).map_err(Failure::Signals)?;
    let datadir = data_dir(flags.datadir.as_deref())?;
    // Before anything in the directory is read or made.
    let _lock = DataLock::acquire(&datadir, "lock")?;
    let listens_on = List::joined(flags.network.addr.clone());
    let listens_on = listens_on.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let teams = flags.rpc.teams_file().map(Path::to_owned);
    let audit = flags.rpc.audit_file().map(AuditLog::start).transpose()?;
    let store = flags.store.clone();
    if store.is_on() {
        forbid_core_dumps();
    }
    if store.locks_memory() {
        lock_memory().map_err(Failure::LockMemory)?;
    }
    let mut config = node_config::node_config(flags, datadir)?;
    let access = AccessSummary::of(&config.rpc);
    let (reloader, mut requests) = reload::requests();
    config.rpc.reload = Some(reloader);
    config.rpc.audit = audit.as_ref().map(AuditLog::sink);
    let mut node = Node::start(config.clone()).await?;
    let (given, file) = (configuration.given, configuration.file);
    let mut reload = Reload { sources, file, given, config, teams, store, log };
    console::announce(&banner(&node, &access, listens_on));
    let mut events = std::mem::replace(&mut node.events, node.server.events());
    let mut logged = pin!(event_log::log_events(&mut events));
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = &mut logged => break,
            () = hangups.next() => drop(reload.run(&mut node).await),
            Some(request) = requests.recv() => {
                // The caller may have gone.
                let _ = request.send(reload.run(&mut node).await);
            }
        }
    }
    console::announce("stopping");
    node.stop().await;
    if let Some(audit) = audit {
        audit.stop();
    }
    reload.log.stop();
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
         dashboard  {}\nCtrl-C stops the node.",
        own_address::shown(&node.server.enode(), listens_on),
        url(http, rpc.http_addr()),
        url(ws, rpc.ws_addr()),
        rpc.ipc_path().map_or_else(off, |path| path.display().to_string()),
        url("http", node.metrics_addr()),
        node.metrics_addr().map_or_else(off, |addr| format!("http://{addr}/, from this machine")),
    )
}
