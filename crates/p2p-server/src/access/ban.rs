//! Whom the operator has banned, and until when: a value with `now`.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    net::IpAddr,
    str::FromStr,
    time::Instant,
};

use ipnet::IpNet;
use p2p_mux::identity::{Enode, EnodeError, NodeId};

use crate::access::net_restrict::canonical;

/// Whom a ban is for.
///
/// Text form: a node by its enode URL or its id, a network in CIDR form, or a single IP address.
/// `Display` writes the id, or the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Banned {
    /// A node, wherever it is.
    Node(NodeId),
    /// Every address in a network, as [`Banned::network`] makes it.
    Network(IpNet),
}

/// A ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// Whom it is for.
    pub banned: Banned,
    /// When it ends by itself; `None` for never.
    pub until: Option<Instant>,
}

/// The bans of one node. One that has lapsed is as if it had never been.
///
/// Looking up a node is one search in a table, an address one for each length of a prefix, however
/// many bans there are.
#[derive(Debug, Default)]
pub struct Bans {
    until: HashMap<Banned, Option<Instant>>,
    lapses: BTreeSet<(Instant, Banned)>,
}

impl Banned {
    /// The addresses of a network. The bits behind the prefix do not matter, and one of IPv4 addresses
    /// in the form of IPv6 (`::ffff:10.0.0.0/104`) is the IPv4 network that it is.
    #[must_use]
    pub fn network(network: IpNet) -> Self {
        Self::Network(canonical(network).trunc())
    }

    /// One address alone. An IPv4 address in the form of IPv6 (`::ffff:10.1.2.3`) is the IPv4
    /// address that it is.
    #[must_use]
    pub fn address(ip: IpAddr) -> Self {
        Self::Network(ip.to_canonical().into())
    }
}

impl fmt::Display for Banned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => id.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl FromStr for Banned {
    type Err = EnodeError;

    /// What is neither a network nor an address is read as the name of a node, and the error is that
    /// of [`Enode`].
    fn from_str(text: &str) -> Result<Self, EnodeError> {
        if let Ok(network) = text.parse() {
            return Ok(Self::network(network));
        }
        if let Ok(ip) = text.parse() {
            return Ok(Self::address(ip));
        }
        let id = match text.parse::<Enode>() {
            Ok(enode) => return Ok(Self::Node(enode.id)),
            Err(EnodeError::BareId) => text,
            Err(EnodeError::NoAddress) => text.rsplit('/').next().unwrap_or_default(),
            Err(error) => return Err(error),
        };
        let id: NodeId = id.parse().map_err(EnodeError::Id)?;
        id.public_key().map_err(|_| EnodeError::NotOnCurve)?;
        Ok(Self::Node(id))
    }
}

impl Bans {
    /// No ban.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bans until `until`, or for ever. A ban that is there gets this end, even an earlier one.
    pub fn ban(&mut self, banned: Banned, until: Option<Instant>) {
        self.lift(&banned);
        self.until.insert(banned, until);
        self.lapses.extend(until.map(|at| (at, banned)));
    }

    /// Takes a ban back. Says whether there was one.
    pub fn lift(&mut self, banned: &Banned) -> bool {
        let was = self.until.remove(banned);
        if let Some(Some(at)) = was {
            self.lapses.remove(&(at, *banned));
        }
        was.is_some()
    }

    /// The ban of a node, if it is banned.
    #[must_use]
    pub fn of_node(&self, id: &NodeId, now: Instant) -> Option<Ban> {
        self.get(Banned::Node(*id), now)
    }

    /// The ban of the networks an address lies in that ends last.
    #[must_use]
    pub fn of_address(&self, ip: IpAddr, now: Instant) -> Option<Ban> {
        if self.until.is_empty() {
            return None;
        }
        let host = IpNet::from(ip.to_canonical());
        let around = (0..=host.max_prefix_len())
            .filter_map(|length| IpNet::new(host.addr(), length).ok())
            .filter_map(|network| self.get(Banned::network(network), now));
        // For ever comes after every time.
        around.max_by_key(|ban| (ban.until.is_none(), ban.until))
    }

    /// The bans that hold, in no order.
    pub fn iter(&self, now: Instant) -> impl Iterator<Item = Ban> {
        self.until.keys().filter_map(move |banned| self.get(*banned, now))
    }

