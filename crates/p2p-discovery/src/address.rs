//! Scopes of addresses, and which node may report which address.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use p2p_identity::{OwnNetworks, is_private_network};

use crate::network::NetworkId;
use crate::node::Node;
use crate::v4::Endpoint;

/// The highest port of system services. A reported node with such a port is not contacted: the report
/// could make us send datagrams to a server of another protocol.
const MAX_SYSTEM_PORT: u16 = 1024;

/// From where an address can be reached, from the nearest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// From nowhere: unspecified, multicast, reserved, for documentation or benchmarks.
    Unusable,
    /// From this machine.
    Loopback,
    /// From the local network.
    Local,
    /// From the whole internet.
    Public,
}

impl Reach {
    pub(crate) const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) if ip.is_loopback() => Self::Loopback,
            IpAddr::V6(ip) if ip.is_loopback() => Self::Loopback,
            _ if is_private_network(ip) => Self::Local,
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    const fn of_v4(ip: Ipv4Addr) -> Self {
        match ip.octets() {
            [0 | 224.., ..] | [192, 0, 0 | 2, _] | [198, 18 | 19, ..] => Self::Unusable,
            [198, 51, 100, _] | [203, 0, 113, _] => Self::Unusable,
            _ => Self::Public,
        }
    }

    const fn of_v6(ip: Ipv6Addr) -> Self {
        match ip.segments() {
            [0x2001, 0xdb8, ..] | [0x2001, 0 | 2, ..] => Self::Unusable,
            // All allocated unicast addresses begin with the bits 001.
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Unusable,
        }
    }
}

/// Whether a node at `peer` may report a node at `endpoint` to us, and we to it.
///
/// The rules are those of go-ethereum: only a node in the local network may report an address in the
/// local network, only one on this machine an address of this machine, and no node a port of a system
/// service.
pub(crate) fn may_relay(peer: IpAddr, endpoint: &Endpoint) -> bool {
    let allowed = match (Reach::of(peer), Reach::of(endpoint.ip)) {
        (_, Reach::Unusable) => false,
        (peer, Reach::Loopback) => peer == Reach::Loopback,
        (peer, Reach::Local) => matches!(peer, Reach::Loopback | Reach::Local),
        (_, Reach::Public) => true,
    };
    allowed && endpoint.udp > MAX_SYSTEM_PORT
}

/// The network of an address in which one owner may have many addresses: the first 24 bits of an
/// IPv4 address, the first 48 of an IPv6 address. A customer usually gets at most that much.
///
/// It is wider than [`host_prefix`](p2p_identity::host_prefix), which is for limits per host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Subnet {
    V4([u8; 3]),
    V6([u8; 6]),
}

impl Subnet {
    /// `None` for addresses of this machine and of the local network. They have no limits per subnet:
    /// a whole private network may be in one, and its owner is trusted.
    pub(crate) const fn of(ip: IpAddr) -> Option<Self> {
        if matches!(Reach::of(ip), Reach::Loopback | Reach::Local) {
            return None;
        }
        Some(match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f])
            }
        })
    }
}

/// To which nodes the limits per subnet apply: not to nodes of the operator.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubnetLimits {
    pub(crate) own: OwnNetworks,
    pub(crate) network: Option<NetworkId>,
}

impl SubnetLimits {
    /// The subnet in which the node is counted. `None` if it has an address of the own networks, or a
    /// signed record that names the own network id.
    pub(crate) fn subnet(&self, node: &Node) -> Option<Subnet> {
        let named = self.network.zip(node.record.as_ref());
        let is_member = named.is_some_and(|(network, record)| network.is_of(record));
        if is_member || self.own.contains(node.endpoint.ip) {
            return None;
        }
        Subnet::of(node.endpoint.ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_address_has_its_reach() {
        let reaches = [
            (Reach::Loopback, ["127.0.0.1", "127.9.9.9", "::1"]),
            (Reach::Local, ["10.1.2.3", "172.31.0.1", "fe80::1"]),
            (Reach::Local, ["192.168.1.1", "169.254.1.1", "fd00::1"]),
            (Reach::Local, ["100.64.0.1", "100.127.255.255", "::ffff:100.64.0.1"]),
            (Reach::Public, ["100.63.255.255", "100.128.0.0", "44.10.20.1"]),
            (Reach::Public, ["1.1.1.1", "172.32.0.1", "2606:4700::1111"]),
            (Reach::Unusable, ["0.0.0.0", "224.0.0.1", "ff02::1"]),
            (Reach::Unusable, ["255.255.255.255", "203.0.113.5", "2001:db8::1"]),
            (Reach::Unusable, ["198.18.0.1", "192.0.2.1", "::"]),
        ];
        for (reach, addresses) in reaches {
            for address in addresses {
                assert_eq!(Reach::of(ip(address)), reach, "{address}");
            }
        }
    }

    #[test]
    fn nodes_report_no_address_of_a_narrower_scope() {
        let relay = |peer, reported: &str, udp| {
            may_relay(ip(peer), &Endpoint { ip: ip(reported), udp, tcp: udp })
        };
        assert!(relay("1.1.1.1", "2.2.2.2", 30303));
        assert!(relay("10.0.0.1", "10.0.0.2", 30303));
        assert!(relay("127.0.0.1", "127.0.0.1", 30303));
        assert!(relay("127.0.0.1", "10.0.0.1", 30303));
        assert!(relay("10.0.0.1", "2.2.2.2", 30303));
        assert!(!relay("1.1.1.1", "10.0.0.1", 30303), "into the local network");
        assert!(!relay("10.0.0.1", "127.0.0.1", 30303), "into the machine");
        assert!(!relay("127.0.0.1", "0.0.0.0", 30303));
        assert!(!relay("1.1.1.1", "2.2.2.2", 1024), "a system port");
        assert!(relay("1.1.1.1", "2.2.2.2", 1025));
    }

    #[test]
    fn near_addresses_share_a_subnet_and_local_ones_have_none() {
        assert_eq!(Subnet::of(ip("1.2.3.4")), Subnet::of(ip("1.2.3.200")));
        assert_ne!(Subnet::of(ip("1.2.3.4")), Subnet::of(ip("1.2.4.4")));
        assert_eq!(Subnet::of(ip("2606:4700:1:2::1")), Subnet::of(ip("2606:4700:1:ffff::9")));
        assert_ne!(Subnet::of(ip("2606:4700:1::1")), Subnet::of(ip("2606:4700:2::1")));
        assert_eq!(Subnet::of(ip("192.168.0.4")), None);
        assert_eq!(Subnet::of(ip("127.0.0.1")), None);
    }
}
