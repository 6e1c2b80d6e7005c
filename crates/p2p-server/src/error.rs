//! What can go wrong with a server and with an attempt to reach a node.

use std::{io, net::SocketAddr};

use p2p_mux::{Capability, HelloExchangeError, transport::ConnectError};

use crate::{nat::Nat, proxy::ProxyError, slots::Refusal};

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
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// Another socket listens there.
    #[error("address {addr} is already in use")]
    AddressInUse {
        /// The address.
        addr: SocketAddr,
    },
    /// Listening failed for another cause: a port below 1024 without the right, an address of no
    /// interface.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// This build cannot ask a gateway: it was made without the feature `nat`.
    #[error("--nat {0} needs the feature nat, which this build does not have")]
    NatUnsupported(Nat),
    /// The Hello of this node would be longer than anyone accepts
    /// ([`MAX_HELLO`](p2p_mux::MAX_HELLO)): its name is too long, or it has too many sub-protocols.
    #[error("the Hello would have {bytes} bytes; shorten the name or announce fewer sub-protocols")]
    HelloTooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The database of nodes does not open: another process has it, most often. One that is damaged
    /// is no error, it is moved aside.
    #[cfg(feature = "store")]
    #[error(transparent)]
    Store(#[from] crate::StoreError),
    /// Discovery does not start: its UDP port is taken, most often.
    #[cfg(feature = "discovery")]
    #[error(transparent)]
    Discovery(#[from] p2p_discovery::Discv4Error),
    /// Discv5 does not start.
    #[cfg(feature = "discv5")]
    #[error(transparent)]
    Discv5(#[from] p2p_discovery::Discv5Error),
    /// The lists in the DNS cannot be read at all.
    #[cfg(feature = "dns")]
    #[error(transparent)]
    Lists(#[from] p2p_discovery::dns::ListsError),
    /// Two sub-protocols have the same name and version.
    #[error("sub-protocol {0} is registered twice")]
    DuplicateProtocol(Capability),
}

/// Why the sub-protocols of a running server were left as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The server has one with this name and version.
    #[error("sub-protocol {0} is registered already")]
    Duplicate(Capability),
    /// The server has none with this name and version.
    #[error("sub-protocol {0} is not registered")]
    Unknown(Capability),
    /// With it the Hello of this node would be longer than anyone accepts
    /// ([`MAX_HELLO`](p2p_mux::MAX_HELLO)).
    #[error("with sub-protocol {capability} the Hello would have {bytes} bytes")]
    HelloTooLong {
        /// The sub-protocol.
        capability: Capability,
        /// The length in bytes.
        bytes: usize,
    },
}

impl DialError {
    /// Whether it says that the node is not in that place, rather than that it, or we, did not want
    /// it. A place that is not allowed counts as one where it is not.
    pub(crate) const fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Connect(_)
                | Self::Proxy(_)
                | Self::Timeout
                | Self::Handshake(_)
                | Self::Refused(Refusal::Restricted | Refusal::Banned)
        )
    }
}

/// Why an attempt to reach a node ended without a peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The host name does not resolve (now; it is resolved anew for each attempt).
    #[error("the host name does not resolve")]
    Resolve(#[source] io::Error),
    /// The TCP connection could not be opened; the last of several addresses is reported.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// There was no way through the proxy.
    #[error("no connection through the proxy")]
    Proxy(#[source] ProxyError),
    /// Resolving or connecting took longer than [`Dialling::timeout`](crate::Dialling::timeout).
    #[error("no connection in time")]
    Timeout,
    /// The encrypted handshake failed: junk, silence, another key than the enode says.
    #[error("the handshake failed")]
    Handshake(#[source] ConnectError),
    /// The Hello exchange failed: the peer refused us, or shares no sub-protocol.
    #[error("the Hello exchange failed")]
    Greet(#[source] HelloExchangeError),
    /// The [`NodeDialer`](crate::NodeDialer) panicked.
    #[error("the dialer panicked")]
    Panicked,
    /// We refused it ourselves.
    #[error("refused by this node: {0}")]
    Refused(Refusal),
}
