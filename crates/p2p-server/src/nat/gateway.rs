//! One gateway, however it is spoken to.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use super::{
    pmp::Pmp,
    report::{Mechanism, NatFailure, Transport},
    upnp::Upnp,
};

/// A port of the node that is to be reachable from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) transport: Transport,
    /// Where the node listens; the address may be unspecified.
    pub(crate) internal: SocketAddrV4,
    /// The port of the gateway that it would like to have, or has.
    pub(crate) external: u16,
}

/// A mapping as granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) external: u16,
    /// None: it does not lapse.
    pub(crate) lifetime: Option<Duration>,
    pub(crate) seen: Seen,
}

/// What an answer tells of the gateway itself, as far as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// Its external address.
    pub(crate) ip: Option<Ipv4Addr>,
    /// Its clock.
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

    /// Asks whether it is there, and what its address is.
    pub(crate) async fn check(&self) -> Result<Seen, NatFailure> {
        match self {
            Self::Pmp(gateway) => gateway.check().await,
            Self::Upnp(gateway) => gateway.check().await,
        }
    }

    /// Makes a mapping, or refreshes it.
    pub(crate) async fn map(&self, wish: Wish) -> Result<Grant, NatFailure> {
        match self {
            Self::Pmp(gateway) => gateway.map(wish).await,
            Self::Upnp(gateway) => gateway.map(wish).await,
        }
    }

    /// Removes a mapping that it has granted.
    pub(crate) async fn unmap(&self, wish: Wish) -> Result<(), NatFailure> {
        match self {
            Self::Pmp(gateway) => gateway.unmap(wish).await,
            Self::Upnp(gateway) => gateway.unmap(wish).await,
        }
    }
}
