//! Which addresses the hosts have.

use std::net::IpAddr;

use super::Network;
use crate::host_id::HostId;

/// The address of each host until it moves.
pub(super) struct Addresses(Box<dyn Fn(HostId) -> IpAddr>);

impl Default for Addresses {
    fn default() -> Self {
        Self(Box::new(HostId::ip))
    }
}

impl Network {
    /// Sets the addresses of the hosts that are added from now on. Each must be different. By default they are private ones
    /// ([`HostId::ip`]); programs that have rules for public addresses and subnets need others.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use p2p_sim::{HostId, Network};
    ///
    /// // Each host is in a subnet of its own.
    /// let ip = |host: HostId| Ipv4Addr::from_bits(0x2000_0001 + (host.0 << 8)).into();
    /// let mut network = Network::new(7).addresses(ip);
    /// let hosts = [0, 1].map(|_| network.host(|_| async {}));
    /// assert_eq!(network.ip(hosts[1]), Ipv4Addr::new(32, 0, 1, 1));
    /// ```
    #[must_use]
    pub fn addresses(mut self, of: impl Fn(HostId) -> IpAddr + 'static) -> Self {
        self.addresses = Addresses(Box::new(of));
        self
    }

    /// The address of a host now.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    #[must_use]
    pub fn ip(&self, host: HostId) -> IpAddr {
        self.regions.of(host).wire.state().hosts.host(host).ip
    }

    /// The address of the host that is added after this many others.
    pub(crate) fn next_ip(&self, others: usize) -> IpAddr {
        let number = self.programs.len() + others;
        (self.addresses.0)(HostId(u32::try_from(number).expect("no more hosts than addresses")))
    }
}
