//! Errors of a server and of attempts to reach a node.

#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr};

use p2p_mux::{Capability, HelloExchangeError, transport::ConnectError};

use crate::{access::RefuseReason, nat::Nat, proxy::ProxyError};

/// Why a server did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A listen address is not of the form `IP:port`, `name:port` or `:port`, or its name does not
    /// resolve.
    #[error("{given:?} is not an address to listen on")]
    BadAddress {
        /// The text as given.
        given: String,
        /// The error of the resolver.
        #[source]
        source: io::Error,
    },
    /// Another socket listens on the address.
    #[error("address {addr} is already in use")]
    AddressInUse {
        /// The address.
        addr: SocketAddr,
    },
    /// Listening failed in another way: no permission for a port below 1024, or no interface with this
    /// address.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The external address is to come from a gateway, but this build has no feature `nat`.
    #[error("cannot ask a gateway ({0}): this build does not have the feature nat")]
    NatUnsupported(Nat),
    /// `sec/1` is required, but this build has no feature `sec`.
    #[error("sec/1 is required: this build does not have the feature sec")]
    SecUnsupported,
    /// The name of a sub-protocol is not one that the specification allows.
    #[error("{:?} is no name of a sub-protocol: it must have 1 to 8 visible ASCII characters", .0.name)]
    ProtocolName(Capability),
    /// The Hello of this node would be longer than other nodes accept
    /// ([`MAX_HELLO`](p2p_mux::MAX_HELLO)): its name is too long, or it has too many sub-protocols.
    #[error("the Hello would have {bytes} bytes; shorten the name or announce fewer sub-protocols")]
    HelloTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The database of known nodes cannot be opened, usually because another process uses it. A damaged
    /// one is not an error, it is moved aside.
    #[cfg(feature = "store")]
    #[error(transparent)]
    Store(#[from] crate::StoreError),
    /// Discv4 cannot start, usually because its UDP port is in use.
    #[cfg(feature = "discovery")]
    #[error(transparent)]
    Discovery(#[from] p2p_discovery::Discv4Error),
    /// Discv5 cannot start.
    #[cfg(feature = "discv5")]
    #[error(transparent)]
    Discv5(#[from] p2p_discovery::Discv5Error),
    /// The lists in the DNS cannot be read.
    #[cfg(feature = "dns")]
    #[error(transparent)]
    Lists(#[from] p2p_discovery::dns::ListsError),
    /// Two sub-protocols have the same name and version.
    #[error("sub-protocol {0} is registered twice")]
    DuplicateProtocol(Capability),
}

/// Why the sub-protocols of a running server were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A sub-protocol with this name and version is registered.
    #[error("sub-protocol {0} is registered already")]
    Duplicate(Capability),
    /// No sub-protocol with this name and version is registered.
    #[error("sub-protocol {0} is not registered")]
    Unknown(Capability),
    /// Its name is not one that the specification allows.
    #[error("{:?} is no name of a sub-protocol: it must have 1 to 8 visible ASCII characters", .0.name)]
    Name(Capability),
    /// With this sub-protocol the Hello of this node would be longer than other nodes accept
    /// ([`MAX_HELLO`](p2p_mux::MAX_HELLO)).
    #[error("with sub-protocol {capability} the Hello would have {bytes} bytes")]
    HelloTooLong {
        /// The sub-protocol.
        capability: Capability,
        /// The length in bytes.
        bytes: usize,
    },
}

/// Why an attempt to reach a node failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The host name does not resolve. It is resolved for each attempt.
    #[error("the host name does not resolve")]
    Resolve(#[source] io::Error),
    /// The TCP connection could not be opened. If the node has several addresses, this is the last one.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The proxy did not connect.
    #[error("no connection through the proxy")]
    Proxy(#[source] ProxyError),
    /// Resolving or connecting took longer than [`DialSettings::timeout`](crate::DialSettings::timeout).
    #[error("no connection in time")]
    Timeout,
    /// The encrypted handshake failed: invalid data, silence, or another key than the one in the enode
    /// URL. The cause says which.
    #[error("the handshake failed")]
    Handshake(#[source] ConnectError),
    /// The Hello exchange failed: the peer refused this node, or has no sub-protocol in common.
    #[error("the Hello exchange failed")]
    Hello(#[source] HelloExchangeError),
    /// The [`NodeDialer`](crate::NodeDialer) panicked.
    #[error("the dialer panicked")]
    Panicked,
    /// This node refused the connection.
    #[error("refused by this node")]
    Refused(#[source] RefuseReason),
}

impl DialError {
    /// Whether it means that the node is not at this address, rather than that either end refused the
    /// connection. An excluded address counts as one where the node is not.
    pub(crate) const fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Connect(_)
                | Self::Proxy(_)
                | Self::Timeout
                | Self::Handshake(_)
                | Self::Refused(RefuseReason::Restricted | RefuseReason::Banned)
        )
    }
}
