//! Errors of calls, with go-ethereum's codes and texts.

use std::net::SocketAddr;
use std::time::Duration;

use jsonrpsee::core::server::MethodResponse;
use jsonrpsee::types::error::{
    CALL_EXECUTION_FAILED_CODE, INVALID_PARAMS_CODE, METHOD_NOT_FOUND_CODE,
};
use jsonrpsee::types::{ErrorObjectOwned, Id};
use p2p_identity::causes;
use p2p_server::NetRestrictError;
use serde_json::json;

use crate::call::json::ValueError;
use crate::call::unmet_rules::UnmetRules;
use crate::call::wrong_clock::WrongClock;
use crate::namespace::UnknownNamespace;
use crate::namespace::node_name::NodeNameError;
use crate::team::change::TeamChangeError;
use crate::team::credential::CertificateHashError;
use crate::team::name::TeamNameError;
use crate::team::objects::CursorError;
use crate::team::quotas::OverQuota;
use crate::team::refusal::Refusal;
use crate::team::scopes::MethodNameError;
use crate::transport::error::{RpcError, Transport};
use whisper_protocol::{
    FilterError, HistoryError, MailAskError, MessageSizeError, NoSuchPeer, NotAcknowledgedError,
    ParseCursorError, PostError, StateError,
};

