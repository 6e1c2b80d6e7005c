//! The namespace `admin`.

mod moment;
mod outlook;
mod peer_events;
mod rules;

use std::path::{Path, PathBuf};
use std::sync::Weak;

use p2p_server::Server;

pub use outlook::{EndingJson, NextJson, OutlookJson, PlannedJson};
pub use rules::BanJson;

use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::namespace::enode::{enode, node_id};
use crate::transport::control;
use crate::transport::transports::Transports;

/// What the methods are about.
pub(crate) struct Admin {
    server: Server,
    datadir: PathBuf,
    /// What is served. The methods do not keep it alive: it has them.
    pub(crate) transports: Weak<Transports>,
}

impl Admin {
    pub(crate) fn new(server: Server, datadir: &Path, transports: Weak<Transports>) -> Self {
        // An absolute path is what a client can use; where the current directory is gone, the given one must do.
        let datadir = std::path::absolute(datadir).unwrap_or_else(|_| datadir.to_owned());
        Self { server, datadir, transports }
    }
}

/// The methods of `admin`.
pub(crate) fn api() -> Api<Admin> {
    let mut api = Api::new();
    api.call("admin_nodeInfo", [], |admin: &Admin, ()| Ok(admin.server.node_info()))
        .about("What the node says of itself.");
    api.call("admin_peers", [], |admin, ()| Ok(admin.server.peers()))
        .about("The peers that are connected.");
    api.call("admin_datadir", [], |admin, ()| Ok(admin.datadir.to_string_lossy().into_owned()))
        .about("Where the node keeps its files.");
    peers(&mut api);
    rules::declare(&mut api);
    outlook::declare(&mut api);
    peer_events::declare(&mut api);
    control::declare(&mut api);
    api
}

/// The methods that change who is a peer. All answer `true`, whether or not anything changed, as go-ethereum's do.
fn peers(api: &mut Api<Admin>) {
    let unnamed = || enode("nonsense").err().map(CallError::Enode);
    api.call("admin_addPeer", ["url"], |admin, (url,): (String,)| {
        admin.server.add_peer(enode(&url).map_err(CallError::Enode)?);
        Ok(true)
    })
    .about("Connects with a node, now and whenever the connection is lost.")
    .fails(unnamed());
    api.call("admin_removePeer", ["url"], |admin, (url,): (String,)| {
        admin.server.remove_peer(&node_id(&url).map_err(CallError::Enode)?);
        Ok(true)
    })
    .about("Disconnects a node, and does not connect with it again by itself.")
    .fails(unnamed());
    api.call("admin_addTrustedPeer", ["url"], |admin, (url,): (String,)| {
        admin.server.add_trusted(node_id(&url).map_err(CallError::Enode)?);
        Ok(true)
    })
    .about("Lets a node connect even where all places for peers are taken.")
    .fails(unnamed());
    api.call("admin_removeTrustedPeer", ["url"], |admin, (url,): (String,)| {
        admin.server.remove_trusted(&node_id(&url).map_err(CallError::Enode)?);
        Ok(true)
    })
    .about("Treats a node as any other again.")
    .fails(unnamed());
}
