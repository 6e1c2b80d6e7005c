//! How the node learns the address under which others reach it, and how a gateway is made to let them
//! through.
//!
//! [`Nat`] has the spellings of geth's `--nat`. With the feature `nat`, a machine (`upkeep`) says what
//! to ask a gateway and when, a task (`run`) asks it, in the way that the gateway speaks (`pmp`, `upnp`),
//! and tells what comes of it. `natpmp` and `pcp` are the datagrams.
//!
//! Not here: IPv6, which needs no mapping, and whose firewalls we do not ask to open (PCP and UPnP can,
//! with what they call pinholes); the announcements by multicast of gateways that have started anew,
//! which are noticed when they are asked the next time.

#[cfg(feature = "nat")]
mod attempts;
#[cfg(feature = "nat")]
mod epoch;
#[cfg(feature = "nat")]
mod external_addr;
#[cfg(feature = "nat")]
mod find;
#[cfg(feature = "nat")]
mod gateway;
#[cfg(feature = "nat")]
mod pmp;
mod report;
#[cfg(feature = "nat")]
mod routes;
#[cfg(feature = "nat")]
mod settings;
#[cfg(feature = "nat")]
mod task;
#[cfg(feature = "nat")]
#[cfg(test)]
mod tests;
#[cfg(feature = "nat")]
mod upkeep;
#[cfg(feature = "nat")]
mod upnp;
#[cfg(feature = "nat")]
#[cfg_attr(
    not(feature = "fuzzing"),
    expect(unreachable_pub, reason = "reachable for the fuzz targets only")
)]
pub(crate) mod wire;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

#[cfg(feature = "nat")]
pub(crate) use self::{external_addr::External, settings::Terms, task::start};
pub use report::{Mapping, Mechanism, NatEvent, NatFailure, NatStats, Transport};

/// Where the external address of the node comes from. Default: [`Nat::None`].
///
/// What the operator says counts most, then what a gateway says, then what most peers in discovery
/// see. All but [`Nat::None`] and [`Nat::ExtIp`] need the feature `nat`. The node then asks a gateway
/// of the local network to pass on the ports on which it listens for IPv4, TCP and UDP, for 20 minutes
/// at a time, asks again after half of that, and has the mappings removed when it stops. It starts
/// without waiting for any of this, and tries again what fails ([`NatEvent`]).
///
/// Who answers first is believed, so another machine of the local network can pose as the gateway: it
/// can make the node tell others a wrong address, and nothing else. Name the gateway (`pmp:IP`) where
/// that is a danger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Nat {
    /// No mapping: others reach the node under the address it listens on (`none`).
    #[default]
    None,
    /// The operator forwards the port and knows the address (`extip:IP`).
    ExtIp(IpAddr),
    /// Whatever gateway answers first (`any`; geth also says `auto` and `on`): as [`Nat::Upnp`] and
    /// [`Nat::Pmp`] side by side. One that refuses is spoken to in the other way the next time. A
    /// machine that has a public address itself needs no mapping, and tells others that address.
    Any,
    /// An UPnP gateway, searched for by multicast in the local network (`upnp`).
    Upnp,
    /// A gateway that speaks NAT-PMP or, failing that, PCP (`pmp`, `pmp:IP`). Without an address it is
    /// the default gateway of the system (on Linux), and side by side with it, as a guess, the first
    /// address of each private network that this machine is in.
    Pmp(Option<Ipv4Addr>),
}

impl Nat {
    /// The external address, where it is known without asking a gateway.
    #[must_use]
    pub const fn external_ip(&self) -> Option<IpAddr> {
        match self {
            Self::ExtIp(ip) => Some(*ip),
            _ => None,
        }
    }

    /// Whether a gateway is asked.
    #[must_use]
    pub const fn needs_gateway(&self) -> bool {
        !matches!(self, Self::None | Self::ExtIp(_))
    }
}

