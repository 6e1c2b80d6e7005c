//! The namespace `net`.

use p2p_server::Server;

use crate::declare::api::Api;
use crate::types::hex::Quantity;

/// What the methods work on.
pub(crate) struct NetContext {
    pub(crate) server: Server,
    pub(crate) network_id: u64,
}

/// The methods of `net`.
pub(crate) fn api() -> Api<NetContext> {
    let mut api = Api::new();
    api.call("net_version", [], |net: &NetContext, ()| Ok(net.network_id.to_string()))
        .about("Returns the network id, in decimal.");
    api.call("net_peerCount", [], |net, ()| Ok(Quantity(net.server.peer_count())))
        .about("Returns the number of connected peers.");
    api.call("net_listening", [], |net, ()| Ok(net.server.listen_addr().is_some()))
        .about("Returns whether the node listens for peers.");
    api
}
