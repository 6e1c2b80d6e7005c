//! The namespace `rpc`: what is served.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::declare::api::Api;
use crate::declare::document::document;
use crate::namespace::Namespace;

/// What one transport serves.
pub(crate) struct Modules {
    versions: BTreeMap<&'static str, &'static str>,
    document: Value,
}

impl Modules {
    /// Of a transport that serves `api`.
    pub(crate) fn new(api: &[Namespace]) -> Self {
        Self { versions: Namespace::versions(api), document: document(api) }
    }
}

/// The methods of `rpc`.
pub(crate) fn api() -> Api<Modules> {
    let mut api = Api::new();
    api.call("rpc_modules", [], |modules: &Modules, ()| Ok(modules.versions.clone()))
        .about("The namespaces that are served here, with their versions.");
    api.call("rpc_discover", [], |modules, ()| Ok(modules.document.clone()))
        .about("The methods that are served here, as an OpenRPC document: this one.");
    api
}
