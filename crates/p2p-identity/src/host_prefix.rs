//! The addresses that count as one host.

use core::net::{IpAddr, Ipv6Addr};

/// The network whose addresses a single host can use: an IPv4 address itself, or the /64 network of an IPv6
/// address.
///
/// Use it as the key of limits per address: a host with IPv6 can use any of the 2^64 addresses of its
/// network. An IPv4 address in IPv6 form counts as IPv4.
///
/// ```
/// use p2p_identity::host_prefix;
///
/// let prefix = |ip: &str| Ok::<_, std::net::AddrParseError>(host_prefix(ip.parse()?));
/// assert_eq!(prefix("2001:db8::1")?, prefix("2001:db8::ffff:1")?);
/// assert_ne!(prefix("2001:db8::1")?, prefix("2001:db8:0:1::1")?);
/// assert_eq!(prefix("::ffff:192.0.2.1")?, prefix("192.0.2.1")?);
/// assert_ne!(prefix("192.0.2.1")?, prefix("192.0.2.2")?);
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn host_prefix(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}
