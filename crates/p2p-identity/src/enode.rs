//! Enode URLs, the id and address of a node: `enode://id@host:port?discport=port`.

mod use_check;

use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

use thiserror::Error;

use crate::{HexError, Host, NodeId};

pub use use_check::EnodeUseError;
#[cfg(feature = "record")]
pub(crate) use use_check::check_ip;

/// Why a text is not an enode URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnodeError {
    /// It does not begin with `enode://`.
    #[error("an enode URL begins with enode://")]
    Scheme,
    /// It is a node record (`enr:`, or its RLP in hexadecimal).
    #[error("this is a node record (enr:), not an enode URL")]
    Record,
    /// It is a node id without scheme and address.
    #[error("this is a node id without an address: write enode://<id>@<host>:<port>")]
    BareId,
    /// The id is followed by no address.
    #[error("no address after the node id: write enode://<id>@<host>:<port>")]
    NoAddress,
    /// The id is not 128 hexadecimal digits.
    #[error("invalid node id")]
    Id(#[source] HexError),
    /// The id is not a point on the curve, so no node can have it.
    #[error("the node id is not a point on the curve")]
    NotOnCurve,
    /// The host is neither an IPv4 address, nor an IPv6 address in brackets, nor a host name.
    #[error("the host is neither an IPv4 address, an IPv6 address in brackets, nor a name")]
    Host,
    /// There is no port after the host.
    #[error("no port after the host")]
    NoPort,
    /// The port is not a number up to 65535.
    #[error("the port is not a number up to 65535")]
    Port,
    /// The value of `discport` is not a number up to 65535, or there are two different ones.
    #[error("the discovery port (discport) is not one number up to 65535")]
    DiscoveryPort,
    /// A path other than a single `/` follows the port.
    #[error("a path follows the port: only ?discport=<port> may")]
    Path,
}

/// The id and the address of a node.
///
/// `FromStr` reads and `Display` writes `enode://<id>@<host>:<tcp>`, with `?discport=<udp>` if the two
/// ports differ. The id and the scheme may be in upper or lower case. `FromStr` checks that the id is a point
/// on the curve; a value made from its fields is not checked.
///
/// As in go-ethereum, parameters other than `discport` are ignored (`&raftport=50400`), and so is a `/`
/// after the port. White space around the URL is ignored too.
///
/// Port 0 means that the node does not listen there: `:0?discport=30301` is a boot node that only
/// answers discovery, `?discport=0` is a node without discovery. Whether the address can be used
/// is checked by [`check_connectable`](Self::check_connectable) and
/// [`check_discoverable`](Self::check_discoverable).
///
/// ```
/// use p2p_identity::{Enode, EnodeError, Host};
///
/// let id = "ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138\
///           7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f";
/// let enode: Enode = format!("enode://{id}@[2001:db8::1]:30303?discport=30301").parse()?;
/// assert_eq!((enode.tcp, enode.udp), (30303, 30301));
/// assert_eq!(enode.socket_addr(), Some("[2001:db8::1]:30303".parse()?));
///
/// // A name is resolved each time the node is dialed.
/// let named: Enode = format!("enode://{id}@Boot.Example.org:30303").parse()?;
/// assert_eq!(named.host, Host::Name("boot.example.org".into()));
/// assert_eq!(named.socket_addr(), None);
///
/// assert_eq!(id.parse::<Enode>(), Err(EnodeError::BareId));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Enode {
    /// The node's id.
    pub id: NodeId,
    /// Its address or host name.
    pub host: Host,
    /// The TCP port for connections (RLPx).
    pub tcp: u16,
    /// The UDP port for discovery.
    pub udp: u16,
}

impl Enode {
    /// The node `id` at `address`, with the same port for TCP and UDP.
    #[must_use]
    pub fn new(id: NodeId, address: SocketAddr) -> Self {
        let host = Host::Ip(address.ip().to_canonical());
        Self { id, host, tcp: address.port(), udp: address.port() }
    }

    /// The TCP address, or `None` if the host is a name that must be resolved first.
    #[must_use]
    pub const fn socket_addr(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Ip(address) => Some(SocketAddr::new(address, self.tcp)),
            Host::Name(_) => None,
        }
    }
}

impl FromStr for Enode {
    type Err = EnodeError;

    fn from_str(text: &str) -> Result<Self, EnodeError> {
        let rest = strip_scheme(text.trim())?;
        let (id, address) = match rest.split_once('@') {
            Some((id, address)) => (id, Some(address)),
            None => (rest, None),
        };
        let id: NodeId = id.parse().map_err(EnodeError::Id)?;
        id.public_key().map_err(|_| EnodeError::NotOnCurve)?;

        let address = address.ok_or(EnodeError::NoAddress)?;
        let (address, query) = address.split_once('?').unwrap_or((address, ""));
        let (host, port) = split_port(address)?;
        let host = Host::parse(host).ok_or(EnodeError::Host)?;
        let (port, path) = port.split_once('/').unwrap_or((port, ""));
        let tcp = parse_port(port).ok_or(EnodeError::Port)?;
        if !path.is_empty() {
            return Err(EnodeError::Path);
        }
        let udp = discovery_port(query)?.unwrap_or(tcp);
        Ok(Self { id, host, tcp, udp })
    }
}

/// What follows `enode://`, or what `text` seems to be instead.
fn strip_scheme(text: &str) -> Result<&str, EnodeError> {
    const SCHEME: &str = "enode://";
    match text.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => Ok(rest),
        _ if is_record(text) => Err(EnodeError::Record),
        _ if text.parse::<NodeId>().is_ok() => Err(EnodeError::BareId),
        _ => Err(EnodeError::Scheme),
    }
}

/// Whether `text` looks like a record: `enr:`, or RLP in hexadecimal. A record is a list of 56 to 300
/// bytes.
fn is_record(text: &str) -> bool {
    let starts_with = |prefix: &str| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    ["enr:", "0xf8", "0xf9"].into_iter().any(starts_with) && text.parse::<NodeId>().is_err()
}

/// The value of `discport`, if it is among the parameters. Others are ignored.
fn discovery_port(query: &str) -> Result<Option<u16>, EnodeError> {
    let mut found = None;
    for value in query.split('&').filter_map(|parameter| parameter.strip_prefix("discport=")) {
        let port = parse_port(value).ok_or(EnodeError::DiscoveryPort)?;
        if found.is_some_and(|other| other != port) {
            return Err(EnodeError::DiscoveryPort);
        }
        found = Some(port);
    }
    Ok(found)
}

/// Cuts `host:port`, where the colons of an IPv6 address are between brackets.
fn split_port(address: &str) -> Result<(&str, &str), EnodeError> {
    let end = match address.strip_prefix('[') {
        Some(inside) => 2 + inside.find(']').ok_or(EnodeError::Host)?,
        None => address.find(':').unwrap_or(address.len()),
    };
    let (host, port) = address.split_at(end);
    if host.is_empty() {
        return Err(EnodeError::Host);
    }
    match port.strip_prefix(':') {
        Some(port) => Ok((host, port)),
        None if port.is_empty() => Err(EnodeError::NoPort),
        None => Err(EnodeError::Host),
    }
}

/// A port in decimal digits only (`u16::from_str` would also take `+1`).
fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl fmt::Display for Enode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "enode://{}@{}:{}", self.id, self.host, self.tcp)?;
        if self.udp == self.tcp { Ok(()) } else { write!(f, "?discport={}", self.udp) }
    }
}
