//! The OpenRPC document: every method that is served, its parameters, answers and errors, for generators of clients and
//! for people. It is made from the declarations that the methods are registered from.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::declare::signature::{Param, Signature};
use crate::namespace::Namespace;
use crate::namespace::{admin, debug, modules, net, shh, web3};

/// The version of the OpenRPC specification.
const OPENRPC: &str = "1.3.2";

/// Where the schemas of the document are, for references to them.
const SCHEMAS: &str = "/components/schemas";

/// The OpenRPC document of the methods of some namespaces; `rpc` is always among them. It is what `rpc_discover`
/// answers where these are served.
///
/// Schemas are of JSON Schema draft 7, as OpenRPC demands. A method that subscribes has, beyond what OpenRPC knows, a
/// field `x-notification`: the `method` of the notifications that follow, and the schema of their `params`.
#[must_use]
pub fn document(api: &[Namespace]) -> Value {
    let served = Namespace::ALL
        .into_iter()
        .filter(|namespace| *namespace == Namespace::Rpc || api.contains(namespace));
    let mut schemas = Schemas::new();
    let methods: Vec<_> =
        served.flat_map(signatures).map(|signature| schemas.method(&signature)).collect();
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

fn signatures(namespace: Namespace) -> Vec<Signature> {
    match namespace {
        Namespace::Admin => admin::api().signatures(),
        Namespace::Debug => debug::api().signatures(),
        Namespace::Net => net::api().signatures(),
        Namespace::Rpc => modules::api().signatures(),
        Namespace::Shh => shh::api().signatures(),
        Namespace::Web3 => web3::api().signatures(),
    }
}

/// The schemas of what clients send, where fields may be left out, and of what they receive, where not.
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
        if let Some(pushes) = &signature.pushes {
            let what = json!({ "type": "string", "enum": [pushes.feed.what] });
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
        if let Some(pushes) = &signature.pushes {
            let item = (pushes.item)(&mut self.received);
            method["x-notification"] = json!({
                "method": pushes.feed.notification,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::sync::Weak;

    use jsonrpsee::core::server::Methods;
    use p2p_server::{Config, Server};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        namespace::admin::Admin, namespace::modules::Modules, namespace::net::Net,
        namespace::shh::Shh,
    };
    use whisper_protocol::{Settings, Whisper};

    /// What `pick` finds in every method.
    fn of_methods<'a, T>(document: &'a Value, pick: impl Fn(&'a Value) -> T) -> Vec<T> {
        document["methods"].as_array().unwrap().iter().map(pick).collect()
    }

    fn name(object: &Value) -> &str {
        object["name"].as_str().unwrap()
    }

    /// Every value under the key `$ref`, at any depth.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| match value {
                Value::String(to) if key == "$ref" => drop(found.insert(to.clone())),
                _ => references(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[tokio::test]
    async fn the_methods_described_are_the_methods_registered() {
        let whisper = Whisper::new(Settings::default());
        let key = p2p_identity::SecretKey::random(&mut rand::rng());
        let server = Server::start(Config::new(key)).await.unwrap();
        let (net, stop) = (Net { server: server.clone(), network_id: 1 }, CancellationToken::new());
        let mut registered = Methods::new();
        let all = [
            admin::api().install(Admin::new(server.clone(), Path::new("."), Weak::new())),
            debug::api().install(whisper.clone()),
            net::api().install(net),
            modules::api().install(Modules::new(&Namespace::ALL)),
            shh::api().install(Shh { whisper: whisper.clone(), stop, key_export: true }),
            web3::api().install(server.clone()),
        ];
        all.into_iter().for_each(|module| registered.merge(module.unwrap()).unwrap());
        let document = document(&Namespace::ALL);
        let described = of_methods(&document, name);
        let once: BTreeSet<_> = described.iter().copied().collect();
        assert_eq!(once.len(), described.len(), "a method is described twice");
        assert_eq!(once, registered.method_names().collect());
        server.stop().await;
    }

    /// What the meta-schema of OpenRPC demands of the parts that we use.
    #[test]
    fn it_is_a_document_of_openrpc() {
        let document = document(&Namespace::ALL);
        assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
        for method in document["methods"].as_array().unwrap() {
            assert!(!method["summary"].as_str().unwrap().is_empty(), "{method}");
            let params = method["params"].as_array().unwrap();
            for param in params.iter().chain([&method["result"]]) {
                assert!(!name(param).is_empty() && !param["schema"].is_null(), "{method}");
            }
            let names: BTreeSet<_> = params.iter().map(name).collect();
            assert_eq!(names.len(), params.len(), "{method}");
            let optional = params.iter().skip_while(|param| param["required"] == true);
            assert!(optional.clone().all(|param| param["required"] == false), "{method}");
            for error in method["errors"].as_array().unwrap() {
                assert!(error["code"].is_i64() && error["message"].is_string(), "{method}");
            }
        }
        let (mut to, schemas) = (BTreeSet::new(), &document["components"]["schemas"]);
        references(&document, &mut to);
        for to in &to {
            let name = to.strip_prefix("#/components/schemas/").unwrap_or_else(|| panic!("{to}"));
            assert!(schemas[name].is_object(), "{to}");
        }
        assert_eq!(to.len(), schemas.as_object().unwrap().len(), "a schema that nothing refers to");
    }

    #[test]
    fn only_what_is_served_is_described() {
        let document = document(&[Namespace::Net]);
        let names = of_methods(&document, name);
        assert_eq!(
            names,
            ["net_version", "net_peerCount", "net_listening", "rpc_modules", "rpc_discover"]
        );
    }
}