    /// When the next ban lapses.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.lapses.first().map(|(at, _)| *at)
    }

    /// Forgets what has lapsed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, banned)) = self.lapses.first().copied()
            && at <= now
        {
            self.lift(&banned);
        }
    }

    fn get(&self, banned: Banned, now: Instant) -> Option<Ban> {
        let until = *self.until.get(&banned)?;
        let holds = until.is_none_or(|until| now < until);
        holds.then_some(Ban { banned, until })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn id(n: u8) -> NodeId {
        NodeId([n; 64])
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_ban_lapses_by_itself_and_one_for_ever_does_not() {
        let now = Instant::now();
        let mut bans = Bans::new();
        bans.ban(Banned::Node(id(1)), Some(now + MINUTE));
        bans.ban(Banned::Node(id(2)), None);
        assert_eq!(bans.poll_timeout(), Some(now + MINUTE));
        let just_before = now + MINUTE - Duration::from_nanos(1);
        assert!(bans.of_node(&id(1), just_before).is_some());
        assert_eq!(bans.of_node(&id(1), now + MINUTE), None);
        assert!(bans.of_node(&id(2), now + 1000 * MINUTE).is_some());
        assert_eq!(bans.iter(now + MINUTE).count(), 1);
        bans.handle_timeout(now + MINUTE);
        assert_eq!((bans.until.len(), bans.poll_timeout()), (1, None));
        assert!(bans.lift(&Banned::Node(id(2))) && !bans.lift(&Banned::Node(id(2))));
    }

    #[test]
    fn the_last_word_holds() {
        let now = Instant::now();
        let mut bans = Bans::new();
        for until in [None, Some(now + 2 * MINUTE), Some(now + MINUTE)] {
            bans.ban(Banned::Node(id(1)), until);
            assert_eq!(bans.of_node(&id(1), now).map(|ban| ban.until), Some(until));
        }
        assert_eq!(bans.lapses.len(), 1);
    }

    #[test]
    fn of_the_networks_around_an_address_the_longest_ban_counts() {
        let now = Instant::now();
        let mut bans = Bans::new();
        for (network, until) in [
            ("10.1.0.0/16", Some(now + 3 * MINUTE)),
            ("10.1.2.3", Some(now + MINUTE)),
            ("10.0.0.0/8", Some(now + 2 * MINUTE)),
            ("2001:db8::/32", None),
        ] {
            bans.ban(network.parse().unwrap(), until);
        }
        let until = |text| bans.of_address(ip(text), now).map(|ban| ban.until);
        assert_eq!(until("10.1.2.3"), Some(Some(now + 3 * MINUTE)));
        assert_eq!(until("::ffff:10.2.0.1"), Some(Some(now + 2 * MINUTE)));
        assert_eq!(until("2001:db8:1::1"), Some(None));
        assert_eq!((until("11.0.0.1"), until("2001:db9::1")), (None, None));
        bans.ban("0.0.0.0/0".parse().unwrap(), None);
        assert_eq!(bans.of_address(ip("11.0.0.1"), now).map(|ban| ban.until), Some(None));
    }

    #[test]
    fn a_node_a_network_and_an_address_are_told_apart_by_their_text() {
        let key = p2p_mux::identity::SecretKey::from_bytes(&[7; 32]).unwrap();
        let node = Banned::Node(key.id());
        for text in [
            key.id().to_string(),
            format!("enode://{}", key.id()),
            format!("enode://{}@10.0.0.1:30303", key.id()),
        ] {
            assert_eq!(text.parse(), Ok(node), "{text}");
        }
        assert_eq!("10.1.2.3/8".parse::<Banned>().unwrap().to_string(), "10.0.0.0/8");
        assert_eq!("::ffff:10.1.2.3/104".parse::<Banned>().unwrap().to_string(), "10.0.0.0/8");
        assert_eq!("::ffff:0:0/95".parse::<Banned>().unwrap().to_string(), "::fffe:0:0/95");
        assert_eq!("10.1.2.3".parse::<Banned>().unwrap().to_string(), "10.1.2.3/32");
        assert_eq!("::1".parse::<Banned>().unwrap().to_string(), "::1/128");
        assert_eq!("somewhere".parse::<Banned>(), Err(EnodeError::Scheme));
        assert_eq!("1".repeat(128).parse::<Banned>(), Err(EnodeError::NotOnCurve));
    }
}
