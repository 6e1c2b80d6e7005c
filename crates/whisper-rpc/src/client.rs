//! Typed calls for clients in Rust: traits that every client of `jsonrpsee` implements, over HTTP, WebSocket or any other
//! transport.
//!
//! Client and server use the same [`types`](crate::types). A test compares the calls with the server's methods: each
//! method is there, with all its parameters. If the node answers with an error, the result is [`Error::Call`] with the
//! code and the text of go-ethereum.
//!
#![cfg_attr(feature = "server", doc = "```")]
#![cfg_attr(not(feature = "server"), doc = "```ignore")]
//! use jsonrpsee_ws_client::WsClientBuilder;
//! use whisper_rpc::client::{ShhClient as _, ShhSubscriptions as _};
//! use whisper_rpc::types::{Criteria, NewMessage, Topic};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use whisper_rpc::{RpcConfig, WsSettings};
//! # let key = p2p_identity::SecretKey::random(&mut rand::rng());
//! # let ws = WsSettings { addr: "127.0.0.1:0".parse()?, ..WsSettings::default() };
//! # let rpc = RpcConfig { http: None, ws: Some(ws), ..RpcConfig::default() };
//! # let whisper = whisper_protocol::Whisper::new(whisper_protocol::Config::default());
//! # let server = p2p_server::Server::start(p2p_server::Config::new(key).protocols(whisper.protocols())).await?;
//! # let rpc = whisper_rpc::serve(rpc, whisper, server).await?;
//! # let addr = rpc.ws_addr().expect("WebSocket is served");
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
    BanJson, Criteria, DialStateJson, DroppedJson, ExplanationJson, HexBytes, HistoryCriteria,
    HistoryPartJson, InfoJson, MessageJson, MessagesRequest, MessagesResponse, NewMessage,
    NewTeamTokenJson, NodeInfoJson, PeerInfoJson, Quantity, ReceiptJson, ReloadReport, RetryConfig,
    TeamJson, TeamSettings, TraceJson,
};

/// Defines the calls of a namespace. Each has the name of the method, the parameters by position, and the type of the
/// answer.
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
        /// A call fails with the errors of the client, and with [`Error::Call`] if the node answers with an error.
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
        #[cfg(all(test, feature = "server"))]
        const $table: &[(&str, &[&str])] = &[$(($method, &[$(stringify!($param)),*])),*];
    };
}

