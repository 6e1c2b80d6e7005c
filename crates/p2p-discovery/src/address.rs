//! What kind of address an address is, and who may tell of it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::v4::Endpoint;

/// Ports up to here belong to other programs: a node that is said to have one is a trap, made so
/// that we send datagrams to somebody's server.
const SYSTEM_PORTS: u16 = 1024;

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// From nowhere: unspecified, multicast, reserved, for documentation or measurements.
    Nowhere,
    /// From this machine.
    Loopback,
    /// From the local network.
    Local,
    /// From everywhere.
    Public,
}

impl Reach {
    pub(crate) const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    const fn of_v4(ip: Ipv4Addr) -> Self {
        match ip.octets() {
            [127, ..] => Self::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [169, 254, ..] => Self::Local,
            [0 | 224.., ..] | [192, 0, 0 | 2, _] | [198, 18 | 19, ..] => Self::Nowhere,
            [198, 51, 100, _] | [203, 0, 113, _] => Self::Nowhere,
            _ => Self::Public,
        }
    }

    const fn of_v6(ip: Ipv6Addr) -> Self {
        match ip.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            [0xfc00..=0xfdff | 0xfe80..=0xfebf, ..] => Self::Local,
            [0x2001, 0xdb8, ..] | [0x2001, 0 | 2, ..] => Self::Nowhere,
            // All that is given out begins with the bits 001.
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Nowhere,
        }
    }
}

/// Whether a node at `teller` may tell us, or be told by us, that some node is at `endpoint`.
///
/// As go-ethereum has it: nobody from outside may point into our local network, nobody but a
/// program on this machine at this machine, and nobody at the ports of other programs.
pub(crate) fn may_relay(teller: IpAddr, endpoint: &Endpoint) -> bool {
    let allowed = match (Reach::of(teller), Reach::of(endpoint.ip)) {
        (_, Reach::Nowhere) => false,
        (teller, Reach::Loopback) => teller == Reach::Loopback,
        (teller, Reach::Local) => matches!(teller, Reach::Loopback | Reach::Local),
        (_, Reach::Public) => true,
    };
    allowed && endpoint.udp > SYSTEM_PORTS
}

/// The network that an address belongs to, as far as one owner may have many addresses in it: the
/// first 24 bits of an IPv4 address, and the first 48 of an IPv6 address, which is what a customer
/// gets without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Subnet {
    V4([u8; 3]),
    V6([u8; 6]),
}

impl Subnet {
    /// `None` for an address of this machine or the local network: who is in there is trusted not
    /// to make up nodes by the thousand, and a whole private network may be in one subnet.
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
            (Reach::Public, ["1.1.1.1", "172.32.0.1", "2606:4700::1111"]),
            (Reach::Nowhere, ["0.0.0.0", "224.0.0.1", "ff02::1"]),
            (Reach::Nowhere, ["255.255.255.255", "203.0.113.5", "2001:db8::1"]),
            (Reach::Nowhere, ["198.18.0.1", "192.0.2.1", "::"]),
        ];
        for (reach, addresses) in reaches {
            for address in addresses {
                assert_eq!(Reach::of(ip(address)), reach, "{address}");
            }
        }
    }

    #[test]
    fn nobody_points_further_in_than_he_is() {
        let relay = |teller, told: &str, udp| {
            may_relay(ip(teller), &Endpoint { ip: ip(told), udp, tcp: udp })
        };
        assert!(relay("1.1.1.1", "2.2.2.2", 30303));
        assert!(relay("10.0.0.1", "10.0.0.2", 30303));
        assert!(relay("127.0.0.1", "127.0.0.1", 30303));
        assert!(relay("127.0.0.1", "10.0.0.1", 30303));
        assert!(relay("10.0.0.1", "2.2.2.2", 30303));
        assert!(!relay("1.1.1.1", "10.0.0.1", 30303), "into the local network");
        assert!(!relay("10.0.0.1", "127.0.0.1", 30303), "into the machine");
        assert!(!relay("127.0.0.1", "0.0.0.0", 30303));
        assert!(!relay("1.1.1.1", "2.2.2.2", 1024), "a port of somebody else");
        assert!(relay("1.1.1.1", "2.2.2.2", 1025));
    }

    #[test]
    fn neighbours_share_a_subnet_and_the_local_network_has_none() {
        assert_eq!(Subnet::of(ip("1.2.3.4")), Subnet::of(ip("1.2.3.200")));
        assert_ne!(Subnet::of(ip("1.2.3.4")), Subnet::of(ip("1.2.4.4")));
        assert_eq!(Subnet::of(ip("2606:4700:1:2::1")), Subnet::of(ip("2606:4700:1:ffff::9")));
        assert_ne!(Subnet::of(ip("2606:4700:1::1")), Subnet::of(ip("2606:4700:2::1")));
        assert_eq!(Subnet::of(ip("192.168.0.4")), None);
        assert_eq!(Subnet::of(ip("127.0.0.1")), None);
    }
}
