//! Why attempts to reach a node fail, as a table.

use p2p_mux::{
    HelloExchangeError,
    transport::{ConnectError, ForeignProtocol, HandshakeError, SecError},
};

use super::counted::{counter, reasons};
use crate::error::DialError;

reasons! {
    /// Why an attempt to reach a node failed: the kinds of [`DialError`].
    pub enum DialFailReason counted by DialFailStats
        in "dial" as counter("p2p_dial_failures_total", "Failed attempts to dial a node, by reason"),
        total counter("p2p_dials_failed_total", "Failed attempts to dial a node") =>
    {
        /// The host name does not resolve.
        #[error("the host name does not resolve")]
        Resolve = "resolve",
        /// The TCP connection could not be opened: the port is closed, or there is no route.
        #[error("cannot connect")]
        Connect = "connect",
        /// The proxy did not connect.
        #[error("no connection through the proxy")]
        Proxy = "proxy",
        /// Resolving or connecting took too long.
        #[error("no connection in time")]
        Timeout = "timeout",
        /// The node closed the connection without an answer to the handshake packet: its key is another one, or it
        /// refuses this address.
        #[error("the node closed the connection without an answer: its key is another one, or it refuses this address")]
        Unanswered = "unanswered",
        /// An HTTP server is at the address.
        #[error("the other end speaks HTTP")]
        Http = "http",
        /// An SSH server is at the address.
        #[error("the other end speaks SSH")]
        Ssh = "ssh",
        /// A TLS server is at the address.
        #[error("the other end speaks TLS")]
        Tls = "tls",
        /// The answer is no handshake packet.
        #[error("the other end does not speak RLPx")]
        NotRlpx = "not_rlpx",
        /// The answer was opened, but its content is invalid.
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
        /// The dialer panicked.
        #[error("the dialer panicked")]
        Panicked = "panicked",
        /// This node refused the connection; [`RefuseReason`](crate::RefuseReason) says why.
        #[error("refused by this node")]
        Refused = "refused",
    }
}

impl From<&DialError> for DialFailReason {
    fn from(error: &DialError) -> Self {
        match error {
            DialError::Resolve(_) => Self::Resolve,
            DialError::Connect(_) => Self::Connect,
            DialError::Proxy(_) => Self::Proxy,
            DialError::Timeout => Self::Timeout,
            DialError::Handshake(error) => error.into(),
            DialError::Hello(error) => error.into(),
            DialError::Panicked => Self::Panicked,
            DialError::Refused(_) => Self::Refused,
        }
    }
}

impl From<&ConnectError> for DialFailReason {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Handshake(error) => match error {
                HandshakeError::Sec(SecError::Required | SecError::Unavailable) => Self::NoSec,
                HandshakeError::Foreign(ForeignProtocol::Http) => Self::Http,
                HandshakeError::Foreign(ForeignProtocol::Ssh) => Self::Ssh,
                HandshakeError::Foreign(ForeignProtocol::Tls) => Self::Tls,
                HandshakeError::Foreign(_)
                | HandshakeError::Oversized { .. }
                | HandshakeError::Undersized { .. }
                | HandshakeError::Sealed(_) => Self::NotRlpx,
                _ => Self::Malformed,
            },
            ConnectError::TimedOut(_) => Self::Silent,
            ConnectError::Unanswered => Self::Unanswered,
            _ => Self::Closed,
        }
    }
}

impl From<&HelloExchangeError> for DialFailReason {
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
