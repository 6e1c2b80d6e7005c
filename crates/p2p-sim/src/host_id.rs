//! The number of a machine.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

/// A machine of the simulation. The first one has the number 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

impl HostId {
    /// Its address until it [moves](crate::Fault::Move), unless the network has [other ones](crate::Network::addresses):
    /// `10.0.0.1` for the first one.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        let [_, a, b, c] = (self.0 + 1).to_be_bytes();
        Ipv4Addr::new(10, a, b, c).into()
    }

    /// Its name, which leads to its address: `host-0` for the first one.
    #[must_use]
    pub fn name(self) -> String {
        format!("host-{}", self.0)
    }

    /// Its place in a list of all hosts.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {}", self.0)
    }
}
