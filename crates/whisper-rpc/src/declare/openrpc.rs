//! The OpenRPC document: every method with its parameters, result and errors.
//!
//! It is for generators of clients and for people. It is made from the declarations from which the methods are
//! registered.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::declare::signature::{Param, Signature};

/// The version of the OpenRPC specification.
const OPENRPC: &str = "1.3.2";

/// The path of the schemas in the document, for references to them.
const SCHEMAS: &str = "/components/schemas";

/// The OpenRPC document of these methods.
///
/// Schemas follow JSON Schema draft 7, as OpenRPC demands. A method that subscribes has a field `x-notification`, which
/// OpenRPC does not know: the `method` of the notifications that follow, and the schema of their `params`.
pub(crate) fn document(signatures: impl IntoIterator<Item = Signature>) -> Value {
    let mut schemas = Schemas::new();
    let methods: Vec<_> =
        signatures.into_iter().map(|signature| schemas.method(&signature)).collect();
    json!({
        "openrpc": OPENRPC,
        "info": {
            "title": "whisper-node",
            "description": env!("CARGO_PKG_DESCRIPTION"),
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "methods": methods,
        "components": { "schemas": schemas.definitions() },
    })
}

/// Generators of schemas. Fields may be absent in what clients send, but not in what they receive.
struct Schemas {
    sent: SchemaGenerator,
    received: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft07().with(|settings| {
                settings.definitions_path = SCHEMAS.into();
                settings.meta_schema = None;
            })
        };
        Self {
            sent: settings().for_deserialize().into_generator(),
            received: settings().for_serialize().into_generator(),
        }
    }

    /// The Method Object.
    fn method(&mut self, signature: &Signature) -> Value {
        let mut params: Vec<_> = signature.params.iter().map(|param| self.param(param)).collect();
        if let Some(notifications) = &signature.notifications {
            let what = json!({ "type": "string", "enum": [notifications.names.what] });
            params.insert(0, json!({ "name": "what", "required": true, "schema": what }));
        }
        let error = |(code, message)| json!({ "code": code, "message": message });
        let mut method = json!({
            "name": signature.name,
            "summary": signature.about,
            "paramStructure": "by-position",
            "params": params,
            "result": { "name": "result", "schema": (signature.result)(&mut self.received) },
            "errors": signature.all_errors().into_iter().map(error).collect::<Vec<_>>(),
        });
        if let Some(notifications) = &signature.notifications {
            let item = (notifications.item)(&mut self.received);
            method["x-notification"] = json!({
                "method": notifications.names.notification,
                "params": {
                    "type": "object",
                    "properties": { "subscription": { "type": "string" }, "result": item },
                    "required": ["subscription", "result"],
                },
            });
        }
        method
    }

    /// The Content Descriptor Object of a parameter.
    fn param(&mut self, param: &Param) -> Value {
        let schema = (param.schema)(&mut self.sent);
        json!({ "name": param.name, "required": param.required, "schema": schema })
    }

    fn definitions(mut self) -> Map<String, Value> {
        let mut all = self.received.take_definitions(true);
        all.extend(self.sent.take_definitions(true));
        all
    }
}