calls! {
    /// The namespace `shh`: Whisper.
    ShhClient, SHH {
        /// Returns the highest version of the protocol that the node speaks.
        version = "shh_version"() -> String;
        /// Returns the size of the pool and the limits on envelopes.
        info = "shh_info"() -> InfoJson;
        /// Sets the maximum size of an accepted envelope, in bytes.
        set_max_message_size = "shh_setMaxMessageSize"(bytes: u32) -> bool;
        /// Sets the minimum work of an accepted envelope.
        set_min_pow = "shh_setMinPoW"(work: f64) -> bool;
        /// Sets the bloom filter of the topics that the node wants, 64 bytes.
        set_bloom_filter = "shh_setBloomFilter"(bloom: &HexBytes) -> bool;
        /// Makes the node a light client, which relays nothing.
        make_light_client = "shh_makeLightClient"() -> bool;
        /// Makes the node a full client again, which relays.
        cancel_light_client = "shh_cancelLightClient"() -> bool;
        /// Makes a connected peer, given by its enode URL, trusted: it may send direct messages.
        mark_trusted_peer = "shh_markTrustedPeer"(url: &str) -> bool;
        /// Makes a key pair; returns its id.
        new_key_pair = "shh_newKeyPair"() -> String;
        /// Stores a private key of 32 bytes; returns the id of the key pair.
        add_private_key = "shh_addPrivateKey"(key: &HexBytes) -> String;
        /// Returns whether a key pair with this id is stored.
        has_key_pair = "shh_hasKeyPair"(id: &str) -> bool;
        /// Returns the public key of a key pair, uncompressed, 65 bytes.
        get_public_key = "shh_getPublicKey"(id: &str) -> HexBytes;
        /// Returns the private key of a key pair, 32 bytes.
        get_private_key = "shh_getPrivateKey"(id: &str) -> HexBytes;
        /// Deletes a key pair.
        delete_key_pair = "shh_deleteKeyPair"(id: &str) -> bool;
        /// Makes a symmetric key; returns its id.
        new_sym_key = "shh_newSymKey"() -> String;
        /// Stores a symmetric key of 32 bytes; returns its id.
        add_sym_key = "shh_addSymKey"(key: &HexBytes) -> String;
        /// Derives a symmetric key from a password and stores it; returns its id.
        generate_sym_key_from_password = "shh_generateSymKeyFromPassword"(password: &str) -> String;
        /// Returns whether a symmetric key with this id is stored.
        has_sym_key = "shh_hasSymKey"(id: &str) -> bool;
        /// Returns a symmetric key, 32 bytes.
        get_sym_key = "shh_getSymKey"(id: &str) -> HexBytes;
        /// Deletes a symmetric key; returns whether it was stored.
        delete_sym_key = "shh_deleteSymKey"(id: &str) -> bool;
        /// Encrypts a message, does the proof of work and sends it; returns the hash of the envelope.
        post = "shh_post"(message: &NewMessage) -> HexBytes;
        /// Makes a filter that collects messages that meet the criteria; returns its id.
        new_message_filter = "shh_newMessageFilter"(criteria: &Criteria) -> String;
        /// Returns the messages that a filter has collected since the last call.
        get_filter_messages = "shh_getFilterMessages"(id: &str) -> Vec<MessageJson>;
        /// Returns all messages that wait in a filter that was made with `acknowledge`, also those that were fetched before.
        get_unacknowledged = "shh_getUnacknowledged"(id: &str) -> Vec<MessageJson>;
        /// Acknowledges messages by the hashes of their envelopes: they do not wait any more. Returns how many did.
        ack = "shh_ack"(id: &str, hashes: &[HexBytes]) -> usize;
        /// Deletes a filter.
        delete_message_filter = "shh_deleteMessageFilter"(id: &str) -> bool;
        /// Returns what became of a post. Waits at most `seconds` for it to end.
        receipt = "shh_receipt"(hash: &HexBytes, seconds: Option<u32>) -> Option<ReceiptJson>;
        /// Returns what happened to an envelope at the node. Lists the filters that were made on this connection, and
        /// those with the ids `filters`.
        explain = "shh_explain"(hash: &HexBytes, filters: Option<&[String]>) -> ExplanationJson;
        /// Asks the nodes that consent what happened to an envelope. Waits at most `seconds`.
        trace = "shh_trace"(hash: &HexBytes, seconds: Option<u32>) -> TraceJson;
        /// Requests old messages from a peer that is a mail server; returns the id of the request when the server has answered.
        request_messages = "shh_requestMessages"(request: &MessagesRequest) -> HexBytes;
        /// Requests one answer of old messages from a peer that is a mail server; returns where to go on.
        request_messages_sync = "shh_requestMessagesSync"(retries: &RetryConfig, request: &MessagesRequest) -> MessagesResponse;
    }
}

