//! The namespace `rpc`: which methods are served.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::declare::api::Api;
use crate::namespace::Namespace;

/// What one transport serves.
pub(crate) struct RpcContext {
    versions: BTreeMap<&'static str, &'static str>,
    openrpc: Value,
}

impl RpcContext {
    /// The context of a transport that serves the namespaces `api`, described by the document `openrpc`.
    pub(crate) fn new(api: &[Namespace], openrpc: Value) -> Self {
        Self { versions: Namespace::versions(api), openrpc }
    }
}

/// The methods of `rpc`.
pub(crate) fn api() -> Api<RpcContext> {
    let mut api = Api::new();
    api.call("rpc_modules", [], |context: &RpcContext, ()| Ok(context.versions.clone()))
        .about("Returns the namespaces that are served here, with their versions.");
    api.call("rpc_discover", [], |context, ()| Ok(context.openrpc.clone()))
        .about("Returns the methods that are served here, as an OpenRPC document.");
    api
}
