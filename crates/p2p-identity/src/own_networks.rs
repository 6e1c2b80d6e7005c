//! The networks that belong to the operator of a node, and those that are not on the internet.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use thiserror::Error;

/// Whether the address belongs to this machine or to a private network: it is not an address on the internet.
///
/// These are loopback, the private networks of RFC 1918, 100.64.0.0/10 (RFC 6598: carrier-grade NAT, Kubernetes,
/// Tailscale), 169.254.0.0/16 (link-local), and for IPv6 `::1`, `fc00::/7` (unique local) and `fe80::/10`
/// (link-local). An IPv4 address in IPv6 form counts as IPv4.
///
/// ```
/// use p2p_identity::is_private_network;
///
/// assert!(is_private_network("100.64.0.7".parse()?));
/// assert!(!is_private_network("100.128.0.7".parse()?));
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
#[must_use]
pub const fn is_private_network(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => matches!(
            ip.octets(),
            [10 | 127, ..]
                | [172, 16..=31, ..]
                | [192, 168, ..]
                | [100, 64..=127, ..]
                | [169, 254, ..]
        ),
        IpAddr::V6(ip) => matches!(
            ip.segments(),
            [0, 0, 0, 0, 0, 0, 0, 1] | [0xfc00..=0xfdff | 0xfe80..=0xfebf, ..]
        ),
    }
}

/// The networks that belong to the operator of a node: all [private networks](is_private_network), and the listed ones.
///
/// Limits that protect from strangers with many addresses (connections of one address, nodes of one subnet) do not apply
/// to them.
///
/// Text form: CIDR networks or single addresses, separated by commas, such as `44.10.20.0/24,2001:db8::/32`. White space
/// around an entry and empty entries are ignored. The default lists none.
///
/// ```
/// use p2p_identity::OwnNetworks;
///
/// let own: OwnNetworks = "44.10.20.0/24".parse()?;
/// assert!(own.contains("44.10.20.7".parse()?) && own.contains("10.0.0.7".parse()?));
/// assert!(!own.contains("44.10.21.7".parse()?));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct OwnNetworks(Vec<Network>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    /// The first address.
    first: IpAddr,
    /// Number of fixed bits.
    prefix: u8,
}

/// An entry of a list of own networks is not a network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "entry {position} ({entry:?}) is neither a network in CIDR form such as 44.10.20.0/24 nor an IP address"
)]
pub struct OwnNetworksError {
    /// The position in the list, counted from 1.
    pub position: usize,
    /// The entry as given.
    pub entry: String,
}

impl OwnNetworks {
    /// Whether the address belongs to this machine, to a private network or to a listed network.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        is_private_network(ip) || self.lists(ip.to_canonical())
    }

    /// Whether networks besides the private ones are listed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn lists(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| first_of(ip, network.prefix) == Some(network.first))
    }
}

/// The first address of the network of `ip` with this prefix; `None` if it has no such prefix.
fn first_of(ip: IpAddr, prefix: u8) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix.into())?).unwrap_or(0);
            Some(Ipv4Addr::from_bits(ip.to_bits() & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(prefix.into())?).unwrap_or(0);
            Some(Ipv6Addr::from_bits(ip.to_bits() & mask).into())
        }
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (ip, prefix) = match text.split_once('/') {
            Some((ip, prefix)) => (ip.parse().ok()?, Some(prefix.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let all: u8 = if IpAddr::is_ipv4(&ip) { 32 } else { 128 };
        let prefix = prefix.unwrap_or(all);
        // A network of IPv4 addresses in IPv6 form is the IPv4 network.
        match (ip.to_canonical(), prefix.checked_sub(96)) {
            (v4 @ IpAddr::V4(_), Some(prefix)) if ip.is_ipv6() => Self::new(v4, prefix),
            _ => Self::new(ip, prefix),
        }
    }

    fn new(ip: IpAddr, prefix: u8) -> Option<Self> {
        Some(Self { first: first_of(ip, prefix)?, prefix })
    }
}

impl FromStr for OwnNetworks {
    type Err = OwnNetworksError;

    fn from_str(text: &str) -> Result<Self, OwnNetworksError> {
        let entries = text.split(',').map(str::trim).enumerate();
        let networks = entries.filter(|(_, entry)| !entry.is_empty()).map(|(index, entry)| {
            let error = || OwnNetworksError { position: index + 1, entry: entry.to_owned() };
            Network::parse(entry).ok_or_else(error)
        });
        networks.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for OwnNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Network { first, prefix }) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{first}/{prefix}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_private_network_is_ours_without_a_setting() {
        let own = OwnNetworks::default();
        for text in [
            "127.0.0.1",
            "10.1.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:100.64.0.1",
        ] {
            assert!(own.contains(ip(text)), "{text}");
        }
        for text in
            ["44.10.20.1", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2606:4700::1", "8.8.8.8"]
        {
            assert!(!own.contains(ip(text)), "{text}");
        }
    }

    #[test]
    fn listed_networks_are_ours_as_well() {
        let own: OwnNetworks =
            " 44.10.20.9/24, ,2606:4700::/32,9.9.9.9,::ffff:8.8.0.0/112,".parse().unwrap();
        for text in [
            "44.10.20.0",
            "44.10.20.255",
            "2606:4700:ffff::1",
            "9.9.9.9",
            "8.8.255.1",
            "::ffff:44.10.20.1",
        ] {
            assert!(own.contains(ip(text)), "{text}");
        }
        for text in ["44.10.21.0", "2606:4701::1", "9.9.9.8", "8.9.0.1"] {
            assert!(!own.contains(ip(text)), "{text}");
        }
        assert_eq!(own.to_string(), "44.10.20.0/24,2606:4700::/32,9.9.9.9/32,8.8.0.0/16");
        assert_eq!(own.to_string().parse(), Ok(own));
        assert!("0.0.0.0/0".parse::<OwnNetworks>().unwrap().contains(ip("1.2.3.4")));
    }

    #[test]
    fn a_bad_entry_is_quoted_with_its_position() {
        for bad in ["44.10.20.0/33", "::/129", "localhost", "44.10.20.0/", "/8"] {
            let error = format!("10.0.0.0/8,{bad}").parse::<OwnNetworks>().unwrap_err();
            assert_eq!((error.position, error.entry.as_str()), (2, bad));
        }
    }
}
