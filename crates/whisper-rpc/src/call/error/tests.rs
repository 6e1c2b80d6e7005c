//! Every text that a call can fail with: it is go-ethereum's, or `RPC.md` says how it differs.

mod stored;
mod teams;

use std::collections::BTreeSet;

use p2p_identity::NodeId;
use p2p_server::NetRestrict;
use whisper_protocol::{Dialect, RejectReason, Work};

use super::*;
use crate::call::unknown_field::UnknownField;
use crate::namespace::Namespace;
use crate::namespace::node_name::{enode, node_id};
use crate::types::hex::HexBytesError;
use crate::web_name::{WebNameError, WebSetting};

/// Names the variants of an error. A new variant must be named here, and so tested below.
macro_rules! variants {
    ($names:ident, $name_of:ident, $Error:ident: $($variant:ident),+ $(,)?) => {
        const $names: &[&str] = &[$(stringify!($variant)),+];

        fn $name_of(error: &$Error) -> &'static str {
            match error {
                $($Error::$variant { .. } => stringify!($variant),)+
            }
        }
    };
}

variants!(
    CALL_ERRORS, name_of_call_error, CallError:
    NoSuchMethod, NotServedHere, NotAList, TooManyArguments, MissingArgument, Argument, NotPermitted, OverQuota, TeamName,
    MethodName, CertificateHash, TeamChange,     NotificationsUnsupported,
    NoSuchSubscription, SubscriptionInBatch, AlreadyServed, NotServed, Port, Host, Namespace, Transport, NoReload, Reload, Enode, TargetPeer,
    NodeId, NoSuchPeer, NetRestrict, KeyExport, KeyChoice, NoSuchSymmetricKey, NoSuchKeyPair, KeyPairNotFound,
    SymmetricKeySize, PrivateKeySize, PrivateKeyZero, PrivateKeyTooLarge, InvalidPublicKey, InvalidSigningKey, BloomSize,
    HashSize, NoTopics, NoSuchFilter, FilterNotDeleted, Filter, AcknowledgedSubscription, NotAcknowledged, State, InvalidWork, PowTime, MessageSize, Post, UnmetRules,
    WrongClock, Stopping, TraceOff, HistoryChoice, Cursor, NamedCursor, History, HistoryNodes, HistoryLimit, MailServerPeer, MailServer, MailRepeats, MailUnfinished, MailRange,
);

variants!(
    VALUE_ERRORS, name_of_value_error, ValueError:
    Kind, Number, Escape, Hex, TopicLength, PartialTopicLength, Field, UnknownField, Item,
);

/// The id of a peer that is not connected, and the hash of the id.
const PEER: NodeId = NodeId([0; 64]);
const PEER_HASH: &str = "ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5";

/// An error and its text.
type Expected = (CallError, String);

/// The errors with go-ethereum's texts.
fn as_in_go_ethereum() -> Vec<Expected> {
    let all = [calls_and_transports(), nodes_and_keys(), messages_and_filters()];
    all.into_iter().flatten().collect()
}

/// Errors about the call and the transports, with go-ethereum's texts.
fn calls_and_transports() -> Vec<Expected> {
    let at = SocketAddr::from(([127, 0, 0, 1], 8545));
    let value = |error| CallError::Argument { index: 0, error };
    expected([
        (
            CallError::NoSuchMethod { name: "shh_x".into() },
            "The method shh_x does not exist/is not available",
        ),
        (CallError::NotAList, "non-array args"),
        (CallError::TooManyArguments { at_most: 1 }, "too many arguments, want at most 1"),
        (CallError::MissingArgument { index: 0 }, "missing value for required argument 0"),
        (
            value(ValueError::TopicLength(10)),
            "invalid argument 0: hex string has length 10, want 8 for Topic",
        ),
        (CallError::NotificationsUnsupported, "notifications not supported"),
        (CallError::NoSuchSubscription, "subscription not found"),
        (
            CallError::AlreadyServed { transport: Transport::Http, at },
            "HTTP RPC already running on 127.0.0.1:8545",
        ),
        (
            CallError::AlreadyServed { transport: Transport::Ws, at },
            "WebSocket RPC already running on 127.0.0.1:8545",
        ),
        (CallError::NotServed { transport: Transport::Http }, "HTTP RPC not running"),
        (CallError::NotServed { transport: Transport::Ws }, "WebSocket RPC not running"),
    ])
}

