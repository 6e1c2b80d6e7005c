//! How often one address may connect.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use p2p_mux::identity::{OwnNetworks, host_prefix};

use super::recent::Recent;

/// The settings of inbound connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct InboundSettings {
    /// Each address may connect once in this time; `None` for no limit. Default 30 s, as in go-ethereum.
    /// Nodes behind one address share this limit.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub throttle: Option<Duration>,
    /// Whether the throttle applies to the own networks
    /// ([`ServerSettings::own_networks`](crate::ServerSettings::own_networks)) too. Default `false`, as in
    /// go-ethereum.
    pub throttle_lan: bool,
    /// Maximum number of handshakes in progress from one address, on any network. Beyond it the oldest
    /// of them is evicted. At least 1. Default `None`: half of
    /// [`Limits::max_pending`](crate::Limits::max_pending), so that one address cannot take all.
    pub max_pending_per_ip: Option<usize>,
    /// Number of inbound peers from one address that no other address can displace, at least 1. Beyond it
    /// they keep their slots only while a slot is free. Default `None`: a quarter of the slots for inbound
    /// peers.
    pub max_peers_per_ip: Option<usize>,
    /// The same for one network, a /24 or for IPv6 a /48. Default `None`: half of the slots for inbound
    /// peers.
    pub max_peers_per_network: Option<usize>,
}

impl InboundSettings {
    /// The default of [`InboundSettings::throttle`].
    pub const DEFAULT_THROTTLE: Duration = Duration::from_secs(30);
}

impl Default for InboundSettings {
    fn default() -> Self {
        Self {
            throttle: Some(Self::DEFAULT_THROTTLE),
            throttle_lan: false,
            max_pending_per_ip: None,
            max_peers_per_ip: None,
            max_peers_per_network: None,
        }
    }
}

/// Counts the connections of each address.
#[derive(Debug)]
pub(crate) struct Throttle {
    interval: Option<Duration>,
    recent: Option<Recent<IpAddr>>,
    lan: bool,
    own_networks: OwnNetworks,
    /// Addresses of nodes whose records prove that they are in the separate network of this node.
    members: Recent<IpAddr>,
}

/// How long an address counts as one of a member after it was found.
const MEMBER_LIFETIME: Duration = Duration::from_secs(60 * 60);

impl Throttle {
    pub(crate) fn new(settings: &InboundSettings, own_networks: OwnNetworks) -> Self {
        let recent = settings.throttle.map(Recent::new);
        let members = Recent::new(MEMBER_LIFETIME);
        let (interval, lan) = (settings.throttle, settings.throttle_lan);
        Self { interval, recent, lan, own_networks, members }
    }

    /// Replaces the time between connections of one address.
    pub(crate) fn set_interval(&mut self, settings: &InboundSettings) {
        // The addresses that have connected are forgotten only if the time changes.
        if self.interval != settings.throttle {
            self.interval = settings.throttle;
            self.recent = settings.throttle.map(Recent::new);
        }
        self.lan = settings.throttle_lan;
    }

    /// A node at `ip` has proved that it is in the separate network of this node.
    #[cfg(any(test, feature = "discovery"))]
    pub(crate) fn add_member(&mut self, ip: IpAddr, now: Instant) {
        self.members.insert(ip.to_canonical(), now);
    }

    /// Whether a connection from `ip` is admitted. A refused connection does not restart the time.
    pub(crate) fn admit(&mut self, ip: IpAddr, now: Instant) -> bool {
        let Some(recent) = &mut self.recent else { return true };
        let is_member = self.members.contains(&ip.to_canonical(), now);
        if !self.lan && (is_member || self.own_networks.contains(ip)) {
            return true;
        }
        let host = host_prefix(ip);
        let admitted = !recent.contains(&host, now);
        if admitted {
            recent.insert(host, now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn throttle(settings: InboundSettings) -> Throttle {
        Throttle::new(&settings, OwnNetworks::default())
    }

    #[test]
    fn one_attempt_per_address_and_refused_ones_do_not_count() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let mut throttle = throttle(InboundSettings::default());
        assert!(throttle.admit(ip("192.0.2.1"), now));
        assert!(throttle.admit(ip("192.0.2.2"), now));
        for seconds in 0..30 {
            assert!(!throttle.admit(ip("::ffff:192.0.2.1"), later(seconds)), "after {seconds} s");
        }
        assert!(throttle.admit(ip("192.0.2.1"), later(30)));
        assert!(!throttle.admit(ip("192.0.2.1"), later(59)));
    }

    #[test]
    fn an_ipv6_64_counts_as_one_host() {
        let now = Instant::now();
        let mut throttle = throttle(InboundSettings::default());
        assert!(throttle.admit(ip("2001:db8::1"), now));
        assert!(!throttle.admit(ip("2001:db8::ffff:1"), now));
        assert!(throttle.admit(ip("2001:db8:0:1::1"), now));
    }

    #[test]
    fn this_machine_and_private_networks_are_exempt_by_default() {
        let now = Instant::now();
        let lan = [
            "127.0.0.1",
            "10.1.1.1",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.7",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
        ];
        for (throttle_lan, again) in [(false, true), (true, false)] {
            let mut throttle =
                throttle(InboundSettings { throttle_lan, ..InboundSettings::default() });
            for text in lan {
                assert!(throttle.admit(ip(text), now), "{text}");
                assert_eq!(throttle.admit(ip(text), now), again, "{text}");
            }
        }
        let mut off = throttle(InboundSettings { throttle: None, ..InboundSettings::default() });
        assert!((0..3).all(|_| off.admit(ip("192.0.2.1"), now)));
    }

    #[test]
    fn listed_own_networks_are_exempt() {
        let now = Instant::now();
        let own = "44.10.20.0/24".parse().unwrap();
        let mut throttle = Throttle::new(&InboundSettings::default(), own);
        for _ in 0..3 {
            assert!(throttle.admit(ip("44.10.20.7"), now));
        }
        assert!(throttle.admit(ip("44.10.21.7"), now));
        assert!(!throttle.admit(ip("44.10.21.7"), now));
        throttle.add_member(ip("44.10.21.7"), now);
        assert!(throttle.admit(ip("::ffff:44.10.21.7"), now));
    }
}
