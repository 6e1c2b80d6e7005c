//! What is told of gateways: mappings, the external address, why something failed, and counters.

use std::{fmt, io, net::Ipv4Addr, time::Duration};

/// What runs over a port. It prints as `TCP` or `UDP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Connections with peers.
    Tcp,
    /// Discovery.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// How a gateway is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// UPnP Internet Gateway Device: SOAP over HTTP.
    Upnp,
    /// NAT-PMP, RFC 6886.
    NatPmp,
    /// PCP, RFC 6887.
    Pcp,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upnp => "UPnP",
            Self::NatPmp => "NAT-PMP",
            Self::Pcp => "PCP",
        })
    }
}

/// A port of this node that a gateway makes reachable from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// Of which kind both ports are.
    pub transport: Transport,
    /// The port on which the node listens.
    pub internal: u16,
    /// The port of the gateway. It need not be the one that was asked for.
    pub external: u16,
    /// How the gateway is spoken to.
    pub by: Mechanism,
    /// For how long the gateway has promised it; it is asked again after half of that. `None`: until
    /// the gateway forgets it, and then it is asked again as if it lasted 20 minutes.
    pub lifetime: Option<Duration>,
}

/// What happened between the node and its gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NatEvent {
    /// A port is mapped that was not, or to another port of the gateway than before. A mapping that
    /// was only refreshed is not told.
    Mapped(Mapping),
    /// A mapping has lapsed: it could not be refreshed in time.
    Lost(Mapping),
    /// The gateway has another external address than before.
    Address {
        /// The address.
        ip: Ipv4Addr,
        /// Whether the node tells others of it. It does not where nobody could reach it: behind a
        /// second NAT the gateway's own address is a private one.
        announced: bool,
    },
    /// Something failed; it is tried again, after a wait that grows up to 10 minutes.
    Failed(NatFailure),
}

/// Why there is no mapping. Each is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NatFailure {
    /// No gateway answers the search, or none is known to be asked.
    #[error("no gateway was found")]
    NotFound,
    /// The gateway does not answer.
    #[error("the gateway does not answer")]
    Silent,
    /// The gateway answers, but with something that is not of the protocol.
    #[error("the gateway's answers make no sense")]
    Malformed,
    /// The gateway does not allow it: mapping of ports is switched off there.
    #[error("the gateway does not allow it; is mapping switched on there?")]
    NotAuthorized,
    /// The gateway has no external address itself.
    #[error("the gateway has no connection to the outside")]
    NoConnection,
    /// The gateway has no room for another mapping.
    #[error("the gateway has no room for another mapping")]
    NoRoom,
    /// The external port is taken, and so are the others that were tried.
    #[error("the external ports that were tried are taken")]
    PortTaken,
    /// The gateway knows the protocol, but not what was asked.
    #[error("the gateway cannot do it")]
    Unsupported,
    /// The gateway refuses for another reason: its code, of UPnP or PCP.
    #[error("the gateway refuses with code {0}")]
    Refused(u16),
    /// The own system does not let us reach the gateway: no route to it, most often.
    #[error("the gateway cannot be reached: {0}")]
    Unreachable(io::ErrorKind),
}

/// What the server counted about gateways. All are 0 where [`Nat`](crate::Nat) needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct NatStats {
    /// Gateways found.
    pub found: u64,
    /// Mappings made, or moved to another external port.
    pub mapped: u64,
    /// Mappings refreshed.
    pub refreshed: u64,
    /// Mappings that lapsed.
    pub lost: u64,
    /// Mappings removed when the server stopped.
    pub removed: u64,
    /// Mappings that the gateway would not remove in time when the server stopped: they lapse.
    pub left: u64,
    /// Times that the external address was another one than before.
    pub addresses: u64,
    /// Times that the gateway had forgotten everything.
    pub reboots: u64,
    /// [`NatFailure::NotFound`].
    pub not_found: u64,
    /// [`NatFailure::Silent`] and [`NatFailure::Unreachable`].
    pub silent: u64,
    /// [`NatFailure::Malformed`].
    pub malformed: u64,
    /// Refusals by a gateway, of all other kinds.
    pub refused: u64,
}

impl NatStats {
    #[cfg(feature = "nat")]
    pub(crate) const fn count(&mut self, failure: NatFailure) {
        *match failure {
            NatFailure::NotFound => &mut self.not_found,
            NatFailure::Silent | NatFailure::Unreachable(_) => &mut self.silent,
            NatFailure::Malformed => &mut self.malformed,
            NatFailure::NotAuthorized
            | NatFailure::NoConnection
            | NatFailure::NoRoom
            | NatFailure::PortTaken
            | NatFailure::Unsupported
            | NatFailure::Refused(_) => &mut self.refused,
        } += 1;
    }
}
