//! Who may be a peer at all, however much room there is: a value with `now`.
//!
//! Three rules of the operator, each of which can change at any time: the networks to talk to, the
//! list of nodes that may be peers, and the bans. A rule stands above every privilege: a static or
//! trusted node that is banned or not on the list is neither dialled nor accepted.

pub(crate) mod ban;
pub(crate) mod net_restrict;
pub(crate) mod pending_handshakes;
pub(crate) mod recent;
pub(crate) mod throttle;

use std::{collections::HashSet, net::IpAddr, time::Instant};

use p2p_mux::identity::{Enode, Host, NodeId};

use crate::{
    access::ban::{Ban, Bans},
    access::net_restrict::NetRestrict,
    slots::Refusal,
};

/// The rules of one node. The default allows everybody.
#[derive(Debug, Default)]
pub struct Access {
    /// The only networks to talk to; `None` for all.
    pub networks: Option<NetRestrict>,
    /// The only nodes that may be peers; `None` for all.
    pub nodes: Option<HashSet<NodeId>>,
    /// Who may not.
    pub bans: Bans,
}

/// What keeps a node or an address out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barred {
    /// [`Refusal::Restricted`], [`Refusal::NotAllowed`] or [`Refusal::Banned`].
    pub why: Refusal,
    /// When it ends by itself; `None` if only the operator can end it.
    pub until: Option<Instant>,
}

impl Access {
    /// Whether the address may connect and be dialled.
    ///
    /// # Errors
    /// Outside the networks, or banned, in this order.
    pub fn check_address(&self, ip: IpAddr, now: Instant) -> Result<(), Barred> {
        if self.networks.as_ref().is_some_and(|networks| !networks.allows(ip)) {
            return Err(Barred { why: Refusal::Restricted, until: None });
        }
        self.bans.of_address(ip, now).map_or(Ok(()), |ban| Err(ban.into()))
    }

    /// Whether the node may be a peer, wherever it is.
    ///
    /// # Errors
    /// Not on the list, or banned, in this order.
    pub fn check_node(&self, id: &NodeId, now: Instant) -> Result<(), Barred> {
        if self.nodes.as_ref().is_some_and(|nodes| !nodes.contains(id)) {
            return Err(Barred { why: Refusal::NotAllowed, until: None });
        }
        self.bans.of_node(id, now).map_or(Ok(()), |ban| Err(ban.into()))
    }

    /// Both, of a node at an address.
    ///
    /// # Errors
    /// What keeps the node out, else what keeps the address out.
    pub fn check(&self, id: &NodeId, ip: IpAddr, now: Instant) -> Result<(), Barred> {
        self.check_node(id, now)?;
        self.check_address(ip, now)
    }

    /// Whether it makes sense to dial the node. A host name says nothing; what it stands for is
    /// looked at when it is resolved.
    ///
    /// # Errors
    /// As [`Access::check`].
    pub fn check_enode(&self, enode: &Enode, now: Instant) -> Result<(), Barred> {
        match enode.host {
            Host::Ip(ip) => self.check(&enode.id, ip, now),
            Host::Name(_) => self.check_node(&enode.id, now),
        }
    }
}

impl From<Ban> for Barred {
    fn from(ban: Ban) -> Self {
        Self { why: Refusal::Banned, until: ban.until }
    }
}

impl From<Barred> for Refusal {
    fn from(barred: Barred) -> Self {
        barred.why
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::access::ban::Banned;

    fn id(n: u32) -> NodeId {
        let mut id = [0; 64];
        id[..4].copy_from_slice(&n.to_be_bytes());
        NodeId(id)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn why(checked: Result<(), Barred>) -> Option<Refusal> {
        checked.err().map(|barred| barred.why)
    }

    #[test]
    fn each_rule_keeps_out_what_it_says() {
        let now = Instant::now();
        let mut access = Access::default();
        assert_eq!(access.check(&id(1), ip("10.0.0.1"), now), Ok(()));
        access.networks = Some("10.0.0.0/8".parse().unwrap());
        access.nodes = Some([id(1), id(2)].into());
        access.bans.ban(Banned::Node(id(2)), Some(now + Duration::from_secs(1)));
        access.bans.ban("10.9.0.0/16".parse().unwrap(), None);
        assert_eq!(access.check(&id(1), ip("10.0.0.1"), now), Ok(()));
        assert_eq!(why(access.check(&id(1), ip("11.0.0.1"), now)), Some(Refusal::Restricted));
        assert_eq!(why(access.check(&id(1), ip("10.9.0.1"), now)), Some(Refusal::Banned));
        assert_eq!(why(access.check(&id(3), ip("10.0.0.1"), now)), Some(Refusal::NotAllowed));
        let barred = access.check(&id(2), ip("10.0.0.1"), now);
        let until = Some(now + Duration::from_secs(1));
        assert_eq!(barred, Err(Barred { why: Refusal::Banned, until }));
        assert_eq!(access.check(&id(2), ip("10.0.0.1"), now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_banned_node_does_not_get_in_in_100_000_tries() {
        let start = Instant::now();
        let end = start + Duration::from_secs(100_000);
        let mut access = Access::default();
        access.bans.ban(Banned::Node(id(0)), Some(end));
        for n in 0..100_000u32 {
            // From another address each time, and beside others that come, go and are pardoned.
            let ip = IpAddr::from(n.wrapping_mul(0x9e37_79b9).to_be_bytes());
            let now = start + Duration::from_secs(n.into());
            access.bans.ban(Banned::Node(id(n + 1)), Some(now));
            access.bans.lift(&Banned::address(ip));
            access.bans.handle_timeout(now);
            assert_eq!(why(access.check(&id(0), ip, now)), Some(Refusal::Banned), "try {n}");
        }
        assert_eq!(access.check(&id(0), ip("10.0.0.1"), end), Ok(()));
    }

    #[test]
    fn an_empty_list_allows_nobody() {
        let access = Access { nodes: Some(HashSet::new()), ..Access::default() };
        assert_eq!(why(access.check_node(&id(1), Instant::now())), Some(Refusal::NotAllowed));
    }

    #[test]
    fn a_name_is_not_an_address_yet() {
        let now = Instant::now();
        let access = Access { networks: Some(NetRestrict::default()), ..Access::default() };
        let host = Host::Name("localhost".into());
        let named = Enode { id: id(1), host, tcp: 1, udp: 1 };
        assert_eq!(access.check_enode(&named, now), Ok(()));
        let numbered = Enode { host: Host::Ip(ip("127.0.0.1")), ..named };
        assert_eq!(why(access.check_enode(&numbered, now)), Some(Refusal::Restricted));
    }
}
