//! The address at which a gateway makes the node reachable.

use std::net::{IpAddr, Ipv4Addr};

use p2p_mux::identity::{Enode, Host, is_private_network};

use super::report::Transport;

/// The external address and ports that the node announces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ExternalAddr {
    /// The address; `None` if it is unknown or not reachable from outside.
    pub(crate) ip: Option<Ipv4Addr>,
    /// The mapped ports: transport, internal port, external port.
    pub(crate) ports: Vec<(Transport, u16, u16)>,
}

impl ExternalAddr {
    /// The external port of an internal port; the same port if there is no mapping.
    pub(crate) fn port(&self, transport: Transport, internal: u16) -> u16 {
        let same =
            |(kind, port, _): &&(Transport, u16, u16)| (*kind, *port) == (transport, internal);
        self.ports.iter().find(same).map_or(internal, |(_, _, external)| *external)
    }

    /// The node's URL with the external address, if there is one.
    pub(crate) fn enode(&self, enode: &Enode) -> Enode {
        let Some(ip) = self.ip else { return enode.clone() };
        let tcp = self.port(Transport::Tcp, enode.tcp);
        Enode { host: Host::Ip(ip.into()), tcp, ..enode.clone() }
    }
}

/// Whether an address can be reached from outside. A gateway with another kind of address is behind a
/// second NAT, or has no connection.
pub(crate) const fn is_reachable(ip: Ipv4Addr) -> bool {
    // Private networks; this network, multicast, reserved.
    !is_private_network(IpAddr::V4(ip)) && !matches!(ip.octets(), [0 | 224..=255, ..])
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
    fn a_port_without_a_mapping_is_the_same_outside() {
        let external = ExternalAddr { ip: None, ports: vec![(Transport::Tcp, 30303, 40404)] };
        assert_eq!(external.port(Transport::Tcp, 30303), 40404);
        assert_eq!(external.port(Transport::Udp, 30303), 30303);
    }
}
