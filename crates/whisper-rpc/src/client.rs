//! Typed calls for clients in Rust: traits that every client of `jsonrpsee` has, over HTTP, WebSocket or anything else.
//!
//! The types are the server's ([`types`](crate::types)), and the calls are checked against the server's document: none
//! is missing, and all have its parameters. What the node answers with an error is [`Error::Call`], with go-ethereum's
//! code and text.
//!
//! ```
//! use jsonrpsee_ws_client::WsClientBuilder;
//! use whisper_rpc::client::{ShhClient as _, ShhSubscriptions as _};
//! use whisper_rpc::types::{Criteria, NewMessage};
//! use whisper_protocol::Topic;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use whisper_rpc::{RpcConfig, WsConfig};
//! # let key = p2p_identity::SecretKey::random(&mut rand::rng());
//! # let ws = WsConfig { addr: "127.0.0.1:0".parse()?, ..WsConfig::default() };
//! # let rpc = RpcConfig { http: None, ws: Some(ws), ..RpcConfig::default() };
//! # let whisper = whisper_protocol::Whisper::new(whisper_protocol::Settings::default());
//! # let server = p2p_server::Server::start(p2p_server::Config::new(key).protocols(whisper.protocols())).await?;
//! # let rpc = whisper_rpc::serve(rpc, whisper, server).await?;
//! # let addr = rpc.ws_addr().expect("it is served");
//! let client = WsClientBuilder::default().build(format!("ws://{addr}")).await?;
//! let key = client.generate_sym_key_from_password("swordfish").await?;
//! let topic = Topic(*b"chat");
//! let criteria =
//!     Criteria { sym_key_id: key.clone(), topics: vec![topic.into()], ..Criteria::default() };
//! let mut messages = client.messages(&criteria).await?;
//!
//! let hello = NewMessage {
//!     sym_key_id: key,
//!     topic,
//!     payload: b"hello".to_vec().into(),
//!     pow_target: 0.2,
//!     pow_time: 5,
//!     ..NewMessage::default()
//! };
//! let hash = client.post(&hello).await?;
//! let received = messages.next().await.expect("the node runs")?;
//! assert_eq!(received.hash, hash);
//! # rpc.stop().await;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;

pub use jsonrpsee::core::client::{ClientT, Error, Subscription, SubscriptionClientT};
use jsonrpsee::core::params::ArrayParams;
use serde_json::Value;

use crate::types::{
    BanJson, Criteria, DroppedJson, ExplanationJson, HexBytes, InfoJson, MessageJson, NewMessage,
    NodeInfo, OutlookJson, PeerInfo, Quantity, ReceiptJson,
};

