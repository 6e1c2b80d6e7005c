//! The namespace `admin`: the node and its peers.

mod access;
mod context;
mod dial_state;
mod node_info;
mod peer_events;
mod teams;
mod transports;
mod unix_time;

pub(crate) use context::AdminContext;
pub(crate) use unix_time::of_system_time;

use std::sync::Arc;

use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::namespace::node_name::{enode, node_id, static_node};
use crate::types::node_info::{NodeInfoJson, PeerInfoJson};

/// The methods of `admin`.
pub(crate) fn api() -> Api<AdminContext> {
    let mut api = Api::new();
    api.call("admin_nodeInfo", [], |admin: &AdminContext, ()| {
        Ok(NodeInfoJson::from(admin.server.node_info()))
    })
    .about("Returns what the node tells about itself.");
    api.call("admin_peers", [], |admin, ()| {
        Ok(admin.server.peers().into_iter().map(PeerInfoJson::from).collect::<Vec<_>>())
    })
    .about("Returns the connected peers.");
    api.call("admin_datadir", [], |admin, ()| Ok(admin.datadir.to_string_lossy().into_owned()))
        .about("Returns the data directory.");
    api.task("admin_reload", [], |admin: Arc<AdminContext>, ()| async move {
        let reload = admin.reload.as_ref().ok_or(CallError::NoReload)?;
        reload.run().await.map_err(|reason| CallError::Reload { reason })
    })
    .about("Reads the configuration again. Changes what can change while the node runs, and names the rest.")
    .fails([CallError::NoReload, CallError::Reload { reason: "node.toml:1: not TOML".to_owned() }]);
    peers(&mut api);
    access::declare(&mut api);
    dial_state::declare(&mut api);
    peer_events::declare(&mut api);
    teams::declare(&mut api);
    transports::declare(&mut api);
    api
}

/// Declares the methods that add and remove peers. Like go-ethereum's, they answer `true` even if nothing changed.
fn peers(api: &mut Api<AdminContext>) {
    let invalid = || enode("nonsense").err().map(CallError::Enode);
    api.call("admin_addPeer", ["url"], |admin, (url,): (String,)| {
        admin.server.add_peer(static_node(&url).map_err(CallError::Enode)?);
        Ok(true)
    })
    .about("Connects to a node, and connects again whenever the connection is lost.")
    .fails(invalid());
    api.call("admin_removePeer", ["url"], |admin, (url,): (String,)| {
        admin.server.remove_peer(&node_id(&url).map_err(CallError::Enode)?);
        Ok(true)
    })
    .about("Disconnects a node, and no longer connects to it as a static node.")
    .fails(invalid());
    api.call("admin_addTrustedPeer", ["url"], |admin, (url,): (String,)| {
        admin.server.add_trusted(node_id(&url).map_err(CallError::Enode)?);
        Ok(true)
    })
    .about("Makes a node trusted: it is accepted even when all peer slots are taken.")
    .fails(invalid());
    api.call("admin_removeTrustedPeer", ["url"], |admin, (url,): (String,)| {
        admin.server.remove_trusted(&node_id(&url).map_err(CallError::Enode)?);
        Ok(true)
    })
    .about("Makes a node no longer trusted.")
    .fails(invalid());
    api.call("admin_unpinPeer", ["node"], |admin, (node,): (String,)| {
        Ok(admin.server.unpin(node_id(&node).map_err(CallError::Enode)?))
    })
    .about(
        "Lets a node connect without sec/1 again, although it was connected over it; returns whether it was pinned.",
    )
    .fails(invalid());
}
