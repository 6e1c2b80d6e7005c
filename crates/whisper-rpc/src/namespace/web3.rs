//! The namespace `web3`.

use keccak_lanes::keccak256;
use p2p_server::Server;

use crate::call::hex::HexBytes;
use crate::declare::api::Api;

/// The methods of `web3`.
pub(crate) fn api() -> Api<Server> {
    let mut api = Api::new();
    api.call("web3_clientVersion", [], |server: &Server, ()| Ok(server.node_info().name))
        .about("What the node calls itself.");
    api.call("web3_sha3", ["data"], |_, (data,): (HexBytes,)| {
        Ok(HexBytes::from(keccak256(data.as_slice())))
    })
    .about("The Keccak-256 of these bytes.");
    api
}
