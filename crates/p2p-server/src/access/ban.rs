//! Bans of nodes and networks, with their ends.

use std::{collections::BTreeSet, fmt, net::IpAddr, str::FromStr, time::Instant};

use ipnet::IpNet;
use p2p_mux::identity::{Enode, EnodeError, NodeId};
use p2p_world::HashMap;

use super::net_restrict::canonical;

/// What a ban excludes: a node or a network.
///
/// Text form: a node by its enode URL or its id, a network in CIDR form, or a single IP address.
/// `Display` writes the id or the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BanTarget {
    /// A node, at any address.
    Node(NodeId),
    /// Every address in a network, in the form that [`BanTarget::network`] makes.
    Network(IpNet),
}

/// A ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// The banned node or network.
    pub target: BanTarget,
    /// When the ban ends by itself; `None` for never.
    pub until: Option<Instant>,
}

/// The bans of one node. A ban that has ended has no effect.
///
/// Looking up a node is one lookup in a hash table; looking up an address is one for each prefix length.
/// Neither depends on the number of bans.
#[derive(Debug, Default)]
pub struct Bans {
    until: HashMap<BanTarget, Option<Instant>>,
    ends: BTreeSet<(Instant, BanTarget)>,
}

impl BanTarget {
    /// The addresses of a network. Bits behind the prefix are cleared. A network of IPv4-mapped IPv6
    /// addresses (`::ffff:10.0.0.0/104`) becomes the IPv4 network.
    #[must_use]
    pub fn network(network: IpNet) -> Self {
        Self::Network(canonical(network).trunc())
    }

    /// A single address. An IPv4-mapped IPv6 address (`::ffff:10.1.2.3`) becomes the IPv4 address.
    #[must_use]
    pub fn address(ip: IpAddr) -> Self {
        Self::Network(ip.to_canonical().into())
    }
}

impl fmt::Display for BanTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => id.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl FromStr for BanTarget {
    type Err = EnodeError;

    /// A text that is neither a network nor an address is read as a node, so errors are those of
    /// [`Enode`].
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
    /// An empty set of bans.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bans `target` until `until`, or without an end. An existing ban of the same target gets the new
    /// end, even an earlier one.
    pub fn ban(&mut self, target: BanTarget, until: Option<Instant>) {
        self.lift(&target);
        self.until.insert(target, until);
        self.ends.extend(until.map(|at| (at, target)));
    }

    /// Lifts a ban. Returns whether it existed.
    pub fn lift(&mut self, target: &BanTarget) -> bool {
        let removed = self.until.remove(target);
        if let Some(Some(at)) = removed {
            self.ends.remove(&(at, *target));
        }
        removed.is_some()
    }

    /// The ban of a node, if there is one.
    #[must_use]
    pub fn of_node(&self, id: &NodeId, now: Instant) -> Option<Ban> {
        self.get(BanTarget::Node(*id), now)
    }

    /// The ban that ends last, of those whose network contains the address.
    #[must_use]
    pub fn of_address(&self, ip: IpAddr, now: Instant) -> Option<Ban> {
        if self.until.is_empty() {
            return None;
        }
        let host = IpNet::from(ip.to_canonical());
        let around = (0..=host.max_prefix_len())
            .filter_map(|length| IpNet::new(host.addr(), length).ok())
            .filter_map(|network| self.get(BanTarget::network(network), now));
        // A ban without an end is the longest.
        around.max_by_key(|ban| (ban.until.is_none(), ban.until))
    }

    /// The bans in force, in no order.
    pub fn iter(&self, now: Instant) -> impl Iterator<Item = Ban> {
        self.until.keys().filter_map(move |target| self.get(*target, now))
    }

    /// When the next ban ends.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// Removes the bans that have ended.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, target)) = self.ends.first().copied()
            && at <= now
        {
            self.lift(&target);
        }
    }

    fn get(&self, target: BanTarget, now: Instant) -> Option<Ban> {
        let until = *self.until.get(&target)?;
        let in_force = until.is_none_or(|until| now < until);
        in_force.then_some(Ban { target, until })
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
    fn a_ban_ends_by_itself_unless_it_is_permanent() {
        let now = Instant::now();
        let mut bans = Bans::new();
        bans.ban(BanTarget::Node(id(1)), Some(now + MINUTE));
        bans.ban(BanTarget::Node(id(2)), None);
        assert_eq!(bans.poll_timeout(), Some(now + MINUTE));
        let just_before = now + MINUTE - Duration::from_nanos(1);
        assert!(bans.of_node(&id(1), just_before).is_some());
        assert_eq!(bans.of_node(&id(1), now + MINUTE), None);
        assert!(bans.of_node(&id(2), now + 1000 * MINUTE).is_some());
        assert_eq!(bans.iter(now + MINUTE).count(), 1);
        bans.handle_timeout(now + MINUTE);
        assert_eq!((bans.until.len(), bans.poll_timeout()), (1, None));
        assert!(bans.lift(&BanTarget::Node(id(2))) && !bans.lift(&BanTarget::Node(id(2))));
    }

    #[test]
    fn a_new_ban_replaces_the_end_of_the_old_one() {
        let now = Instant::now();
        let mut bans = Bans::new();
        for until in [None, Some(now + 2 * MINUTE), Some(now + MINUTE)] {
            bans.ban(BanTarget::Node(id(1)), until);
            assert_eq!(bans.of_node(&id(1), now).map(|ban| ban.until), Some(until));
        }
        assert_eq!(bans.ends.len(), 1);
    }

    #[test]
    fn the_longest_ban_around_an_address_counts() {
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
    fn a_node_a_network_and_an_address_are_distinguished_by_their_text() {
        let key = p2p_mux::identity::SecretKey::from_bytes(&[7; 32]).unwrap();
        let node = BanTarget::Node(key.id());
        for text in [
            key.id().to_string(),
            format!("enode://{}", key.id()),
            format!("enode://{}@10.0.0.1:30303", key.id()),
        ] {
            assert_eq!(text.parse(), Ok(node), "{text}");
        }
        assert_eq!("10.1.2.3/8".parse::<BanTarget>().unwrap().to_string(), "10.0.0.0/8");
        assert_eq!("::ffff:10.1.2.3/104".parse::<BanTarget>().unwrap().to_string(), "10.0.0.0/8");
        assert_eq!("::ffff:0:0/95".parse::<BanTarget>().unwrap().to_string(), "::fffe:0:0/95");
        assert_eq!("10.1.2.3".parse::<BanTarget>().unwrap().to_string(), "10.1.2.3/32");
        assert_eq!("::1".parse::<BanTarget>().unwrap().to_string(), "::1/128");
        assert_eq!("somewhere".parse::<BanTarget>(), Err(EnodeError::Scheme));
        assert_eq!("1".repeat(128).parse::<BanTarget>(), Err(EnodeError::NotOnCurve));
    }
}
