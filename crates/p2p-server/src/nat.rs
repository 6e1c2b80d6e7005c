//! How a node learns its external address, and how it asks a gateway to map its ports.
//!
//! [`Nat`] has the spellings of geth's setting of that name. With the feature `nat`, the state machine in
//! `upkeep` decides what to ask a gateway and when; `pmp` and `upnp` ask it over NAT-PMP, PCP or UPnP;
//! `wire` has the datagrams. The task that drives them is `tasks::port_mapping`.
//!
//! Not implemented: IPv6, which needs no mapping, and the pinholes in IPv6 firewalls that PCP and UPnP
//! offer; multicast announcements of restarted gateways, which are noticed at the next request.

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
pub(crate) use self::{
    external_addr::ExternalAddr,
    find::{Finder, Found},
    gateway::{Gateway, GatewayStatus, GrantedMapping},
    pmp::Nonce,
    settings::GatewaySettings,
    upkeep::{Upkeep, UpkeepStep},
};
pub use report::{Mapping, MappingError, Mechanism, NatEvent, NatStats, Transport};
#[cfg(all(test, feature = "nat"))]
pub(crate) use routes::tests as routes_tests;

/// Where the external address of the node comes from. Default: [`Nat::None`].
///
/// The address that the operator sets has precedence over the one that a gateway reports, and that over
/// the one that most peers in discovery see.
///
/// All variants but [`Nat::None`] and [`Nat::ExtIp`] need the feature `nat`. With them the node asks a
/// gateway of the local network to map the ports on which it listens for IPv4, TCP and UDP, for 20 minutes;
/// it renews a mapping after half of its lifetime, and removes it when it stops. It starts without waiting
/// for the gateway, and retries what fails ([`NatEvent`]).
///
/// The first answer is trusted, so another machine of the local network can pose as the gateway. It can
/// make the node announce a wrong address, and nothing else. Where that is a danger, name the gateway
/// (`pmp:IP`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Nat {
    /// No mapping: the node is reached at the address it listens on (`none`).
    #[default]
    None,
    /// The operator forwards the port and knows the address (`extip:IP`).
    ExtIp(IpAddr),
    /// The first gateway that answers (`any`; geth also has `auto` and `on`), of both kinds
    /// [`Nat::Upnp`] and [`Nat::Pmp`]. If it refuses, the other mechanism is preferred the next time. A
    /// machine with a public address needs no mapping and announces that address.
    Any,
    /// A UPnP gateway, found by multicast in the local network (`upnp`).
    Upnp,
    /// A gateway that supports NAT-PMP or PCP (`pmp`, `pmp:IP`). Without an address both the default
    /// gateway of the system (on Linux) and the first address of each private network of this machine
    /// are asked.
    Pmp(Option<Ipv4Addr>),
}

impl Nat {
    /// The external address, if it is known without asking a gateway.
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

/// A text is not a spelling of [`Nat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NatParseError {
    /// The word before the colon is not one of `none`, `extip`, `any`, `upnp`, `pmp`.
    #[error("unknown NAT mechanism; expected none, extip:IP, any, upnp or pmp[:IP]")]
    Unknown,
    /// `extip` without an address.
    #[error("extip needs an address, as in extip:203.0.113.7")]
    MissingIp,
    /// The text behind the colon is not an IP address, or behind `pmp` not an IPv4 address.
    #[error("not an IP address, or (behind pmp) not an IPv4 address")]
    BadIp,
    /// An address behind a mechanism that takes none.
    #[error("this NAT mechanism takes no address")]
    UnexpectedIp,
}

impl FromStr for Nat {
    type Err = NatParseError;

    /// Reads geth's spellings, in any letter case. The empty text is `none`.
    fn from_str(text: &str) -> Result<Self, NatParseError> {
        let (word, ip) = match text.split_once(':') {
            Some((word, ip)) => {
                (word, Some(ip.parse::<IpAddr>().map_err(|_| NatParseError::BadIp)?))
            }
            None => (text, None),
        };
        let plain = |nat| if ip.is_none() { Ok(nat) } else { Err(NatParseError::UnexpectedIp) };
        match word.to_ascii_lowercase().as_str() {
            "" | "none" | "off" => plain(Self::None),
            "any" | "auto" | "on" => plain(Self::Any),
            "upnp" => plain(Self::Upnp),
            "extip" | "ip" => ip.map(Self::ExtIp).ok_or(NatParseError::MissingIp),
            "pmp" | "natpmp" | "nat-pmp" => match ip {
                Some(IpAddr::V6(_)) => Err(NatParseError::BadIp),
                Some(IpAddr::V4(ip)) => Ok(Self::Pmp(Some(ip))),
                None => Ok(Self::Pmp(None)),
            },
            _ => Err(NatParseError::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn other_texts_are_errors() {
        assert_eq!("extip".parse::<Nat>(), Err(NatParseError::MissingIp));
        assert_eq!("extip:example.org".parse::<Nat>(), Err(NatParseError::BadIp));
        assert_eq!("upnp:203.0.113.7".parse::<Nat>(), Err(NatParseError::UnexpectedIp));
        assert_eq!("pmp:2001:db8::1".parse::<Nat>(), Err(NatParseError::BadIp));
        assert_eq!("stun".parse::<Nat>(), Err(NatParseError::Unknown));
    }
}
