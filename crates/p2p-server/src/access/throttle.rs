//! How often one address may connect.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use p2p_mux::identity::host_prefix;

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
    /// Whether the throttle applies to addresses of this machine and of private networks too. Default
    /// `false`, as in go-ethereum.
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
    recent: Option<Recent<IpAddr>>,
    lan: bool,
}

impl Throttle {
    pub(crate) fn new(settings: &InboundSettings) -> Self {
        Self { recent: settings.throttle.map(Recent::new), lan: settings.throttle_lan }
    }

    /// Whether a connection from `ip` is admitted. A refused connection does not restart the time.
    pub(crate) fn admit(&mut self, ip: IpAddr, now: Instant) -> bool {
        let Some(recent) = &mut self.recent else { return true };
        if !self.lan && is_lan(ip) {
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

/// Whether the address belongs to this machine or to a private network.
fn is_lan(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_attempt_per_address_and_refused_ones_do_not_count() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let mut throttle = Throttle::new(&InboundSettings::default());
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
        let mut throttle = Throttle::new(&InboundSettings::default());
        assert!(throttle.admit(ip("2001:db8::1"), now));
        assert!(!throttle.admit(ip("2001:db8::ffff:1"), now));
        assert!(throttle.admit(ip("2001:db8:0:1::1"), now));
    }

    #[test]
    fn this_machine_and_private_networks_are_exempt_by_default() {
        let now = Instant::now();
        let lan =
            ["127.0.0.1", "10.1.1.1", "172.16.0.1", "192.168.0.1", "::1", "fd00::1", "fe80::1"];
        for (throttle_lan, again) in [(false, true), (true, false)] {
            let mut throttle =
                Throttle::new(&InboundSettings { throttle_lan, ..InboundSettings::default() });
            for text in lan {
                assert!(throttle.admit(ip(text), now), "{text}");
                assert_eq!(throttle.admit(ip(text), now), again, "{text}");
            }
        }
        let mut off =
            Throttle::new(&InboundSettings { throttle: None, ..InboundSettings::default() });
        assert!((0..3).all(|_| off.admit(ip("192.0.2.1"), now)));
    }
}
