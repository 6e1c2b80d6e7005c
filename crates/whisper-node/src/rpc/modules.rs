//! The namespace `rpc`: what is served.

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;

use super::error::CallError;
use super::namespace::Namespace;

/// The methods of `rpc`, for a transport that serves `api`.
pub(super) fn module(api: &[Namespace]) -> Result<RpcModule<()>, RegisterMethodError> {
    let mut module = RpcModule::new(Namespace::versions(api));
    module.register_method("rpc_modules", |_, versions, _| Ok::<_, CallError>(versions.clone()))?;
    Ok(module.remove_context())
}
