//! Why inbound connections fail before the other end is known.

use p2p_mux::{
    HelloExchangeError,
    transport::{ConnectError, ForeignProtocol, HandshakeError},
};

/// Why an inbound connection failed in the handshake or the Hello exchange, before it could be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InboundFailReason {
    /// The handshake packet cannot be opened with this node's key.
    #[error(
        "it is for another key: the other end expects another node at this address (this node's key has changed, \
         or its list has the wrong id), or it does not speak RLPx"
    )]
    OtherKey,
    /// An HTTP client, such as one that looks for JSON-RPC.
    #[error("the other end speaks HTTP, and this is the port for peers")]
    Http,
    /// An SSH client.
    #[error("the other end speaks SSH, and this is the port for peers")]
    Ssh,
    /// A TLS client, such as one of HTTPS.
    #[error("the other end speaks TLS, and this is the port for peers")]
    Tls,
    /// Other bytes than a handshake packet.
    #[error("the other end does not speak RLPx")]
    NotRlpx,
    /// The packet was opened, but its content is invalid.
    #[error("the handshake of the other end is malformed")]
    Malformed,
    /// The other end was silent until the time limit.
    #[error("the other end did not finish the handshake in time")]
    Silent,
    /// The other end closed the connection, or the network failed.
    #[error("the other end closed the connection during the handshake")]
    Closed,
    /// The other end refused this node with a reason.
    #[error("the other end refused this node")]
    RefusedByPeer,
    /// No sub-protocol in common.
    #[error("the other end has no sub-protocol in common with this node")]
    Useless,
    /// The Hello of the other end is invalid.
    #[error("the Hello of the other end is invalid")]
    BadHello,
}

impl InboundFailReason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::OtherKey,
        Self::Http,
        Self::Ssh,
        Self::Tls,
        Self::NotRlpx,
        Self::Malformed,
        Self::Silent,
        Self::Closed,
        Self::RefusedByPeer,
        Self::Useless,
        Self::BadHello,
    ];

    /// A stable name for metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OtherKey => "other_key",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Tls => "tls",
            Self::NotRlpx => "not_rlpx",
            Self::Malformed => "malformed",
            Self::Silent => "silent",
            Self::Closed => "closed",
            Self::RefusedByPeer => "refused_by_peer",
            Self::Useless => "useless",
            Self::BadHello => "bad_hello",
        }
    }
}

impl From<&ConnectError> for InboundFailReason {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Handshake(error) => match error {
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
            _ => Self::BadHello,
        }
    }
}

/// Failed inbound connections, by [`InboundFailReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InboundFailStats([u64; InboundFailReason::ALL.len()]);

impl InboundFailStats {
    /// Counts a connection. Returns how many have failed for this reason.
    pub(super) fn count(&mut self, reason: InboundFailReason) -> u64 {
        let count = &mut self.0[reason as usize];
        *count += 1;
        *count
    }

    /// Connections that failed for this reason.
    #[must_use]
    pub const fn get(&self, reason: InboundFailReason) -> u64 {
        self.0[reason as usize]
    }

    /// All reasons with their counters.
    pub fn iter(&self) -> impl Iterator<Item = (InboundFailReason, u64)> {
        InboundFailReason::ALL.into_iter().zip(self.0)
    }
}

/// A map from [`InboundFailReason::name`] to the counter.
#[cfg(feature = "serde")]
impl serde::Serialize for InboundFailStats {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(reason, count)| (reason.name(), count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_reasons_are_listed_once_in_order_with_different_names() {
        for (index, reason) in InboundFailReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        let names: std::collections::BTreeSet<_> =
            InboundFailReason::ALL.into_iter().map(InboundFailReason::name).collect();
        assert_eq!(names.len(), InboundFailReason::ALL.len());
    }
}
