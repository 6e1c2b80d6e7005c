//! Which nodes and addresses may be peers at all.
//!
//! The operator sets three rules, each of which can change at any time: the allowed networks, the list
//! of allowed nodes, and the bans. They apply to static and trusted nodes too: a static node that is
//! banned is neither dialed nor accepted.

mod ban;
mod link_rules;
mod net_restrict;
mod network;
mod pending_handshakes;
mod pins;
mod recent;
mod refuse_reason;
mod throttle;

use std::{net::IpAddr, time::Instant};

use p2p_mux::identity::{Enode, Host, NodeId};
use p2p_world::HashSet;

pub use ban::{Ban, BanTarget, Bans};
pub use link_rules::LinkSettings;
pub(crate) use link_rules::{LinkRules, PinChange};
pub use net_restrict::{NetRestrict, NetRestrictError};
pub(crate) use network::network;
pub(crate) use pending_handshakes::{Evicted, PendingHandshakes};
pub(crate) use pins::{Pin, PinRank};
pub(crate) use recent::Recent;
pub use refuse_reason::{ExclusionReason, RefuseReason, RefuseStats};
pub use throttle::InboundSettings;
pub(crate) use throttle::Throttle;

/// The access rules of one node. The default allows every node and address.
#[derive(Debug, Default)]
pub struct Access {
    /// The only networks to talk to; `None` for all.
    pub networks: Option<NetRestrict>,
    /// The only nodes that may be peers; `None` for all.
    pub nodes: Option<HashSet<NodeId>>,
    /// The banned nodes and networks.
    pub bans: Bans,
}

/// The rule that excludes a node or an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exclusion {
    /// Which rule it is.
    pub reason: ExclusionReason,
    /// When it ends by itself; `None` if only the operator can end it.
    pub until: Option<Instant>,
}

impl Access {
    /// Whether the address may connect and be dialed.
    ///
    /// # Errors
    /// The address is outside the allowed networks, or banned, checked in this order.
    pub fn check_address(&self, ip: IpAddr, now: Instant) -> Result<(), Exclusion> {
        if self.networks.as_ref().is_some_and(|networks| !networks.allows(ip)) {
            return Err(Exclusion { reason: ExclusionReason::Restricted, until: None });
        }
        self.bans.of_address(ip, now).map_or(Ok(()), |ban| Err(ban.into()))
    }

    /// Whether the node may be a peer, at any address.
    ///
    /// # Errors
    /// The node is not on the list of allowed nodes, or banned, checked in this order.
    pub fn check_node(&self, id: &NodeId, now: Instant) -> Result<(), Exclusion> {
        if self.nodes.as_ref().is_some_and(|nodes| !nodes.contains(id)) {
            return Err(Exclusion { reason: ExclusionReason::NotAllowed, until: None });
        }
        self.bans.of_node(id, now).map_or(Ok(()), |ban| Err(ban.into()))
    }

    /// Whether the node may be a peer at this address.
    ///
    /// # Errors
    /// As [`Access::check_node`], then as [`Access::check_address`].
    pub fn check(&self, id: &NodeId, ip: IpAddr, now: Instant) -> Result<(), Exclusion> {
        self.check_node(id, now)?;
        self.check_address(ip, now)
    }

    /// Whether the node may be dialed. The address behind a host name is checked once it is resolved.
    ///
    /// # Errors
    /// As [`Access::check`].
    pub fn check_enode(&self, enode: &Enode, now: Instant) -> Result<(), Exclusion> {
        match enode.host {
            Host::Ip(ip) => self.check(&enode.id, ip, now),
            Host::Name(_) => self.check_node(&enode.id, now),
        }
    }

    /// Whether a stream to this host may be opened. A host name is passed on unresolved here (to a proxy
    /// or a [`NodeDialer`](crate::NodeDialer)), so its address is unknown: it is excluded where the
    /// networks are restricted.
    ///
    /// # Errors
    /// As [`Access::check_address`].
    pub(crate) fn check_host(&self, host: &Host, now: Instant) -> Result<(), Exclusion> {
        match host {
            Host::Ip(ip) => self.check_address(*ip, now),
            Host::Name(_) if self.networks.is_none() => Ok(()),
            Host::Name(_) => Err(Exclusion { reason: ExclusionReason::Restricted, until: None }),
        }
    }
}