calls! {
    /// The namespace `admin`: the node and its peers.
    AdminClient, ADMIN {
        /// Returns what the node tells about itself.
        node_info = "admin_nodeInfo"() -> NodeInfoJson;
        /// Returns the connected peers.
        peers = "admin_peers"() -> Vec<PeerInfoJson>;
        /// Returns the data directory of the node.
        datadir = "admin_datadir"() -> String;
        /// Reads the configuration again. Changes what can change while the node runs, and names the rest.
        reload = "admin_reload"() -> ReloadReport;
        /// Connects to a node, and connects again whenever the connection is lost.
        add_peer = "admin_addPeer"(url: &str) -> bool;
        /// Disconnects a node, and no longer connects to it as a static node.
        remove_peer = "admin_removePeer"(url: &str) -> bool;
        /// Makes a node trusted: it is accepted even when all peer slots are taken.
        add_trusted_peer = "admin_addTrustedPeer"(url: &str) -> bool;
        /// Makes a node no longer trusted.
        remove_trusted_peer = "admin_removeTrustedPeer"(url: &str) -> bool;
        /// Lets a node connect without `sec/1` again; returns whether it was pinned.
        unpin_peer = "admin_unpinPeer"(node: &str) -> bool;
        /// Bans a node (by URL or id), an IP address or a network (CIDR), for a time or without end.
        ban_peer = "admin_banPeer"(who: &str, seconds: Option<u32>) -> bool;
        /// Removes a ban; returns whether there was one.
        unban_peer = "admin_unbanPeer"(who: &str) -> bool;
        /// Returns the current bans.
        bans = "admin_bans"() -> Vec<BanJson>;
        /// Adds a node to the list of allowed nodes; returns whether that changed the list.
        allow_peer = "admin_allowPeer"(node: &str) -> bool;
        /// Removes a node from the list of allowed nodes; returns whether that changed the list.
        disallow_peer = "admin_disallowPeer"(node: &str) -> bool;
        /// Returns the list of allowed nodes; `None` if all nodes may be peers.
        allowed_peers = "admin_allowedPeers"() -> Option<Vec<String>>;
        /// Sets the list of allowed nodes (by URL or id); `None`: all nodes may be peers.
        set_allowed_peers = "admin_setAllowedPeers"(nodes: Option<&[String]>) -> bool;
        /// Returns the only networks that the node talks to; `None` if there is no restriction.
        net_restrict = "admin_netRestrict"() -> Option<String>;
        /// Sets the only networks that the node talks to (CIDR, comma-separated); `None`: all are permitted.
        set_net_restrict = "admin_setNetRestrict"(networks: Option<&str>) -> bool;
        /// Returns every node that is dialed, connected or remembered, and what the node does next about it.
        dial_state = "admin_dialState"() -> Vec<DialStateJson>;
        /// Returns the teams whose clients share the node.
        teams = "admin_teams"() -> Vec<TeamJson>;
        /// Adds a team; returns its first token.
        add_team = "admin_addTeam"(name: &str, settings: Option<&TeamSettings>) -> NewTeamTokenJson;
        /// Changes what a team may do. It acts on open connections as well.
        set_team = "admin_setTeam"(name: &str, settings: &TeamSettings) -> bool;
        /// Removes a team and everything that its clients made; returns whether there was one.
        remove_team = "admin_removeTeam"(name: &str) -> bool;
        /// Adds a token to a team, for a time or without end; returns it.
        add_team_token = "admin_addTeamToken"(name: &str, seconds: Option<u32>) -> NewTeamTokenJson;
        /// Removes a token of a team, by its id; returns whether there was one.
        remove_team_token = "admin_removeTeamToken"(name: &str, id: &str) -> bool;
        /// Adds a client certificate to a team, by its fingerprint, for a time or without end; returns its id.
        add_team_certificate = "admin_addTeamCertificate"(name: &str, fingerprint: &str, seconds: Option<u32>) -> String;
        /// Removes a client certificate of a team, by its id; returns whether there was one.
        remove_team_certificate = "admin_removeTeamCertificate"(name: &str, id: &str) -> bool;
        /// Starts HTTP. Missing arguments are taken from the node's configuration. Lists are comma-separated.
        start_http = "admin_startHTTP"(host: Option<&str>, port: Option<u32>, cors: Option<&str>, apis: Option<&str>, vhosts: Option<&str>) -> bool;
        /// Stops HTTP.
        stop_http = "admin_stopHTTP"() -> bool;
        /// Like [`start_http`](Self::start_http), under the name in go-ethereum 1.8.
        start_rpc = "admin_startRPC"(host: Option<&str>, port: Option<u32>, cors: Option<&str>, apis: Option<&str>, vhosts: Option<&str>) -> bool;
        /// Like [`stop_http`](Self::stop_http), under the name in go-ethereum 1.8.
        stop_rpc = "admin_stopRPC"() -> bool;
        /// Starts WebSocket. Missing arguments are taken from the node's configuration. Lists are comma-separated.
        start_ws = "admin_startWS"(host: Option<&str>, port: Option<u32>, origins: Option<&str>, apis: Option<&str>) -> bool;
        /// Stops WebSocket.
        stop_ws = "admin_stopWS"() -> bool;
    }
}

