//! Which addresses count as one host.

use core::net::{IpAddr, Ipv6Addr};

/// The addresses that one host can use without help from others: an IPv4 address stands for itself,
/// an IPv6 address for its /64 network.
///
/// Use it as the key of limits per address: a host with IPv6 can pick any of the 2^64 addresses of
/// its network. An IPv4 address in IPv6 form counts as IPv4.
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