impl From<Ban> for Exclusion {
    fn from(ban: Ban) -> Self {
        Self { reason: ExclusionReason::Banned, until: ban.until }
    }
}

impl From<Exclusion> for RefuseReason {
    fn from(exclusion: Exclusion) -> Self {
        exclusion.reason.into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(n: u32) -> NodeId {
        let mut id = [0; 64];
        id[..4].copy_from_slice(&n.to_be_bytes());
        NodeId(id)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn reason(checked: Result<(), Exclusion>) -> Option<ExclusionReason> {
        checked.err().map(|exclusion| exclusion.reason)
    }

    #[test]
    fn each_rule_excludes_what_it_says() {
        let now = Instant::now();
        let mut access = Access::default();
        assert_eq!(access.check(&id(1), ip("10.0.0.1"), now), Ok(()));
        access.networks = Some("10.0.0.0/8".parse().unwrap());
        access.nodes = Some([id(1), id(2)].into_iter().collect());
        access.bans.ban(BanTarget::Node(id(2)), Some(now + Duration::from_secs(1)));
        access.bans.ban("10.9.0.0/16".parse().unwrap(), None);
        assert_eq!(access.check(&id(1), ip("10.0.0.1"), now), Ok(()));
        let checked = |id, text| reason(access.check(&id, ip(text), now));
        assert_eq!(checked(id(1), "11.0.0.1"), Some(ExclusionReason::Restricted));
        assert_eq!(checked(id(1), "10.9.0.1"), Some(ExclusionReason::Banned));
        assert_eq!(checked(id(3), "10.0.0.1"), Some(ExclusionReason::NotAllowed));
        let until = Some(now + Duration::from_secs(1));
        let banned = Exclusion { reason: ExclusionReason::Banned, until };
        assert_eq!(access.check(&id(2), ip("10.0.0.1"), now), Err(banned));
        assert_eq!(access.check(&id(2), ip("10.0.0.1"), now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_banned_node_is_excluded_in_100_000_tries() {
        let start = Instant::now();
        let end = start + Duration::from_secs(100_000);
        let mut access = Access::default();
        access.bans.ban(BanTarget::Node(id(0)), Some(end));
        for n in 0..100_000u32 {
            // From another address each time, while other bans are made, lifted and end.
            let ip = IpAddr::from(n.wrapping_mul(0x9e37_79b9).to_be_bytes());
            let now = start + Duration::from_secs(n.into());
            access.bans.ban(BanTarget::Node(id(n + 1)), Some(now));
            access.bans.lift(&BanTarget::address(ip));
            access.bans.handle_timeout(now);
            let checked = access.check(&id(0), ip, now);
            assert_eq!(reason(checked), Some(ExclusionReason::Banned), "try {n}");
        }
        assert_eq!(access.check(&id(0), ip("10.0.0.1"), end), Ok(()));
    }

    #[test]
    fn an_empty_list_allows_no_node() {
        let access = Access { nodes: Some(HashSet::default()), ..Access::default() };
        let checked = access.check_node(&id(1), Instant::now());
        assert_eq!(reason(checked), Some(ExclusionReason::NotAllowed));
    }

    #[test]
    fn a_host_name_is_checked_only_where_it_stays_unresolved() {
        let now = Instant::now();
        let access = Access { networks: Some(NetRestrict::default()), ..Access::default() };
        let host = Host::Name("localhost".into());
        assert_eq!(reason(access.check_host(&host, now)), Some(ExclusionReason::Restricted));
        assert_eq!(Access::default().check_host(&host, now), Ok(()));
        let named = Enode { id: id(1), host, tcp: 1, udp: 1 };
        assert_eq!(access.check_enode(&named, now), Ok(()));
        let numbered = Enode { host: Host::Ip(ip("127.0.0.1")), ..named };
        assert_eq!(reason(access.check_enode(&numbered, now)), Some(ExclusionReason::Restricted));
    }
}