calls! {
    /// The namespace `history`: archives.
    HistoryClient, HISTORY {
        /// Returns what archives have, in the order of arrival, with a cursor to go on.
        query = "history_query"(criteria: &HistoryCriteria) -> HistoryPartJson;
        /// Everything before this cursor is processed: the node remembers it under this name. An empty one forgets the name.
        ack_history = "history_ack"(name: &str, cursor: &str) -> bool;
        /// Returns the names of the cursors that the node remembers.
        cursors = "history_cursors"() -> Vec<String>;
    }
}

calls! {
    /// The namespace `shhext`: requests to mail servers, as status-go names them.
    ShhextClient, SHHEXT {
        /// The same as [`request_messages`](ShhClient::request_messages).
        ext_request_messages = "shhext_requestMessages"(request: &MessagesRequest) -> HexBytes;
        /// The same as [`request_messages_sync`](ShhClient::request_messages_sync).
        ext_request_messages_sync = "shhext_requestMessagesSync"(retries: &RetryConfig, request: &MessagesRequest) -> MessagesResponse;
    }
}

calls! {
    /// The namespace `net`: the network id and the number of peers.
    NetClient, NET {
        /// Returns the network id, in decimal.
        network_version = "net_version"() -> String;
        /// Returns the number of connected peers.
        peer_count = "net_peerCount"() -> Quantity;
        /// Returns whether the node listens for peers.
        listening = "net_listening"() -> bool;
    }
}

calls! {
    /// The namespace `web3`.
    Web3Client, WEB3 {
        /// Returns the name and version of the node's program.
        client_version = "web3_clientVersion"() -> String;
        /// Returns the Keccak-256 hash of the bytes.
        sha3 = "web3_sha3"(data: &HexBytes) -> HexBytes;
    }
}

calls! {
    /// The namespace `rpc`: which methods are served.
    RpcClient, RPC {
        /// Returns the namespaces that are served, with their versions.
        modules = "rpc_modules"() -> BTreeMap<String, String>;
        /// Returns the methods that are served, as an OpenRPC document.
        discover = "rpc_discover"() -> Value;
    }
}

calls! {
    /// The namespace `debug`: what the node dropped, and why.
    DebugClient, DEBUG {
        /// Returns every reason for which something is dropped, refused or cut, and its last occurrences.
        drops = "debug_drops"() -> Vec<DroppedJson>;
    }
}

/// Subscriptions of the namespace `shh`. HTTP does not support them.
pub trait ShhSubscriptions: SubscriptionClientT + Sync {
    /// Subscribes to messages that meet the criteria. Dropping the result ends the subscription.
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

/// Subscriptions of the namespace `history`. HTTP does not support them.
pub trait HistorySubscriptions: SubscriptionClientT + Sync {
    /// Subscribes to what archives have and then to what arrives. Dropping the result ends the subscription. A later one goes on
    /// with the cursor of the last part that was processed.
    fn history(
        &self,
        criteria: &HistoryCriteria,
    ) -> impl Future<Output = Result<Subscription<HistoryPartJson>, Error>> + Send {
        async move {
            let mut params = ArrayParams::new();
            params.insert("messages")?;
            params.insert(criteria)?;
            self.subscribe("history_subscribe", params, "history_unsubscribe").await
        }
    }
}

impl<C: SubscriptionClientT + Sync> HistorySubscriptions for C {}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;
    use crate::{Namespace, openrpc};

    #[test]
    fn every_method_can_be_called_with_its_parameters() {
        let tables = [SHH, SHHEXT, HISTORY, ADMIN, NET, WEB3, RPC, DEBUG];
        let called: BTreeMap<_, _> = tables.into_iter().flatten().copied().collect();
        let document = openrpc(&Namespace::ALL);
        let methods = document["methods"].as_array().unwrap().iter();
        let calls = methods.filter(|method| {
            // The client library calls these itself.
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
