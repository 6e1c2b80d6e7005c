//! A gateway of any protocol.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use super::{
    pmp::Pmp,
    report::{MappingError, Mechanism, Transport},
    upnp::Upnp,
};

/// A port of the node that should be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MappingRequest {
    pub(crate) transport: Transport,
    /// Where the node listens; the address may be unspecified.
    pub(crate) internal: SocketAddrV4,
    /// The wanted port of the gateway, or the one that is mapped.
    pub(crate) external: u16,
}

/// A mapping that the gateway granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GrantedMapping {
    pub(crate) external: u16,
    /// `None`: it does not expire.
    pub(crate) lifetime: Option<Duration>,
    pub(crate) status: GatewayStatus,
}

/// The state of the gateway, from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct GatewayStatus {
    /// Its external address.
    pub(crate) ip: Option<Ipv4Addr>,
    /// Its clock, in seconds.
    pub(crate) epoch: Option<u32>,
}

/// A gateway that has answered.
#[derive(Debug)]
pub(crate) enum Gateway {
    Pmp(Pmp),
    Upnp(Upnp),
}

impl Gateway {
    pub(crate) const fn mechanism(&self) -> Mechanism {
        match self {
            Self::Pmp(gateway) => gateway.mechanism(),
            Self::Upnp(_) => Mechanism::Upnp,
        }
    }

    /// Asks whether it is there, and for its external address.
    pub(crate) async fn check(&self) -> Result<GatewayStatus, MappingError> {
        match self {
            Self::Pmp(gateway) => gateway.check().await,
            Self::Upnp(gateway) => gateway.check().await,
        }
    }

    /// Makes or renews a mapping.
    pub(crate) async fn map(&self, wanted: MappingRequest) -> Result<GrantedMapping, MappingError> {
        match self {
            Self::Pmp(gateway) => gateway.map(wanted).await,
            Self::Upnp(gateway) => gateway.map(wanted).await,
        }
    }

    /// Removes a mapping.
    pub(crate) async fn unmap(&self, wanted: MappingRequest) -> Result<(), MappingError> {
        match self {
            Self::Pmp(gateway) => gateway.unmap(wanted).await,
            Self::Upnp(gateway) => gateway.unmap(wanted).await,
        }
    }
}
