//! Mappings, events, errors and counters of gateways.

use std::{fmt, io, net::Ipv4Addr, time::Duration};

use p2p_mux::Metric;

use crate::observed::{counter, counters};

/// The transport protocol of a port. Displayed as `TCP` or `UDP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// For connections with peers.
    Tcp,
    /// For discovery.
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

/// The protocol between the node and the gateway.
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

/// A mapping: a port of this node that is reachable through a port of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// The transport protocol of both ports.
    pub transport: Transport,
    /// The port on which the node listens.
    pub internal: u16,
    /// The port of the gateway, which may differ from the one that was asked for.
    pub external: u16,
    /// The protocol of the mapping.
    pub by: Mechanism,
    /// The lifetime that the gateway granted; the mapping is renewed after half of it. `None`: no limit;
    /// it is renewed as if the lifetime were 20 minutes.
    pub lifetime: Option<Duration>,
}

/// An event between the node and its gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NatEvent {
    /// A port is mapped now, or is mapped to another port of the gateway. A renewal is not reported.
    Mapped(Mapping),
    /// A mapping has expired because it could not be renewed in time.
    Lost(Mapping),
    /// The gateway has a new external address.
    Address {
        /// The address.
        ip: Ipv4Addr,
        /// Whether the node announces it. A private address is not announced: the gateway is itself
        /// behind a NAT.
        announced: bool,
    },
    /// A request failed. It is retried, after a delay that grows up to 10 minutes.
    Failed(MappingError),
}

/// Why there is no mapping. The request is retried in each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// No gateway answered the search, and none is known.
    #[error("no gateway was found")]
    NotFound,
    /// The gateway does not answer.
    #[error("the gateway does not answer")]
    Silent,
    /// The gateway sends something else than answers of the protocol.
    #[error("the gateway's answers are malformed")]
    Malformed,
    /// The gateway does not allow mappings, or not for this machine.
    #[error("the gateway does not allow mappings; they may be disabled in its settings")]
    NotAuthorized,
    /// The gateway has no external address.
    #[error("the gateway has no connection to the outside")]
    NoConnection,
    /// The gateway has no room for another mapping.
    #[error("the gateway has no room for another mapping")]
    NoRoom,
    /// The external port is taken, and so are the alternatives that were tried.
    #[error("the external ports that were tried are taken")]
    PortTaken,
    /// The gateway does not support the request.
    #[error("the gateway does not support the request")]
    Unsupported,
    /// The gateway refused with another code, of UPnP, NAT-PMP or PCP.
    #[error("the gateway refused with code {0}")]
    Refused(u16),
    /// The operating system cannot reach the gateway, usually because there is no route.
    #[error("the gateway cannot be reached: {0}")]
    Unreachable(io::ErrorKind),
}

const FAILURES: Metric =
    counter("p2p_nat_failures_total", "Requests to the router that failed, by reason");

counters! {
    /// Counters of gateways and mappings. All are 0 if [`Nat`](crate::Nat) needs no gateway.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
    pub struct NatStats {
        /// Gateways found.
        found: u64 = counter("p2p_nat_gateways_found_total", "Routers found");
        /// Mappings made or moved to another external port.
        mapped: u64 = counter("p2p_nat_mappings_made_total", "Ports mapped at the router, or mapped to another port");
        /// Mappings renewed.
        refreshed: u64 = counter("p2p_nat_mappings_renewed_total", "Mappings renewed at the router");
        /// Mappings that expired.
        lost: u64 = counter("p2p_nat_mappings_expired_total", "Mappings that expired because they could not be renewed");
        /// Mappings removed when the server stopped.
        removed: u64 = counter("p2p_nat_mappings_removed_total", "Mappings removed when the server stopped");
        /// Mappings that the gateway did not remove in time when the server stopped; they expire.
        left: u64 = counter("p2p_nat_mappings_left_total", "Mappings that the router did not remove in time; they expire");
        /// Changes of the external address.
        addresses: u64 = counter("p2p_nat_address_changes_total", "Changes of the external address");
        /// Restarts of the gateway, after which it had lost all mappings.
        reboots: u64 = counter("p2p_nat_gateway_restarts_total", "Restarts of the router, after which it had no mappings");
        /// [`MappingError::NotFound`].
        not_found: u64 = FAILURES, ["reason" => "not_found"], reason "nat" "not_found";
        /// [`MappingError::Silent`] and [`MappingError::Unreachable`].
        silent: u64 = FAILURES, ["reason" => "silent"], reason "nat" "silent";
        /// [`MappingError::Malformed`].
        malformed: u64 = FAILURES, ["reason" => "malformed"], reason "nat" "malformed";
        /// All other refusals of a gateway.
        refused: u64 = FAILURES, ["reason" => "refused"], reason "nat" "refused";
    } and {}
}

impl NatStats {
    #[cfg(feature = "nat")]
    pub(crate) const fn count(&mut self, failure: MappingError) {
        *match failure {
            MappingError::NotFound => &mut self.not_found,
            MappingError::Silent | MappingError::Unreachable(_) => &mut self.silent,
            MappingError::Malformed => &mut self.malformed,
            MappingError::NotAuthorized
            | MappingError::NoConnection
            | MappingError::NoRoom
            | MappingError::PortTaken
            | MappingError::Unsupported
            | MappingError::Refused(_) => &mut self.refused,
        } += 1;
    }
}
