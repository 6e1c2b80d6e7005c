//! The methods of all namespaces, and what they work on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::server::Methods;
use p2p_server::Server;
use p2p_world::World;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use whisper_protocol::Whisper;

use crate::call::dispatch::ServedMethods;
use crate::declare::openrpc::document;
use crate::declare::signature::Signature;
use crate::namespace::admin::AdminContext;
use crate::namespace::debug::DebugContext;
use crate::namespace::history::HistoryContext;
use crate::namespace::net::NetContext;
use crate::namespace::reload::Reloader;
use crate::namespace::rpc::RpcContext;
use crate::namespace::shh::ShhContext;
use crate::namespace::{Namespace, admin, debug, history, net, rpc, shh, shhext, web3};
use crate::team::change::TeamEditor;
use crate::team::method_rule::{MethodClass, MethodRule};
use crate::transport::transports::Transports;

/// What the methods of all namespaces work on.
pub(crate) struct Context {
    pub(crate) whisper: Whisper,
    pub(crate) server: Server,
    /// The transports that the methods of `admin` start and stop. They own this context, so they are not kept alive.
    pub(crate) transports: Weak<Transports>,
    /// Cancelled when the servers stop.
    pub(crate) stop: CancellationToken,
    /// Whether clients may read keys.
    pub(crate) key_export: bool,
    /// Maximum time for the proof of work of a post.
    pub(crate) max_pow_time: Duration,
    pub(crate) datadir: PathBuf,
    pub(crate) network_id: u64,
    pub(crate) reload: Option<Reloader>,
    pub(crate) editor: Arc<TeamEditor>,
    pub(crate) world: Arc<dyn World>,
}

impl Context {
    /// The methods of these namespaces. `rpc` is always among them. Those that change the whole node are only among them
    /// if `admin` is.
    pub(crate) fn served(&self, api: &[Namespace]) -> Result<ServedMethods, RegisterMethodError> {
        let methods = self.methods(api)?;
        let mut elsewhere = BTreeMap::new();
        for namespace in Namespace::ALL {
            for signature in signatures(namespace) {
                let needed = needed(namespace, &signature);
                if needed != Namespace::Rpc && !api.contains(&needed) {
                    elsewhere.insert(signature.name, needed.name());
                }
            }
        }
        let whisper = self.whisper.clone();
        let max_message_size = Box::new(move || whisper.info().max_message_size);
        Ok(ServedMethods { methods, elsewhere, max_message_size })
    }

    /// All methods of these namespaces.
    fn methods(&self, api: &[Namespace]) -> Result<Methods, RegisterMethodError> {
        let mut methods = Methods::new();
        for namespace in served(api) {
            methods.merge(match namespace {
                Namespace::Admin => admin::api().install(self.admin())?,
                Namespace::Debug => debug::api().install(self.debug())?,
                Namespace::History => history::api().install(self.history())?,
                Namespace::Net => net::api().install(self.net())?,
                Namespace::Rpc => rpc::api().install(RpcContext::new(api, &openrpc(api)))?,
                Namespace::Shh => self.shh_methods(api.contains(&Namespace::Admin))?,
                Namespace::Shhext => shhext::api().install(self.history())?,
                Namespace::Web3 => web3::api().install(self.server.clone())?,
            })?;
        }
        Ok(methods)
    }

    fn shh_methods(&self, node_wide: bool) -> Result<RpcModule<()>, RegisterMethodError> {
        let mut module = shh::api().install(self.shh())?;
        for signature in signatures(Namespace::Shh) {
            if !node_wide && needed(Namespace::Shh, &signature) == Namespace::Admin {
                module.remove_method(signature.name);
            }
        }
        Ok(module)
    }

    fn admin(&self) -> AdminContext {
        let (server, transports) = (self.server.clone(), self.transports.clone());
        let (reload, world) = (self.reload.clone(), Arc::clone(&self.world));
        let editor = Arc::clone(&self.editor);
        AdminContext::new(server, &self.datadir, transports, reload, editor, world)
    }

    fn debug(&self) -> DebugContext {
        DebugContext {
            whisper: self.whisper.clone(),
            server: self.server.clone(),
            transports: self.transports.clone(),
        }
    }

    fn history(&self) -> HistoryContext {
        HistoryContext { stop: self.stop.clone(), world: Arc::clone(&self.world) }
    }

    fn net(&self) -> NetContext {
        NetContext { server: self.server.clone(), network_id: self.network_id }
    }