/// Errors about nodes and keys, with go-ethereum's texts.
fn nodes_and_keys() -> Vec<Expected> {
    let peer = format!("Could not find peer with ID: {PEER_HASH}");
    let scheme = "invalid URL scheme, want \"enode\"";
    expected([
        (CallError::Enode(enode("x").unwrap_err()), &format!("invalid enode: {scheme}")),
        (
            CallError::TargetPeer(node_id("x").unwrap_err()),
            &format!("failed to parse target peer: {scheme}"),
        ),
        (CallError::NodeId(node_id("x").unwrap_err()), scheme),
        (NoSuchPeer(PEER).into(), &peer),
        (CallError::KeyChoice, "specify either a symmetric or an asymmetric key"),
        (CallError::NoSuchSymmetricKey, "non-existent key ID"),
        (CallError::KeyPairNotFound { name: "x".into() }, "key pair x not found"),
        (CallError::SymmetricKeySize { size: 31 }, "wrong key size: 31"),
        (CallError::PrivateKeySize, "invalid length, need 256 bits"),
        (CallError::PrivateKeyZero, "invalid private key, zero or negative"),
        (CallError::PrivateKeyTooLarge, "invalid private key, >=N"),
        (CallError::InvalidPublicKey, "invalid public key"),
        (CallError::InvalidSigningKey, "invalid signing public key"),
    ])
}

/// Errors about messages and filters, with go-ethereum's texts.
fn messages_and_filters() -> Vec<Expected> {
    let second = Duration::from_secs(1);
    let peer = format!("Could not find peer with ID: {PEER_HASH}");
    expected([
        (CallError::BloomSize { size: 63 }, "invalid bloom filter size: 63"),
        (CallError::NoTopics, "missing topic(s)"),
        (CallError::NoSuchFilter, "filter not found"),
        (CallError::FilterNotDeleted, "Unsubscribe: Invalid ID"),
        (FilterError::NoSuchSymmetricKey.into(), "non-existent key ID"),
        (CallError::InvalidWork { work: -1.0 }, "invalid PoW: -1.000000"),
        (CallError::InvalidWork { work: -1e-9 }, "invalid PoW: -0.000000"),
        (MessageSizeError(10_485_761).into(), "message size too large [10485761>10485760]"),
        (PostError::NoSuchSymmetricKey.into(), "non-existent key ID"),
        (PostError::NoTopic.into(), "missing topic(s)"),
        (
            PostError::TooLarge { hash: [0xab; 32] }.into(),
            &format!("huge messages are not allowed [{}]", "ab".repeat(32)),
        ),
        (
            PostError::PowTimeTooShort(second).into(),
            "failed to reach the PoW target, specified pow time (1 seconds) was insufficient",
        ),
        (PostError::NoSuchPeer(PEER).into(), &peer),
        (CallError::Stopping, "server is shutting down"),
    ])
}

fn expected<const N: usize>(errors: [(CallError, &str); N]) -> Vec<Expected> {
    errors.map(|(error, text)| (error, text.to_owned())).into()
}

/// An error, its text, and what `RPC.md` says about it.
type Documented = (CallError, &'static str, &'static str);

