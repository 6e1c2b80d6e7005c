//! The namespace `web3`.

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use keccak_lanes::keccak256;
use p2p_server::Server;

use super::arguments::Arguments;
use super::error::CallError;
use super::hex::HexBytes;

/// The methods of `web3`.
pub(super) fn module(server: Server) -> Result<RpcModule<()>, RegisterMethodError> {
    let mut module = RpcModule::new(server);
    module.register_method("web3_clientVersion", |_, server, _| {
        Ok::<_, CallError>(server.node_info().name)
    })?;
    module.register_method("web3_sha3", |params, _, _| {
        let data: HexBytes = Arguments::of(&params, 1)?.required()?;
        Ok::<_, CallError>(HexBytes::from(keccak256(data.as_slice())))
    })?;
    Ok(module.remove_context())
}
