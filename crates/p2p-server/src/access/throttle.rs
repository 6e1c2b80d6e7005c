//! How often one address may connect, and how many unfinished handshakes it may have: what is known of
//! a connection before anybody has proved anything.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use p2p_mux::identity::host_prefix;

use crate::access::recent::History;

/// What those may do who dial us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Inbound {
    /// One attempt from each address within so long; `None` does not count them. Default 30 s, as in
    /// go-ethereum. Nodes behind one address must take turns.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub throttle: Option<Duration>,
    /// Whether that holds for addresses of this machine and of private networks too. Default
    /// `false`, as in go-ethereum.
    pub throttle_lan: bool,
    /// Handshakes in progress from one address, on any network; beyond it the oldest of them gives
    /// way. At least 1. Default `None`: half of [`Limits::max_pending`](crate::Limits::max_pending),
    /// so that no address can take all.
    pub max_pending_per_ip: Option<usize>,
}

impl Default for Inbound {
    fn default() -> Self {
        Self {
            throttle: Some(Duration::from_secs(30)),
            throttle_lan: false,
            max_pending_per_ip: None,
        }
    }
}

/// Counts the attempts of each address.
#[derive(Debug)]
pub(crate) struct Throttle {
    lately: Option<History<IpAddr>>,
    lan: bool,
}

impl Throttle {
    pub(crate) fn new(settings: &Inbound) -> Self {
        Self { lately: settings.throttle.map(History::new), lan: settings.throttle_lan }
    }

    /// An attempt from `ip`. Whether it may go on; one that may not does not count.
    pub(crate) fn admit(&mut self, ip: IpAddr, now: Instant) -> bool {
        let Some(lately) = &mut self.lately else { return true };
        if !self.lan && is_lan(ip) {
            return true;
        }
        let host = host_prefix(ip);
        let admitted = !lately.contains(&host, now);
        if admitted {
            lately.insert(host, now);
        }
        admitted
    }
}

/// Whether the address is this machine's own or of a private network.
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
    fn one_attempt_an_address_and_what_is_refused_does_not_count() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let mut throttle = Throttle::new(&Inbound::default());
        assert!(throttle.admit(ip("192.0.2.1"), now));
        assert!(throttle.admit(ip("192.0.2.2"), now));
        for seconds in 0..30 {
            assert!(!throttle.admit(ip("::ffff:192.0.2.1"), later(seconds)), "after {seconds} s");
        }
        assert!(throttle.admit(ip("192.0.2.1"), later(30)));
        assert!(!throttle.admit(ip("192.0.2.1"), later(59)));
    }

    #[test]
    fn a_host_with_a_network_of_its_own_is_one_host() {
        let now = Instant::now();
        let mut throttle = Throttle::new(&Inbound::default());
        assert!(throttle.admit(ip("2001:db8::1"), now));
        assert!(!throttle.admit(ip("2001:db8::ffff:1"), now));
        assert!(throttle.admit(ip("2001:db8:0:1::1"), now));
    }

    #[test]
    fn this_machine_and_private_networks_are_exempt_unless_told() {
        let now = Instant::now();
        let lan =
            ["127.0.0.1", "10.1.1.1", "172.16.0.1", "192.168.0.1", "::1", "fd00::1", "fe80::1"];
        for (throttle_lan, again) in [(false, true), (true, false)] {
            let mut throttle = Throttle::new(&Inbound { throttle_lan, ..Inbound::default() });
            for text in lan {
                assert!(throttle.admit(ip(text), now), "{text}");
                assert_eq!(throttle.admit(ip(text), now), again, "{text}");
            }
        }
        let mut off = Throttle::new(&Inbound { throttle: None, ..Inbound::default() });
        assert!((0..3).all(|_| off.admit(ip("192.0.2.1"), now)));
    }
}