/// Defines the calls of a namespace: each is the method's name, its parameters by position, and its answer.
macro_rules! calls {
    (
        $(#[$doc:meta])*
        $client:ident, $table:ident {
            $(
                $(#[$about:meta])*
                $call:ident = $method:literal ($($param:ident: $type:ty),*) -> $answer:ty;
            )*
        }
    ) => {
        $(#[$doc])*
        ///
        /// All of the calls fail as the client fails, and with [`Error::Call`] where the node answers with an error.
        pub trait $client: ClientT + Sync {
            $(
                $(#[$about])*
                fn $call(
                    &self,
                    $($param: $type),*
                ) -> impl Future<Output = Result<$answer, Error>> + Send {
                    async move {
                        #[allow(unused_mut, reason = "not every method has parameters")]
                        let mut params = ArrayParams::new();
                        $(params.insert($param)?;)*
                        self.request($method, params).await
                    }
                }
            )*
        }

        impl<C: ClientT + Sync> $client for C {}

        /// The methods and the names of their parameters.
        #[cfg(test)]
        const $table: &[(&str, &[&str])] = &[$(($method, &[$(stringify!($param)),*])),*];
    };
}

calls! {
    /// The namespace `shh`: Whisper.
    ShhClient, SHH {
        /// The highest version of the protocol that the node speaks.
        version = "shh_version"() -> String;
        /// The node in figures.
        info = "shh_info"() -> InfoJson;
        /// Sets the size of the largest envelope that is accepted.
        set_max_message_size = "shh_setMaxMessageSize"(bytes: u32) -> bool;
        /// Sets the least work of envelopes that are accepted.
        set_min_pow = "shh_setMinPoW"(work: f64) -> bool;
        /// Sets the topics that the node wants to be sent, as 64 bytes.
        set_bloom_filter = "shh_setBloomFilter"(bloom: &HexBytes) -> bool;
        /// Makes the node a light client.
        make_light_client = "shh_makeLightClient"() -> bool;
        /// Makes the node relay again.
        cancel_light_client = "shh_cancelLightClient"() -> bool;
        /// Lets a connected peer, an enode URL, send direct messages.
        mark_trusted_peer = "shh_markTrustedPeer"(url: &str) -> bool;
        /// Makes a key pair, and answers its id.
        new_key_pair = "shh_newKeyPair"() -> String;
        /// Keeps a private key of 32 bytes, and answers the id of the pair.
        add_private_key = "shh_addPrivateKey"(key: &HexBytes) -> String;
        /// Whether there is a key pair of this id.
        has_key_pair = "shh_hasKeyPair"(id: &str) -> bool;
        /// The public key of a pair, uncompressed, 65 bytes.
        get_public_key = "shh_getPublicKey"(id: &str) -> HexBytes;
        /// The private key of a pair, 32 bytes.
        get_private_key = "shh_getPrivateKey"(id: &str) -> HexBytes;
        /// Forgets a key pair.
        delete_key_pair = "shh_deleteKeyPair"(id: &str) -> bool;
        /// Makes a symmetric key, and answers its id.
        new_sym_key = "shh_newSymKey"() -> String;
        /// Keeps a symmetric key of 32 bytes, and answers its id.
        add_sym_key = "shh_addSymKey"(key: &HexBytes) -> String;
        /// Keeps the symmetric key that belongs to a password, and answers its id.
        generate_sym_key_from_password = "shh_generateSymKeyFromPassword"(password: &str) -> String;
        /// Whether there is a symmetric key of this id.
        has_sym_key = "shh_hasSymKey"(id: &str) -> bool;
        /// A symmetric key, 32 bytes.
        get_sym_key = "shh_getSymKey"(id: &str) -> HexBytes;
        /// Forgets a symmetric key; whether there was one.
        delete_sym_key = "shh_deleteSymKey"(id: &str) -> bool;
        /// Encrypts a message, does the proof of work and sends it; answers the envelope's hash.
        post = "shh_post"(message: &NewMessage) -> HexBytes;
        /// Collects messages that meet the criteria; answers the name of the filter.
        new_message_filter = "shh_newMessageFilter"(criteria: &Criteria) -> String;
        /// What a filter has collected since it was asked last.
        get_filter_messages = "shh_getFilterMessages"(id: &str) -> Vec<MessageJson>;
        /// Ends a filter.
        delete_message_filter = "shh_deleteMessageFilter"(id: &str) -> bool;
        /// What becomes of a post; waits up to so many seconds for it to end.
        receipt = "shh_receipt"(hash: &HexBytes, seconds: Option<u32>) -> Option<ReceiptJson>;
        /// What happened to an envelope at the node.
        explain = "shh_explain"(hash: &HexBytes) -> ExplanationJson;
    }
}

calls! {
    /// The namespace `admin`: the node and its peers.
    AdminClient, ADMIN {
        /// What the node says of itself.
        node_info = "admin_nodeInfo"() -> NodeInfo;
        /// The peers that are connected.
        peers = "admin_peers"() -> Vec<PeerInfo>;
        /// Where the node keeps its files.
        datadir = "admin_datadir"() -> String;
        /// Connects with a node, now and whenever the connection is lost.
        add_peer = "admin_addPeer"(url: &str) -> bool;
        /// Disconnects a node.
        remove_peer = "admin_removePeer"(url: &str) -> bool;
        /// Lets a node connect even where all places for peers are taken.
        add_trusted_peer = "admin_addTrustedPeer"(url: &str) -> bool;
        /// Treats a node as any other again.
        remove_trusted_peer = "admin_removeTrustedPeer"(url: &str) -> bool;
        /// Bans a node (by URL or id), an IP address or a network (CIDR), for so long or for ever.
        ban_peer = "admin_banPeer"(who: &str, seconds: Option<u32>) -> bool;
        /// Takes a ban back; whether there was one.
        unban_peer = "admin_unbanPeer"(who: &str) -> bool;
        /// The bans that hold now.
        bans = "admin_bans"() -> Vec<BanJson>;
        /// Adds a node to those that alone may be peers; whether that changed anything.
        allow_peer = "admin_allowPeer"(node: &str) -> bool;
        /// Takes a node off those that alone may be peers; whether that changed anything.
        disallow_peer = "admin_disallowPeer"(node: &str) -> bool;
        /// The nodes that alone may be peers; `None` if all may.
        allowed_peers = "admin_allowedPeers"() -> Option<Vec<String>>;
        /// Says which nodes alone may be peers, or that all may.
        set_allowed_peers = "admin_setAllowedPeers"(nodes: Option<&[String]>) -> bool;
        /// The only networks that the node talks to; `None` if there is no limit.
        net_restrict = "admin_netRestrict"() -> Option<String>;
        /// Talks only to addresses in these networks, or to all.
        set_net_restrict = "admin_setNetRestrict"(networks: Option<&str>) -> bool;
        /// Every node that is dialled, connected or remembered.
        dial_state = "admin_dialState"() -> Vec<OutlookJson>;
        /// Serves HTTP; what is not said is as the node was configured. Lists have commas.
        start_http = "admin_startHTTP"(host: Option<&str>, port: Option<u32>, cors: Option<&str>, apis: Option<&str>, vhosts: Option<&str>) -> bool;
        /// Serves HTTP no more.
        stop_http = "admin_stopHTTP"() -> bool;
        /// As [`start_http`](Self::start_http), under the name that go-ethereum 1.8 has for it.
        start_rpc = "admin_startRPC"(host: Option<&str>, port: Option<u32>, cors: Option<&str>, apis: Option<&str>, vhosts: Option<&str>) -> bool;
        /// As [`stop_http`](Self::stop_http), under the name that go-ethereum 1.8 has for it.
        stop_rpc = "admin_stopRPC"() -> bool;
        /// Serves WebSocket; what is not said is as the node was configured. Lists have commas.
        start_ws = "admin_startWS"(host: Option<&str>, port: Option<u32>, origins: Option<&str>, apis: Option<&str>) -> bool;
        /// Serves WebSocket no more.
        stop_ws = "admin_stopWS"() -> bool;
    }
}

calls! {
    /// The namespace `net`: the network as the node sees it.
    NetClient, NET {
        /// The number of the network, in decimal.
        network_version = "net_version"() -> String;
        /// How many peers are connected.
        peer_count = "net_peerCount"() -> Quantity;
        /// Whether other nodes can connect with this one.
        listening = "net_listening"() -> bool;
    }
}

calls! {
    /// The namespace `web3`.
    Web3Client, WEB3 {
        /// What the node calls itself.
        client_version = "web3_clientVersion"() -> String;
        /// The Keccak-256 of these bytes.
        sha3 = "web3_sha3"(data: &HexBytes) -> HexBytes;
    }
}

calls! {
    /// The namespace `rpc`: what is served.
    RpcClient, RPC {
        /// The namespaces that are served, with their versions.
        modules = "rpc_modules"() -> BTreeMap<String, String>;
        /// The methods that are served, as an OpenRPC document.
        discover = "rpc_discover"() -> Value;
    }
}

calls! {
    /// The namespace `debug`.
    DebugClient, DEBUG {
        /// Every reason for which anything is dropped, refused or cut, and the last times.
        drops = "debug_drops"() -> Vec<DroppedJson>;
    }
}

/// Subscriptions of the namespace `shh`, for clients that can be notified: not over HTTP.
pub trait ShhSubscriptions: SubscriptionClientT + Sync {
    /// Messages that meet the criteria, as they arrive. It ends when it is dropped.
    fn messages(
        &self,
        criteria: &Criteria,
    ) -> impl Future<Output = Result<Subscription<MessageJson>, Error>> + Send {
        async move {
            let mut params = ArrayParams::new();
            params.insert("messages")?;
            params.insert(criteria)?;
            self.subscribe("shh_subscribe", params, "shh_unsubscribe").await
        }
    }
}

impl<C: SubscriptionClientT + Sync> ShhSubscriptions for C {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Namespace, document};

    #[test]
    fn every_method_can_be_called_with_its_parameters() {
        let tables = [SHH, ADMIN, NET, WEB3, RPC, DEBUG];
        let called: BTreeMap<_, _> = tables.into_iter().flatten().copied().collect();
        let document = document(&Namespace::ALL);
        let methods = document["methods"].as_array().unwrap().iter();
        let calls = methods.filter(|method| {
            // What clients do by themselves.
            let name = method["name"].as_str().unwrap();
            !name.ends_with("_subscribe") && !name.ends_with("_unsubscribe")
        });
        let described: BTreeMap<_, Vec<_>> = calls
            .map(|method| {
                let params = method["params"].as_array().unwrap().iter();
                let names = params.map(|param| param["name"].as_str().unwrap()).collect();
                (method["name"].as_str().unwrap(), names)
            })
            .collect();
        assert_eq!(called.keys().collect::<Vec<_>>(), described.keys().collect::<Vec<_>>());
        for (method, params) in called {
            assert_eq!(params, described[method], "{method}");
        }
    }
}
