//! Host names and origins of web pages, as an operator gives them: in a configuration, or in the arguments of the methods
//! that start HTTP and WebSocket.

use std::fmt;

use crate::transport::error::RpcError;

/// A list of names of web pages in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebSetting {
    /// [`HttpSettings::vhosts`](crate::HttpSettings::vhosts).
    VirtualHosts,
    /// [`HttpSettings::cors`](crate::HttpSettings::cors).
    Cors,
    /// [`WsSettings::origins`](crate::WsSettings::origins).
    WsOrigins,
}

impl WebSetting {
    /// Checks one name of this list.
    ///
    /// - A virtual host is a host name, an IP address, or `*`.
    /// - An origin for CORS is `scheme://host[:port]`, `null` (the origin of local files), or `*`.
    /// - An origin for WebSocket may also be without a scheme, or have a slash at its end.
    ///
    /// # Errors
    ///
    /// If it is none of these.
    pub fn check(self, name: &str) -> Result<(), WebNameError> {
        match self {
            Self::VirtualHosts => host(name),
            Self::Cors => origin(name),
            Self::WsOrigins => origin_pattern(name),
        }
    }

    /// Checks all names of this list. White space around a name is ignored.
    pub(crate) fn check_all(self, names: &[String]) -> Result<(), RpcError> {
        let error =
            |name: &String, source| RpcError::WebName { setting: self, name: name.clone(), source };
        names
            .iter()
            .try_for_each(|name| self.check(name.trim()).map_err(|source| error(name, source)))
    }
}

impl fmt::Display for WebSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VirtualHosts => "a virtual host",
            Self::Cors => "an origin for CORS",
            Self::WsOrigins => "an origin for WebSocket",
        })
    }
}

/// A text is no host name, or no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebNameError {
    /// Not a host name.
    #[error("not a host name: expected a name without scheme, port and path, or *")]
    Host,
    /// Not an origin.
    #[error("not an origin: expected scheme://host[:port] without a path, or *")]
    Origin,
}

fn host(text: &str) -> Result<(), WebNameError> {
    let is_ip = text.parse::<std::net::IpAddr>().is_ok();
    if text == "*" || is_ip || is_host(text) { Ok(()) } else { Err(WebNameError::Host) }
}

fn origin(text: &str) -> Result<(), WebNameError> {
    let is_origin = match text.split_once("://") {
        Some((scheme, rest)) => is_scheme(scheme) && is_host_port(rest),
        None => text == "*" || text == "null",
    };
    if is_origin { Ok(()) } else { Err(WebNameError::Origin) }
}

fn origin_pattern(text: &str) -> Result<(), WebNameError> {
    let plain = text.strip_suffix('/').unwrap_or(text);
    if is_host_port(plain) { Ok(()) } else { origin(plain) }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_host_port(text: &str) -> bool {
    match text.rsplit_once(':') {
        // The last colon in `[::1]` does not separate a port.
        Some((host, port)) if !port.contains(']') => is_host(host) && port.parse::<u16>().is_ok(),
        _ => is_host(text),
    }
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_and_origins_are_read() {
        for text in ["*", "localhost", "node.example.org", "10.0.0.1", "::1", "[::1]"] {
            assert_eq!(host(text), Ok(()), "{text}");
        }
        for text in ["http://localhost", "localhost:8545", "a b", "a/b", "**", "*.org"] {
            assert_eq!(host(text), Err(WebNameError::Host), "{text}");
        }
        for text in [
            "*",
            "null",
            "https://app.example",
            "http://localhost:3000",
            "http://[::1]:80",
            "chrome-extension://abc",
        ] {
            assert_eq!(origin(text), Ok(()), "{text}");
            assert_eq!(origin_pattern(text), Ok(()), "{text}");
        }
        for text in [
            "app.example",
            "https://",
            "https://a/b",
            "https://a/",
            "https://a:x",
            "http://*.example",
            "://a",
        ] {
            assert_eq!(origin(text), Err(WebNameError::Origin), "{text}");
        }
        for text in ["localhost", "app.example:8080", "https://a/"] {
            assert_eq!(origin_pattern(text), Ok(()), "{text}");
        }
        for text in ["https://a/b", "a b", "http://*.example", ":80"] {
            assert_eq!(origin_pattern(text), Err(WebNameError::Origin), "{text}");
        }
    }
}
