//! The namespace `net`.

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use p2p_server::Server;

use super::error::CallError;
use super::hex::Quantity;

struct Net {
    server: Server,
    network_id: u64,
}

/// The methods of `net`.
pub(super) fn module(
    server: Server,
    network_id: u64,
) -> Result<RpcModule<()>, RegisterMethodError> {
    let mut module = RpcModule::new(Net { server, network_id });
    module.register_method("net_version", |_, net, _| {
        Ok::<_, CallError>(net.network_id.to_string())
    })?;
    module.register_method("net_peerCount", |_, net, _| {
        Ok::<_, CallError>(Quantity(net.server.peer_count()))
    })?;
    module.register_method("net_listening", |_, net, _| {
        Ok::<_, CallError>(net.server.listen_addr().is_some())
    })?;
    Ok(module.remove_context())
}