/// The errors with other texts.
fn of_this_node() -> Vec<Documented> {
    [
        arguments(),
        transports(),
        keys(),
        posts(),
        reloads(),
        archives(),
        stored::errors(),
        teams::errors(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Errors of `admin_reload`, which go-ethereum does not have.
fn reloads() -> Vec<Documented> {
    let reason = "node.toml:1: not TOML".to_owned();
    vec![
        (CallError::NoReload, "this node has no configuration to read again", "`admin_reload`"),
        (
            CallError::Reload { reason },
            "nothing was changed: node.toml:1: not TOML",
            "`admin_reload`",
        ),
    ]
}

/// Errors about the method and its arguments.
fn arguments() -> Vec<Documented> {
    const KNOWN: &[&str] = &["topics"];
    let value = |error| CallError::Argument { index: 0, error };
    let inner = || Box::new(ValueError::Escape);
    let wrong_type = "argument of a wrong type";
    vec![
        (
            CallError::NotServedHere { name: "shh_x".into(), namespace: "admin" },
            "The method shh_x does not exist/is not available here, it is served over IPC, and over HTTP and WebSocket \
             where the namespace admin is configured",
            "-32601 and a text that says so",
        ),
        (
            value(ValueError::Kind { want: "a string", got: "a number" }),
            "invalid argument 0: want a string, got a number",
            wrong_type,
        ),
        (
            value(ValueError::Number { want: "5 or 6", got: "7".into() }),
            "invalid argument 0: want 5 or 6, got 7",
            wrong_type,
        ),
        (
            value(ValueError::Escape),
            "invalid argument 0: the string has a bad escape",
            "the string has a bad escape",
        ),
        (
            value(ValueError::Hex(HexBytesError::Prefix)),
            "invalid argument 0: hex string without 0x prefix",
            wrong_type,
        ),
        (
            value(ValueError::PartialTopicLength(10)),
            "invalid argument 0: hex string has length 10, want 2, 4, 6 or 8 for the beginning of a Topic",
            "the first 1 to 4 bytes of topics",
        ),
        (
            value(ValueError::Field { name: "ttl", error: inner() }),
            "invalid argument 0: ttl: the string has a bad escape",
            wrong_type,
        ),
        (
            value(ValueError::Item { index: 2, error: inner() }),
            "invalid argument 0: [2]: the string has a bad escape",
            wrong_type,
        ),
        (
            value(ValueError::UnknownField(UnknownField::new("topic", KNOWN))),
            "invalid argument 0: unknown field 'topic', did you mean 'topics'?",
            "`unknown field 'topic', did you mean 'topics'?`",
        ),
    ]
}

/// Errors about transports and nodes.
fn transports() -> Vec<Documented> {
    let web = RpcError::WebName {
        setting: WebSetting::Cors,
        name: "x".into(),
        source: WebNameError::Origin,
    };
    vec![
        (
            CallError::SubscriptionInBatch,
            "subscriptions are not supported in a batch",
            "`subscriptions are not supported in a batch`",
        ),
        (CallError::Port { port: 65_536 }, "invalid port: 65536", "`invalid port: …`"),
        (
            CallError::host("x y"),
            "invalid host: x y is no address, and no name that can be resolved; give an IP address of the node, or localhost",
            "`invalid host: …`",
        ),
        (
            "personal".parse::<Namespace>().unwrap_err().into(),
            "unknown API namespace \"personal\", want some of admin, debug, history, net, rpc, shh, shhext, web3",
            "a namespace that does not exist",
        ),
        (
            web.into(),
            "cannot use \"x\" as an origin for CORS: not an origin: expected scheme://host[:port] without a path, or *",
            "a name that is no host or origin",
        ),
        (
            CallError::NetRestrict("x".parse::<NetRestrict>().unwrap_err()),
            "entry 1 (\"x\") is not a network in CIDR form such as 10.0.0.0/8",
            "`admin_setNetRestrict(networks?)`",
        ),
    ]
}

/// Errors about keys.
fn keys() -> Vec<Documented> {
    vec![
        (
            CallError::TraceOff,
            "this node does not speak trace/1: start it without --plain",
            "`shh_trace` fails with -32000",
        ),
        (
            CallError::KeyExport,
            "this node does not export its keys",
            "`shh_getPrivateKey` and `shh_getSymKey` are refused",
        ),
        (
            CallError::no_key_pair("x"),
            "invalid id: there is no key pair with the id \"x\"",
            "`invalid id: there is no key pair with the id \"…\"`",
        ),
        (
            FilterError::NoSuchKeyPair.into(),
            "invalid id: there is no key pair with this id",
            "`invalid id: there is no key pair",
        ),
        (
            PostError::NoSuchSigningKey.into(),
            "invalid id: there is no key pair to sign with",
            "`invalid id: there is no key pair",
        ),
    ]
}

/// Errors about posts.
fn posts() -> Vec<Documented> {
    let (needed, required) = (Work::new(0.2).unwrap(), Work::new(0.3).unwrap());
    vec![
        (
            CallError::HashSize { size: 31 },
            "invalid hash size: 31",
            "`shh_receipt(hash, seconds?)`",
        ),
        (
            CallError::PowTime { seconds: 61, limit: Duration::from_secs(60) },
            "powTime is 61 seconds, the limit is 60 seconds",
            "a post that asks for more is refused",
        ),
        (
            PostError::PowTooLow { had: 0.1, needed }.into(),
            "message rejected, PoW too low (had 0.1, needed 0.2)",
            "` (had 0.1, needed 0.2)`",
        ),
        (
            PostError::Rejected(RejectReason::LowWork { work: needed, required }).into(),
            "failed to add envelope: work 0.2 is below 0.3",
            "`failed to add envelope: ` and the reason",
        ),
        (
            PostError::OtherDialect { id: PEER, dialect: Dialect::V5 }.into(),
            "peer with ID ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5 does not speak shh/5",
            "A post reaches peers that speak its dialect",
        ),
        (
            WrongClock::example().into(),
            "the message was posted, but peers refuse it: the clock of this machine is about 3600 s ahead of that of the \
             boot node 1a2b3c4d…; set the clock",
            "`the message was posted, but peers refuse it: the clock of this machine is about …; set the\n  clock`",
        ),
        (
            UnmetRules::example().into(),
            "specified pow time was insufficient for the rule geth-1.8; the message was sent to the peers of the other \
             rules",
            "specified pow time was insufficient for the rule …`",
        ),
    ]
}

/// Errors about archives and mail servers.
fn archives() -> Vec<Documented> {
    let query = "`history_query(criteria)`";
    let request = "`shh_requestMessages(request)`";
    vec![
        (
            CallError::HistoryChoice,
            "give either topics, bloom or hashes, and only without a filter",
            query,
        ),
        (
            CallError::Cursor(ParseCursorError),
            "not a cursor of this version: use it as it was given out, or an empty text for the beginning",
            query,
        ),
        (
            CallError::History(HistoryError::OtherQuestion),
            "the cursor was given out for another filter, key, version or time: begin without a cursor, or ask the same",
            "-32000 `the cursor was given out for another filter",
        ),
        (
            CallError::HistoryNodes { count: 9, limit: 8 },
            "at most 8 nodes can be read, 9 are given",
            query,
        ),
        (
            CallError::HistoryLimit { limit: 1001, most: 1000 },
            "the limit is 1001; at most 1000 envelopes are read at once: go on with the cursor",
            "at most 1000",
        ),
        (
            CallError::MailServerPeer(node_id("x").unwrap_err()),
            "invalid mailServerPeer value: invalid URL scheme, want \"enode\"",
            request,
        ),
        (
            CallError::MailRange { from: 2, to: 1 },
            "Query range is invalid: from > to (2 > 1)",
            request,
        ),
        (
            CallError::MailRepeats { received: 1000 },
            "the mail server repeats its answer: it ignores cursors. The first 1000 envelopes have come: ask for shorter \
             times, one after the other",
            "-32000 `the mail server repeats its answer",
        ),
        (
            CallError::MailUnfinished { cursor: "01".to_owned() },
            "the mail server has not finished its answer: ask for the rest with the cursor \"01\"",
            "-32000 `the mail server has not finished",
        ),
        (
            CallError::MailServer(MailAskError::Refused("no".to_owned())),
            "the request failed: the mail server has refused the request: \"no\"",
            request,
        ),
    ]
}

fn text_of(error: CallError) -> String {
    ErrorObjectOwned::from(error).message().to_owned()
}

#[test]
fn every_text_is_that_of_go_ethereum_or_documented() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let document = words(include_str!("../../../RPC.md"));
    let (same, own) = (as_in_go_ethereum(), of_this_node());
    let errors = || same.iter().map(|(error, _)| error).chain(own.iter().map(|(error, ..)| error));
    let calls: BTreeSet<_> = errors().map(name_of_call_error).collect();
    assert_eq!(calls, CALL_ERRORS.iter().copied().collect());
    let values = errors().filter_map(|error| match error {
        CallError::Argument { error, .. } => Some(name_of_value_error(error)),
        _ => None,
    });
    assert_eq!(values.collect::<BTreeSet<_>>(), VALUE_ERRORS.iter().copied().collect());
    for (error, text) in same {
        assert_eq!(text_of(error), text);
    }
    for (error, text, told) in own {
        assert_eq!(text_of(error), text);
        assert!(document.contains(&words(told)), "{text}: RPC.md does not say {told:?}");
    }
}

/// A client that sends a megabyte as an id does not get it back.
#[test]
fn a_text_repeats_only_the_beginning_of_an_argument() {
    let long = "x".repeat(1 << 20);
    for error in [CallError::no_key_pair(&long), CallError::host(&long)] {
        assert!(text_of(error).len() < 400);
    }
}
