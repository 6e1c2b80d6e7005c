//! The networks that a node talks to (geth's `NetRestrict`).

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv6Net};

/// A list of networks. Only addresses inside one of them are accepted or dialed.
///
/// Text form: CIDR networks separated by commas, `10.0.0.0/8,fd00::/8`. An IPv4-mapped IPv6 address
/// (`::ffff:10.1.2.3`, which is how IPv4 arrives on an IPv6 socket) counts as the IPv4 address, and a
/// network of such addresses (`::ffff:10.0.0.0/104`) as the IPv4 network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetRestrict(Vec<IpNet>);

impl NetRestrict {
    /// Allows these networks. An empty list allows nothing.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().map(canonical).collect())
    }

    /// Whether `ip` is in one of the networks.
    #[must_use]
    pub fn allows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.contains(&ip))
    }

    /// The networks, in the order given.
    #[must_use]
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }
}

/// The network; as an IPv4 network if its addresses are IPv4-mapped.
pub(super) fn canonical(network: IpNet) -> IpNet {
    let v4 = |v6: Ipv6Net| {
        let prefix = v6.prefix_len().checked_sub(96)?;
        IpNet::new(v6.addr().to_ipv4_mapped()?.into(), prefix).ok()
    };
    match network {
        IpNet::V6(v6) => v4(v6).unwrap_or(network),
        IpNet::V4(_) => network,
    }
}

impl fmt::Display for NetRestrict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, network) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

/// An entry of a network list is not in CIDR form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {position} ({entry:?}) is not a network in CIDR form such as 10.0.0.0/8")]
pub struct NetRestrictError {
    /// The position in the list, counted from 1.
    pub position: usize,
    /// The entry as given.
    pub entry: String,
}

impl FromStr for NetRestrict {
    type Err = NetRestrictError;

    /// Reads a comma-separated list. White space around an entry and empty entries are ignored, as in
    /// geth.
    fn from_str(text: &str) -> Result<Self, NetRestrictError> {
        let mut networks = Vec::new();
        for (i, entry) in
            text.split(',').map(str::trim).enumerate().filter(|(_, entry)| !entry.is_empty())
        {
            let network = entry
                .parse()
                .map_err(|_| NetRestrictError { position: i + 1, entry: entry.to_owned() })?;
            networks.push(network);
        }
        Ok(Self::new(networks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_listed_networks_pass() {
        let list: NetRestrict = "10.0.0.0/8, fd00::/8,".parse().unwrap();
        assert!(list.allows(ip("10.255.0.1")));
        assert!(list.allows(ip("::ffff:10.1.2.3")), "an IPv4 address on an IPv6 socket");
        assert!(list.allows(ip("fd12::1")));
        assert!(!list.allows(ip("11.0.0.1")));
        assert!(!list.allows(ip("2001:db8::1")));
        assert_eq!(list.to_string(), "10.0.0.0/8,fd00::/8");
        let mapped: NetRestrict = "::ffff:10.0.0.0/104".parse().unwrap();
        assert!(mapped.allows(ip("10.255.0.1")) && !mapped.allows(ip("11.0.0.1")));
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        assert!(!NetRestrict::default().allows(ip("127.0.0.1")));
    }

    #[test]
    fn a_bad_entry_is_quoted_with_its_position() {
        let error = "10.0.0.0/8,10.0.0.1/33".parse::<NetRestrict>().unwrap_err();
        assert_eq!((error.position, error.entry.as_str()), (2, "10.0.0.1/33"));
        assert!("localhost".parse::<NetRestrict>().is_err());
    }
}
