//! Host names and origins of web pages on the command line.

/// An entry of a list of hosts or origins is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebError {
    /// Not a host name.
    #[error("not a host name: expected a name without scheme, port and path, or *")]
    Host,
    /// Not an origin.
    #[error("not an origin: expected scheme://host[:port] without a path, or *")]
    Origin,
}

/// Reads a host name, an IP address, or `*`.
pub(crate) fn host(text: &str) -> Result<String, WebError> {
    let is_ip = text.parse::<std::net::IpAddr>().is_ok();
    if text == "*" || is_ip || is_host(text) { Ok(text.to_owned()) } else { Err(WebError::Host) }
}

/// Reads `scheme://host[:port]`, `null` (the origin of local files), or `*`.
pub(crate) fn origin(text: &str) -> Result<String, WebError> {
    let is_origin = match text.split_once("://") {
        Some((scheme, rest)) => is_scheme(scheme) && is_host_port(rest),
        None => text == "*" || text == "null",
    };
    if is_origin { Ok(text.to_owned()) } else { Err(WebError::Origin) }
}

/// As [`origin`]; the scheme may be missing, and a slash may follow.
pub(crate) fn origin_pattern(text: &str) -> Result<String, WebError> {
    let plain = text.strip_suffix('/').unwrap_or(text);
    if is_host_port(plain) || origin(plain).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(WebError::Origin)
    }
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
            assert_eq!(host(text).as_deref(), Ok(text));
        }
        for text in ["http://localhost", "localhost:8545", "a b", "a/b", "**", "*.org"] {
            assert_eq!(host(text), Err(WebError::Host), "{text}");
        }
        for text in [
            "*",
            "null",
            "https://app.example",
            "http://localhost:3000",
            "http://[::1]:80",
            "chrome-extension://abc",
        ] {
            assert_eq!(origin(text).as_deref(), Ok(text));
            assert_eq!(origin_pattern(text).as_deref(), Ok(text));
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
            assert_eq!(origin(text), Err(WebError::Origin), "{text}");
        }
        for text in ["localhost", "app.example:8080", "https://a/"] {
            assert_eq!(origin_pattern(text).as_deref(), Ok(text));
        }
        for text in ["https://a/b", "a b", "http://*.example", ":80"] {
            assert_eq!(origin_pattern(text), Err(WebError::Origin), "{text}");
        }
    }
}
