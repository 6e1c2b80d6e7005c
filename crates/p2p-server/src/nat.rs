//! How the node learns the address under which others reach it.
//!
//! The spellings are those of geth's `--nat`. This build knows what needs no gateway: `none` and
//! `extip:IP`. The others are understood, so that a configuration can be checked, and refused when
//! the server starts.

use std::{fmt, net::IpAddr, str::FromStr};

/// Where the external address of the node comes from. Default: [`Nat::None`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Nat {
    /// No mapping: others reach the node under the address it listens on (`none`).
    #[default]
    None,
    /// The operator forwards the port and knows the address (`extip:IP`).
    ExtIp(IpAddr),
    /// Whatever gateway answers first (`any`; geth also says `auto` and `on`). Not yet supported by
    /// this build.
    Any,
    /// An UPnP gateway (`upnp`). Not yet supported by this build.
    Upnp,
    /// A NAT-PMP gateway, found automatically or given (`pmp`, `pmp:IP`). Not yet supported by this
    /// build.
    Pmp(Option<IpAddr>),
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

    /// Whether this build can do it.
    #[must_use]
    pub const fn is_supported(&self) -> bool {
        matches!(self, Self::None | Self::ExtIp(_))
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
    /// What stands behind the colon is not an IP address.
    #[error("not an IP address")]
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
            "pmp" | "natpmp" | "nat-pmp" => Ok(Self::Pmp(ip)),
            _ => Err(NatError::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_the_spellings_of_geth() {
        let v4: IpAddr = "203.0.113.7".parse().unwrap();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        for (text, nat) in [
            ("none", Nat::None),
            ("any", Nat::Any),
            ("upnp", Nat::Upnp),
            ("pmp", Nat::Pmp(None)),
            ("pmp:203.0.113.7", Nat::Pmp(Some(v4))),
            ("extip:203.0.113.7", Nat::ExtIp(v4)),
            ("extip:2001:db8::1", Nat::ExtIp(v6)),
        ] {
            assert_eq!(text.parse(), Ok(nat), "{text}");
            assert_eq!(nat.to_string(), text);
        }
        assert_eq!("".parse(), Ok(Nat::None));
        assert_eq!("AUTO".parse(), Ok(Nat::Any));
        assert_eq!("IP:203.0.113.7".parse(), Ok(Nat::ExtIp(v4)));
    }

    #[test]
    fn refuses_what_is_none_of_them() {
        assert_eq!("extip".parse::<Nat>(), Err(NatError::MissingIp));
        assert_eq!("extip:example.org".parse::<Nat>(), Err(NatError::BadIp));
        assert_eq!("upnp:203.0.113.7".parse::<Nat>(), Err(NatError::UnexpectedIp));
        assert_eq!("stun".parse::<Nat>(), Err(NatError::Unknown));
    }
}
