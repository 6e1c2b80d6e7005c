//! The namespace `net`.

use p2p_server::Server;

use crate::call::hex::Quantity;
use crate::declare::api::Api;

/// What the methods are about.
pub(crate) struct Net {
    pub(crate) server: Server,
    pub(crate) network_id: u64,
}

/// The methods of `net`.
pub(crate) fn api() -> Api<Net> {
    let mut api = Api::new();
    api.call("net_version", [], |net: &Net, ()| Ok(net.network_id.to_string()))
        .about("The number of the network, in decimal.");
    api.call("net_peerCount", [], |net, ()| Ok(Quantity(net.server.peer_count())))
        .about("How many peers are connected.");
    api.call("net_listening", [], |net, ()| Ok(net.server.listen_addr().is_some()))
        .about("Whether other nodes can connect with this one.");
    api
}