/// Why a call failed.
///
/// The texts are part of the interface: clients of go-ethereum compare them. A client gets one line of text, so a text
/// contains its cause, and no variant returns a cause as its source.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    // The call itself.
    #[error("The method {name} does not exist/is not available")]
    NoSuchMethod { name: String },
    #[error(
        "The method {name} does not exist/is not available here, it is served over IPC, and over HTTP and WebSocket where \
         the namespace {namespace} is configured"
    )]
    NotServedHere { name: String, namespace: &'static str },
    #[error("non-array args")]
    NotAList,
    #[error("too many arguments, want at most {at_most}")]
    TooManyArguments { at_most: usize },
    #[error("missing value for required argument {index}")]
    MissingArgument { index: usize },
    #[error("invalid argument {index}: {error}")]
    Argument { index: usize, error: ValueError },

    // Teams.
    #[error(transparent)]
    NotPermitted(#[from] Refusal),
    #[error(transparent)]
    OverQuota(#[from] OverQuota),
    #[error(transparent)]
    TeamName(#[from] TeamNameError),
    #[error("methods: {name:?}: {error}")]
    MethodName { name: String, error: MethodNameError },
    #[error(transparent)]
    CertificateHash(#[from] CertificateHashError),
    #[error(transparent)]
    TeamChange(#[from] TeamChangeError),

    // Subscriptions.
    #[error("notifications not supported")]
    NotificationsUnsupported,
    #[error("subscription not found")]
    NoSuchSubscription,
    #[error("subscriptions are not supported in a batch")]
    SubscriptionInBatch,

    // Transports.
    #[error("{transport} RPC already running on {at}")]
    AlreadyServed { transport: Transport, at: SocketAddr },
    #[error("{transport} RPC not running")]
    NotServed { transport: Transport },
    #[error("invalid port: {port}")]
    Port { port: u32 },
    #[error(
        "invalid host: {host} is no address, and no name that can be resolved; give an IP address of the node, or localhost"
    )]
    Host { host: String },
    #[error(transparent)]
    Namespace(#[from] UnknownNamespace),
    #[error(transparent)]
    Transport(#[from] RpcError),

    // The configuration.
    #[error("this node has no configuration to read again")]
    NoReload,
    #[error("nothing was changed: {reason}")]
    Reload { reason: String },

    // Nodes.
    #[error("invalid enode: {0}")]
    Enode(NodeNameError),
    #[error("failed to parse target peer: {0}")]
    TargetPeer(NodeNameError),
    #[error("{0}")]
    NodeId(NodeNameError),
    #[error(transparent)]
    NoSuchPeer(#[from] NoSuchPeer),
    #[error(transparent)]
    NetRestrict(NetRestrictError),

    // Keys.
    #[error("this node does not export its keys")]
    KeyExport,
    #[error("specify either a symmetric or an asymmetric key")]
    KeyChoice,
    #[error("non-existent key ID")]
    NoSuchSymmetricKey,
    // A client that has an id may know it, so the text goes only to the caller that sent the id.
    #[error("invalid id: there is no key pair with the id {id:?}")]
    NoSuchKeyPair { id: String },
    #[error("key pair {name} not found")]
    KeyPairNotFound { name: String },
    #[error("wrong key size: {size}")]
    SymmetricKeySize { size: usize },
    #[error("invalid length, need 256 bits")]
    PrivateKeySize,
    #[error("invalid private key, zero or negative")]
    PrivateKeyZero,
    #[error("invalid private key, >=N")]
    PrivateKeyTooLarge,
    #[error("invalid public key")]
    InvalidPublicKey,
    #[error("invalid signing public key")]
    InvalidSigningKey,

    // Messages and filters.
    #[error("invalid bloom filter size: {size}")]
    BloomSize { size: usize },
    #[error("invalid hash size: {size}")]
    HashSize { size: usize },
    #[error("missing topic(s)")]
    NoTopics,
    #[error("filter not found")]
    NoSuchFilter,
    #[error("Unsubscribe: Invalid ID")]
    FilterNotDeleted,
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("messages of a subscription are not acknowledged: use a filter")]
    AcknowledgedSubscription,
    #[error(transparent)]
    NotAcknowledged(#[from] NotAcknowledgedError),
    #[error("nothing was changed: {}", causes(.0))]
    State(StateError),
    #[error("invalid PoW: {work:.6}")]
    InvalidWork { work: f64 },
    #[error("powTime is {seconds} seconds, the limit is {} seconds", limit.as_secs())]
    PowTime { seconds: u32, limit: Duration },
    #[error(transparent)]
    MessageSize(#[from] MessageSizeError),
    #[error(transparent)]
    Post(#[from] PostError),
    #[error(transparent)]
    UnmetRules(#[from] UnmetRules),
    #[error(transparent)]
    WrongClock(#[from] WrongClock),
    #[error("server is shutting down")]
    Stopping,
    #[error("this node does not speak trace/1: start it without --plain")]
    TraceOff,

    // Archives and mail servers.
    #[error("give either topics, bloom or hashes, and only without a filter")]
    HistoryChoice,
    #[error(transparent)]
    Cursor(#[from] ParseCursorError),
    #[error(transparent)]
    NamedCursor(CursorError),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("at most {limit} nodes can be read, {count} are given")]
    HistoryNodes { count: usize, limit: usize },
    #[error(
        "the limit is {limit}; at most {most} envelopes are read at once: go on with the cursor"
    )]
    HistoryLimit { limit: u32, most: u32 },
    #[error("invalid mailServerPeer value: {0}")]
    MailServerPeer(NodeNameError),
    #[error("the request failed: {}", causes(.0))]
    MailServer(MailAskError),
    #[error(
        "the mail server repeats its answer: it ignores cursors. The first {received} envelopes have come: ask for shorter \
         times, one after the other"
    )]
    MailRepeats { received: u64 },
    #[error(
        "the mail server has not finished its answer: ask for the rest with the cursor {cursor:?}"
    )]
    MailUnfinished { cursor: String },
    #[error("Query range is invalid: from > to ({from} > {to})")]
    MailRange { from: u32, to: u32 },
}

/// The code of a call that the caller's team may not make.
pub(crate) const NOT_PERMITTED_CODE: i32 = -32004;

/// The code of a call whose team is over a quota.
pub const OVER_QUOTA_CODE: i32 = -32005;

/// Whether a call failed because its team is over a quota.
pub(crate) fn is_over_quota(response: &MethodResponse) -> bool {
    response.as_error_code() == Some(OVER_QUOTA_CODE)
}

/// Maximum number of characters of an argument that an error repeats.
const MAX_SHOWN_CHARS: usize = 255;

/// The beginning of an argument.
fn shown(argument: &str) -> String {
    argument.chars().take(MAX_SHOWN_CHARS).collect()
}

impl CallError {
    /// There is no key pair with this id.
    pub(crate) fn no_key_pair(id: &str) -> Self {
        Self::NoSuchKeyPair { id: shown(id) }
    }

    /// An example of the error that a store gives.
    pub(crate) fn not_kept() -> Self {
        Self::State(StateError::new("the disk is full"))
    }

    /// A transport cannot listen at this host.
    pub(crate) fn host(host: &str) -> Self {
        Self::Host { host: shown(host) }
    }

    /// A team cannot be given this method.
    pub(crate) fn method_name(name: &str, error: MethodNameError) -> Self {
        Self::MethodName { name: shown(name), error }
    }

    /// The JSON-RPC code of this error.
    pub(crate) fn code(&self) -> i32 {
        match self {
            Self::NoSuchMethod { .. } | Self::NotServedHere { .. } => METHOD_NOT_FOUND_CODE,
            Self::NotPermitted(_) => NOT_PERMITTED_CODE,
            Self::OverQuota(_) => OVER_QUOTA_CODE,
            Self::NotAList
            | Self::TooManyArguments { .. }
            | Self::MissingArgument { .. }
            | Self::Argument { .. } => INVALID_PARAMS_CODE,
            _ => CALL_EXECUTION_FAILED_CODE,
        }
    }
}

impl From<CursorError> for CallError {
    fn from(error: CursorError) -> Self {
        match error {
            CursorError::State(error) => Self::State(error),
            CursorError::Parse(error) => Self::Cursor(error),
            error => Self::NamedCursor(error),
        }
    }
}

impl From<StateError> for CallError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<CallError> for ErrorObjectOwned {
    fn from(error: CallError) -> Self {
        let data = match &error {
            CallError::UnmetRules(unmet) => Some(unmet.data()),
            CallError::WrongClock(clock) => Some(clock.data()),
            CallError::OverQuota(over) => {
                Some(json!({ "quota": over.quota.name(), "retryAfter": over.retry_after }))
            }
            _ => None,
        };
        Self::owned(error.code(), causes(&error).to_string(), data)
    }
}

/// The answer to a request that was not read, as JSON.
pub(crate) fn error_without_id(error: CallError) -> String {
    MethodResponse::error(Id::Null, ErrorObjectOwned::from(error)).as_ref().to_owned()
}

#[cfg(test)]
mod tests;
