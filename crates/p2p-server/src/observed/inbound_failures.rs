//! Why inbound connections fail before the other end is known.

use p2p_mux::{
    HelloExchangeError,
    transport::{ConnectError, ForeignProtocol, HandshakeError, SecError},
};

use super::counted::{counter, reasons};

reasons! {
    /// Why an inbound connection failed in the handshake or the Hello exchange, before it could be refused.
    pub enum InboundFailReason counted by InboundFailStats
        in "inbound" as counter("p2p_inbound_failures_total", "Failed inbound handshakes, by reason"),
        total counter("p2p_inbound_failed_total", "Failed inbound handshakes") =>
    {
        /// The handshake packet cannot be opened with this node's key.
        #[error(
            "it is for another key: the other end expects another node at this address (this node's key has changed, \
             or its list has the wrong id), or it does not speak RLPx"
        )]
        OtherKey = "other_key",
        /// An HTTP client, such as one that looks for JSON-RPC.
        #[error("the other end speaks HTTP, and this is the port for peers")]
        Http = "http",
        /// An SSH client.
        #[error("the other end speaks SSH, and this is the port for peers")]
        Ssh = "ssh",
        /// A TLS client, such as one of HTTPS.
        #[error("the other end speaks TLS, and this is the port for peers")]
        Tls = "tls",
        /// Other bytes than a handshake packet.
        #[error("the other end does not speak RLPx")]
        NotRlpx = "not_rlpx",
        /// The packet was opened, but its content is invalid.
        #[error("the handshake of the other end is malformed")]
        Malformed = "malformed",
        /// The other end was silent until the time limit.
        #[error("the other end did not finish the handshake in time")]
        Silent = "silent",
        /// The other end closed the connection, or the network failed.
        #[error("the other end closed the connection during the handshake")]
        Closed = "closed",
        /// The other end refused this node with a reason.
        #[error("the other end refused this node")]
        RefusedByPeer = "refused_by_peer",
        /// No sub-protocol in common.
        #[error("the other end has no sub-protocol in common with this node")]
        Useless = "useless",
        /// The Hello of the other end is invalid.
        #[error("the Hello of the other end is invalid")]
        BadHello = "bad_hello",
        /// Only one end has `sec/1`, and it is required.
        #[error("only one end has sec/1, which is required")]
        NoSec = "no_sec",
        /// Both ends have `sec/1`, but the handshake was one without it.
        #[error("both ends have sec/1, but the handshake was one without it")]
        Downgraded = "downgraded",
    }
}

impl From<&ConnectError> for InboundFailReason {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Handshake(error) => match error {
                HandshakeError::Sec(SecError::Required | SecError::Unavailable) => Self::NoSec,
                HandshakeError::Sealed(_) => Self::OtherKey,
                HandshakeError::Foreign(ForeignProtocol::Http) => Self::Http,
                HandshakeError::Foreign(ForeignProtocol::Ssh) => Self::Ssh,
                HandshakeError::Foreign(ForeignProtocol::Tls) => Self::Tls,
                HandshakeError::Foreign(_)
                | HandshakeError::Oversized { .. }
                | HandshakeError::Undersized { .. } => Self::NotRlpx,
                _ => Self::Malformed,
            },
            ConnectError::TimedOut(_) => Self::Silent,
            _ => Self::Closed,
        }
    }
}

impl From<&HelloExchangeError> for InboundFailReason {
    fn from(error: &HelloExchangeError) -> Self {
        match error {
            HelloExchangeError::Timeout => Self::Silent,
            HelloExchangeError::Refused(_) => Self::RefusedByPeer,
            HelloExchangeError::Useless(_) => Self::Useless,
            HelloExchangeError::Lost(_) => Self::Closed,
            HelloExchangeError::Downgraded => Self::Downgraded,
            _ => Self::BadHello,
        }
    }
}
