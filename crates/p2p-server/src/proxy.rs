//! A SOCKS5 proxy for outbound connections.

mod socks5;

use std::{fmt, io, str::FromStr};

use p2p_mux::identity::Enode;
use p2p_world::{Connection, World};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

/// The port of a proxy if its URL has none.
const DEFAULT_PORT: u16 = 1080;

/// Maximum length of user name and password, in bytes each (RFC 1929).
const MAX_LOGIN: usize = 255;

/// A SOCKS5 proxy (RFC 1928) for all outbound connections, optionally with user name and password
/// (RFC 1929).
///
/// The text form is a URL, `socks5://[user:password@]host[:port]`; user name and password may be
/// percent-encoded, and `socks5h` means the same. `Debug` and `Display` omit user name and password; a
/// settings file contains them.
///
/// # What goes through it
///
/// Every connection that this node opens. Host names of nodes are resolved by the proxy; the host name of
/// the proxy itself is resolved by this node.
///
/// **Discovery does not go through it**: it uses UDP and the system's name servers, and so shows this
/// node's address to others. Requests to a gateway ([`Nat`](crate::Nat)) and inbound connections do not go
/// through it either. To hide the address of a node, turn all three off. The server logs a warning at its
/// start if discovery is on.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    login: Option<Login>,
}

#[derive(Clone, PartialEq, Eq)]
struct Login {
    user: String,
    password: Zeroizing<String>,
}

/// Why a text is not the URL of a [`Proxy`]. It never contains a part of the text, which may be a
/// password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// The URL begins with neither `socks5://` nor `socks5h://`.
    #[error("the URL of a proxy must begin with socks5://")]
    Scheme,
    /// No host, or text behind host and port.
    #[error("not of the form socks5://[user:password@]host:port")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// User name or password is empty, longer than 255 bytes, or badly percent-encoded.
    #[error("user name and password must have 1 to 255 bytes each")]
    Login,
}

