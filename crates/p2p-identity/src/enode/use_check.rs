//! Whether the address in an enode URL can be used, and for what.

use core::net::IpAddr;

use thiserror::Error;

use super::Enode;
use crate::Host;

/// The address in an enode URL cannot be used. Each text says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnodeUseError {
    /// The TCP port is 0: the node takes no connections. A boot node that only answers discovery has
    /// such a URL.
    #[error(
        "port 0 takes no connections: write the TCP port of the node; a node that has none can only \
         be a boot node"
    )]
    NoTcpPort,
    /// The UDP port is 0: the node does not answer discovery.
    #[error(
        "the discovery port is 0, so the node answers no discovery: write its UDP port \
         (?discport=<port>); a node that has none can only be a static node"
    )]
    NoUdpPort,
    /// `0.0.0.0`, `[::]` or another address of "this network". A node that listens on all addresses
    /// may print it.
    #[error("{0} is the address of no machine: write the address at which others reach the node")]
    Unspecified(IpAddr),
    /// A multicast address, or the broadcast address.
    #[error("{0} is the address of a group of machines: write the address of the node alone")]
    Group(IpAddr),
    /// An IPv6 link-local address. It needs the name of a network interface, which an enode URL
    /// cannot contain.
    #[error(
        "{0} is a link-local address, which cannot be reached without the name of an interface: \
         write another address of the node"
    )]
    LinkLocal(IpAddr),
}

impl Enode {
    /// Checks that a connection (RLPx, TCP) to the address can be tried. A host name is not resolved.
    ///
    /// ```
    /// use p2p_identity::{Enode, EnodeUseError, SecretKey};
    ///
    /// let id = SecretKey::random(&mut rand::rng()).id();
    /// let enode: Enode = format!("enode://{id}@127.0.0.9:0?discport=30301").parse()?;
    /// assert_eq!(enode.check_connectable(), Err(EnodeUseError::NoTcpPort));
    /// assert_eq!(enode.check_discoverable(), Ok(()));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EnodeUseError`].
    pub fn check_connectable(&self) -> Result<(), EnodeUseError> {
        self.check_host()?;
        if self.tcp == 0 { Err(EnodeUseError::NoTcpPort) } else { Ok(()) }
    }

    /// Checks that the address can be asked for nodes (discovery, UDP). A host name is not resolved.
    ///
    /// # Errors
    ///
    /// [`EnodeUseError`].
    pub fn check_discoverable(&self) -> Result<(), EnodeUseError> {
        self.check_host()?;
        if self.udp == 0 { Err(EnodeUseError::NoUdpPort) } else { Ok(()) }
    }

    fn check_host(&self) -> Result<(), EnodeUseError> {
        match self.host {
            Host::Ip(ip) => check_ip(ip),
            Host::Name(_) => Ok(()),
        }
    }
}

/// Checks that `ip` can be the address of one other machine.
pub(crate) fn check_ip(ip: IpAddr) -> Result<(), EnodeUseError> {
    match ip.to_canonical() {
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Err(EnodeUseError::Unspecified(ip)),
        IpAddr::V4(v4) if v4.is_multicast() || v4.is_broadcast() => Err(EnodeUseError::Group(ip)),
        IpAddr::V6(v6) if v6.is_unspecified() => Err(EnodeUseError::Unspecified(ip)),
        IpAddr::V6(v6) if v6.is_multicast() => Err(EnodeUseError::Group(ip)),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Err(EnodeUseError::LinkLocal(ip)),
        _ => Ok(()),
    }
}