    fn shh(&self) -> ShhContext {
        let (server, world) = (self.server.clone(), Arc::clone(&self.world));
        ShhContext {
            world: Arc::clone(&self.world),
            unix_time: Box::new(move || admin::of_system_time(world.unix_time())),
            whisper: self.whisper.clone(),
            clock_error: Box::new(move || server.clock_error()),
            stop: self.stop.clone(),
            key_export: self.key_export,
            history: self.history(),
            max_pow_time: self.max_pow_time,
        }
    }
}

/// The OpenRPC document of the methods of some namespaces. The method `rpc_discover` answers it for the namespaces that
/// its transport serves. The methods of `rpc` are always included.
///
/// Schemas follow JSON Schema draft 7, as OpenRPC demands. A method that subscribes has a field `x-notification`, which
/// OpenRPC does not know: the `method` of the notifications that follow, and the schema of their `params`.
#[must_use]
pub fn openrpc(api: &[Namespace]) -> Value {
    let admin = api.contains(&Namespace::Admin);
    let of = |namespace| {
        let all = signatures(namespace).into_iter();
        all.filter(move |signature| admin || needed(namespace, signature) == namespace)
    };
    document(served(api).flat_map(of))
}

/// The namespace that must be configured for a method. A method of `shh` that changes the whole node is served only where
/// `admin` is.
fn needed(namespace: Namespace, signature: &Signature) -> Namespace {
    let class = MethodRule::of(signature.name).class;
    match namespace {
        Namespace::Shh if class == MethodClass::Administration => Namespace::Admin,
        _ => namespace,
    }
}

fn signatures(namespace: Namespace) -> Vec<Signature> {
    match namespace {
        Namespace::Admin => admin::api().signatures(),
        Namespace::Debug => debug::api().signatures(),
        Namespace::History => history::api().signatures(),
        Namespace::Net => net::api().signatures(),
        Namespace::Rpc => rpc::api().signatures(),
        Namespace::Shh => shh::api().signatures(),
        Namespace::Shhext => shhext::api().signatures(),
        Namespace::Web3 => web3::api().signatures(),
    }
}

/// The namespaces that are served where `api` is configured: these and `rpc`.
fn served(api: &[Namespace]) -> impl Iterator<Item = Namespace> {
    Namespace::ALL.into_iter().filter(|name| *name == Namespace::Rpc || api.contains(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use p2p_server::Config;

    use crate::team::accounts::Accounts;

    use super::*;

    /// Applies `pick` to every method.
    fn of_methods<'a, T>(document: &'a Value, pick: impl Fn(&'a Value) -> T) -> Vec<T> {
        document["methods"].as_array().unwrap().iter().map(pick).collect()
    }

    fn name(object: &Value) -> &str {
        object["name"].as_str().unwrap()
    }

    /// Collects every value under the key `$ref`, at any depth.
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
    async fn exactly_the_registered_methods_are_described() {
        let whisper = Whisper::new(whisper_protocol::Config::default());
        let key = p2p_identity::SecretKey::random(&mut rand::rng());
        let server = Server::start(Config::new(key)).await.unwrap();
        let world = p2p_world::SystemWorld::shared();
        let accounts = Accounts::new(whisper.clone(), Arc::clone(&world), None, Vec::new());
        let context = Context {
            editor: Arc::new(TeamEditor::new(accounts.into(), None, None)),
            whisper,
            server: server.clone(),
            transports: Weak::new(),
            stop: CancellationToken::new(),
            key_export: true,
            max_pow_time: Duration::from_secs(1),
            datadir: ".".into(),
            network_id: 1,
            reload: None,
            world,
        };
        let registered = context.methods(&Namespace::ALL).unwrap();
        let document = openrpc(&Namespace::ALL);
        let described = of_methods(&document, name);
        let once: BTreeSet<_> = described.iter().copied().collect();
        assert_eq!(once.len(), described.len(), "a method is described twice");
        assert_eq!(once, registered.method_names().collect());
        server.stop().await;
    }

    /// Checks what the meta-schema of OpenRPC demands of the parts that are used here.
    #[test]
    fn the_document_is_valid_openrpc() {
        let document = openrpc(&Namespace::ALL);
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
        assert_eq!(
            to.len(),
            schemas.as_object().unwrap().len(),
            "a schema without a reference to it"
        );
    }

    #[test]
    fn only_served_namespaces_are_described() {
        let document = openrpc(&[Namespace::Net]);
        let names = of_methods(&document, name);
        assert_eq!(
            names,
            ["net_version", "net_peerCount", "net_listening", "rpc_modules", "rpc_discover"]
        );
    }
}
