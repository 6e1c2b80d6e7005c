//! The namespace `rpc`: which methods are served.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::declare::api::Api;
use crate::namespace::Namespace;

/// What one transport serves.
pub(crate) struct RpcContext {
    versions: BTreeMap<&'static str, &'static str>,
    openrpc: Document,
}

/// The OpenRPC document, as text: it is asked for more often than it changes.
#[derive(Clone)]
struct Document(Arc<RawValue>);

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for Document {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Value::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Value::json_schema(generator)
    }
}

impl RpcContext {
    /// The context of a transport that serves the namespaces `api`, described by the document `openrpc`.
    pub(crate) fn new(api: &[Namespace], openrpc: &Value) -> Self {
        // A `Value` can always be written, and so this is never null.
        let openrpc = to_raw_value(openrpc).unwrap_or_default();
        Self { versions: Namespace::versions(api), openrpc: Document(openrpc.into()) }
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