/// Why a connection through the proxy failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy cannot be reached.
    #[error("the proxy cannot be reached")]
    Unreachable(#[source] io::Error),
    /// The proxy closed the connection before it had answered.
    #[error("the proxy closed the connection")]
    Lost(#[source] io::Error),
    /// The answer is not SOCKS5.
    #[error("not a SOCKS5 proxy")]
    NotSocks,
    /// The proxy requires a user name and a password, or another method of authentication.
    #[error("the proxy requires a login")]
    LoginWanted,
    /// The proxy rejected the user name and the password.
    #[error("the proxy rejected the user name and password")]
    LoginRefused,
    /// The host name of the node has more than 255 bytes.
    #[error("the host name of the node is too long for a proxy")]
    NameTooLong,
    /// The proxy did not connect to the node.
    #[error("the proxy did not connect")]
    Refused(#[source] ProxyRefuseReason),
}

/// The reason that a proxy gives for not connecting to the node (RFC 1928, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyRefuseReason {
    /// A general failure, or an unknown code.
    #[error("general failure")]
    Failure,
    /// Not allowed by the rules of the proxy.
    #[error("not allowed by the rules of the proxy")]
    Forbidden,
    /// The network of the node is unreachable.
    #[error("network unreachable")]
    NetworkUnreachable,
    /// The node is unreachable, or its host name does not resolve.
    #[error("host unreachable")]
    HostUnreachable,
    /// The node refused the connection.
    #[error("connection refused")]
    ConnectionRefused,
    /// The node did not answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The proxy does not support connections, or not to this type of address.
    #[error("not supported by the proxy")]
    Unsupported,
}

impl Proxy {
    /// The host, an IP address or a name, and the port.
    #[must_use]
    pub fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Opens a connection to the node.
    pub(crate) async fn open(
        &self,
        world: &dyn World,
        node: &Enode,
    ) -> Result<Box<dyn Connection>, ProxyError> {
        let mut socket = self.connect(world).await.map_err(ProxyError::Unreachable)?;
        socks5::connect(&mut socket, &node.host, node.tcp, self.login.as_ref()).await?;
        Ok(socket)
    }

    /// Connects with the proxy, at the first of its addresses that answers.
    async fn connect(&self, world: &dyn World) -> io::Result<Box<dyn Connection>> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for addr in world.resolve(&self.host, self.port).await? {
            match world.connect(addr).await {
                Ok(stream) => {
                    // The packets of SOCKS5 are small, and each waits for an answer.
                    stream.tcp().map_or(Ok(()), |socket| socket.set_nodelay(true))?;
                    return Ok(stream);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    #[cfg(feature = "serde")]
    fn with_login(&self) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let login = self.login.as_ref().map_or_else(String::new, |login| {
            format!("{}:{}@", encoded(&login.user), encoded(&login.password))
        });
        self.to_string().replacen("***@", &login, 1)
    }
}

impl FromStr for Proxy {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, ProxyUrlError> {
        let rest = text.strip_prefix("socks5://").or_else(|| text.strip_prefix("socks5h://"));
        let rest = rest.ok_or(ProxyUrlError::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, addr) = match rest.rsplit_once('@') {
            Some((login, addr)) => (Some(login.parse()?), addr),
            None => (None, rest),
        };
        let (host, port) = match addr.strip_prefix('[') {
            Some(inside) => {
                let (host, port) = inside.split_once(']').ok_or(ProxyUrlError::Host)?;
                if host.parse::<std::net::Ipv6Addr>().is_err() {
                    return Err(ProxyUrlError::Host);
                }
                (host, if port.is_empty() { None } else { port.strip_prefix(':').or(Some("")) })
            }
            None => addr.split_once(':').map_or((addr, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
            return Err(ProxyUrlError::Host);
        }
        let port = match port.map(str::parse) {
            None => DEFAULT_PORT,
            Some(Ok(port)) if port != 0 => port,
            Some(_) => return Err(ProxyUrlError::Port),
        };
        Ok(Self { host: host.to_owned(), port, login })
    }
}

impl FromStr for Login {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, ProxyUrlError> {
        let part = |text: &str| match percent_decode_str(text).decode_utf8() {
            Ok(part) if (1..=MAX_LOGIN).contains(&part.len()) => Ok(part.into_owned()),
            _ => Err(ProxyUrlError::Login),
        };
        let (user, password) = text.split_once(':').ok_or(ProxyUrlError::Login)?;
        Ok(Self { user: part(user)?, password: Zeroizing::new(part(password)?) })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.login.is_some() { "***@" } else { "" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "socks5://{login}{open}{}{close}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Proxy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.with_login())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Proxy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_parsed_and_displayed_without_its_password() {
        for (url, shown) in [
            ("socks5://127.0.0.1:9050", "socks5://127.0.0.1:9050"),
            ("socks5h://proxy.example", "socks5://proxy.example:1080"),
            ("socks5://[::1]:1081/", "socks5://[::1]:1081"),
            ("socks5://alice:s%40fe%2Fty@[::1]", "socks5://***@[::1]:1080"),
        ] {
            let proxy: Proxy = url.parse().unwrap();
            assert_eq!((proxy.to_string(), format!("{proxy:?}")), (shown.into(), shown.into()));
        }
        let proxy: Proxy = "socks5://alice:s%40fe%2Fty@host".parse().unwrap();
        let login = proxy.login.as_ref().unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("alice", "s@fe/ty"));
    }

    #[test]
    fn other_texts_are_errors() {
        let long = format!("socks5://a:{}@h", "x".repeat(256));
        for (url, error) in [
            ("http://h:1", ProxyUrlError::Scheme),
            ("127.0.0.1:1080", ProxyUrlError::Scheme),
            ("socks5://", ProxyUrlError::Host),
            ("socks5://:1080", ProxyUrlError::Host),
            ("socks5://[h]:1080", ProxyUrlError::Host),
            ("socks5://h/path", ProxyUrlError::Host),
            ("socks5://h:0", ProxyUrlError::Port),
            ("socks5://h:x", ProxyUrlError::Port),
            ("socks5://[::1]1080", ProxyUrlError::Port),
            ("socks5://alice@h", ProxyUrlError::Login),
            ("socks5://alice:@h", ProxyUrlError::Login),
            ("socks5://alice:%ff@h", ProxyUrlError::Login),
            (&long, ProxyUrlError::Login),
        ] {
            assert_eq!(url.parse::<Proxy>(), Err(error), "{url}");
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_settings_file_contains_the_password() {
        let proxy: Proxy = "socks5://a:b%3Ac@[::1]:9".parse().unwrap();
        let written = serde_json::to_value(&proxy).unwrap();
        assert_eq!(written, "socks5://a:b%3Ac@[::1]:9");
        assert_eq!(serde_json::from_value::<Proxy>(written).unwrap(), proxy);
    }
}
