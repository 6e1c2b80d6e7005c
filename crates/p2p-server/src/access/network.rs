//! The network of an address, in which many addresses may belong to one owner.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use p2p_mux::identity::host_prefix;

/// The /24 of an address, or for IPv6 the /48.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    match host_prefix(ip) {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() >> 8 << 8).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_addresses_have_the_same_network() {
        for (ip, expected) in [
            ("192.0.2.77", "192.0.2.0"),
            ("::ffff:192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2:3::4", "2001:db8:1::"),
        ] {
            let expected: IpAddr = expected.parse().unwrap();
            assert_eq!(network(ip.parse().unwrap()), expected);
        }
    }
}