#[cfg(not(feature = "nat"))]
impl crate::context::Shared {
    pub(crate) fn outside(&self, enode: &p2p_mux::identity::Enode) -> p2p_mux::identity::Enode {
        enode.clone()
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::ExtIp(ip) => write!(f, "extip:{ip}"),
            Self::Any => f.write_str("any"),
            Self::Upnp => f.write_str("upnp"),
            Self::Pmp(None) => f.write_str("pmp"),
            Self::Pmp(Some(ip)) => write!(f, "pmp:{ip}"),
        }
    }
}

/// A text is not one of the spellings of [`Nat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NatError {
    /// The word before the colon is none of `none, extip, any, upnp, pmp`.
    #[error("unknown NAT mechanism; expected none, extip:IP, any, upnp or pmp[:IP]")]
    Unknown,
    /// `extip` needs an address.
    #[error("extip needs an address, as in extip:203.0.113.7")]
    MissingIp,
    /// What stands behind the colon is not an IP address, or a gateway's not one of IPv4.
    #[error("not an IP address, or (behind pmp) not one of IPv4")]
    BadIp,
    /// This mechanism takes no address.
    #[error("this NAT mechanism takes no address")]
    UnexpectedIp,
}

impl FromStr for Nat {
    type Err = NatError;

    /// Reads geth's spellings, in any letter case. The empty text is `none`.
    fn from_str(text: &str) -> Result<Self, NatError> {
        let (word, ip) = match text.split_once(':') {
            Some((word, ip)) => (word, Some(ip.parse::<IpAddr>().map_err(|_| NatError::BadIp)?)),
            None => (text, None),
        };
        let plain = |nat| if ip.is_none() { Ok(nat) } else { Err(NatError::UnexpectedIp) };
        match word.to_ascii_lowercase().as_str() {
            "" | "none" | "off" => plain(Self::None),
            "any" | "auto" | "on" => plain(Self::Any),
            "upnp" => plain(Self::Upnp),
            "extip" | "ip" => ip.map(Self::ExtIp).ok_or(NatError::MissingIp),
            "pmp" | "natpmp" | "nat-pmp" => match ip {
                Some(IpAddr::V6(_)) => Err(NatError::BadIp),
                Some(IpAddr::V4(ip)) => Ok(Self::Pmp(Some(ip))),
                None => Ok(Self::Pmp(None)),
            },
            _ => Err(NatError::Unknown),
        }
    }
}

#[cfg(test)]
mod spellings {
    use super::*;

    #[test]
    fn reads_and_prints_the_spellings_of_geth() {
        let v4: Ipv4Addr = "203.0.113.7".parse().unwrap();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        for (text, nat) in [
            ("none", Nat::None),
            ("any", Nat::Any),
            ("upnp", Nat::Upnp),
            ("pmp", Nat::Pmp(None)),
            ("pmp:203.0.113.7", Nat::Pmp(Some(v4))),
            ("extip:203.0.113.7", Nat::ExtIp(v4.into())),
            ("extip:2001:db8::1", Nat::ExtIp(v6)),
        ] {
            assert_eq!(text.parse(), Ok(nat), "{text}");
            assert_eq!(nat.to_string(), text);
        }
        assert_eq!("".parse(), Ok(Nat::None));
        assert_eq!("AUTO".parse(), Ok(Nat::Any));
        assert_eq!("IP:203.0.113.7".parse(), Ok(Nat::ExtIp(v4.into())));
    }

    #[test]
    fn refuses_what_is_none_of_them() {
        assert_eq!("extip".parse::<Nat>(), Err(NatError::MissingIp));
        assert_eq!("extip:example.org".parse::<Nat>(), Err(NatError::BadIp));
        assert_eq!("upnp:203.0.113.7".parse::<Nat>(), Err(NatError::UnexpectedIp));
        assert_eq!("pmp:2001:db8::1".parse::<Nat>(), Err(NatError::BadIp));
        assert_eq!("stun".parse::<Nat>(), Err(NatError::Unknown));
    }
}
