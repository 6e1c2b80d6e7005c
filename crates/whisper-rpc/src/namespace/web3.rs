//! The namespace `web3`.

use keccak_lanes::keccak256;
use p2p_server::Server;

use crate::declare::api::Api;
use crate::types::hex::HexBytes;

/// The methods of `web3`.
pub(crate) fn api() -> Api<Server> {
    let mut api = Api::new();
    api.call("web3_clientVersion", [], |server: &Server, ()| Ok(server.node_info().name))
        .about("Returns the name and version of the node's program.");
    api.call("web3_sha3", ["data"], |_, (data,): (HexBytes,)| {
        Ok(HexBytes::from(keccak256(data.as_slice())))
    })
    .about("Returns the Keccak-256 hash of the bytes.");
    api
}
