//! Where a gateway makes the node reachable.

use std::net::Ipv4Addr;

use p2p_mux::identity::{Enode, Host};

use super::report::Transport;
use crate::context::Shared;

/// What a gateway says of where we are, as far as it is worth telling others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct External {
    /// The address, unless nobody outside could reach it.
    pub(crate) ip: Option<Ipv4Addr>,
    /// Which port of the node is which port outside.
    pub(crate) ports: Vec<(Transport, u16, u16)>,
}

impl External {
    /// The port outside for this port of the node; where it has none, the same.
    pub(crate) fn port(&self, transport: Transport, internal: u16) -> u16 {
        let same =
            |(kind, port, _): &&(Transport, u16, u16)| (*kind, *port) == (transport, internal);
        self.ports.iter().find(same).map_or(internal, |(_, _, external)| *external)
    }
}

impl Shared {
    /// The node's URL with what a gateway says, if there is one.
    pub(crate) fn outside(&self, enode: &Enode) -> Enode {
        let external = &self.state().external;
        let Some(ip) = external.ip else { return enode.clone() };
        let tcp = external.port(Transport::Tcp, enode.tcp);
        Enode { host: Host::Ip(ip.into()), tcp, ..enode.clone() }
    }
}

/// Whether an address may be reached from outside. A gateway that has another one is behind a second
/// NAT, or has none.
pub(crate) const fn is_reachable(ip: Ipv4Addr) -> bool {
    match ip.octets() {
        // This network, private ones, and what carriers use behind their NAT (RFC 6598).
        [0 | 10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => false,
        // Link-local, multicast, reserved.
        [169, 254, ..] | [224..=255, ..] => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_behind_a_second_nat_is_not_reachable() {
        for ip in ["0.0.0.0", "10.0.0.1", "127.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1"] {
            assert!(!is_reachable(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["169.254.1.1", "224.0.0.1", "255.255.255.255"] {
            assert!(!is_reachable(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["203.0.113.7", "100.128.0.1", "172.32.0.1", "9.9.9.9"] {
            assert!(is_reachable(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn a_port_that_is_not_mapped_is_the_same_outside() {
        let external = External { ip: None, ports: vec![(Transport::Tcp, 30303, 40404)] };
        assert_eq!(external.port(Transport::Tcp, 30303), 40404);
        assert_eq!(external.port(Transport::Udp, 30303), 30303);
    }
}
