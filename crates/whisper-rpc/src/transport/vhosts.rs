//! Virtual hosts: which names in the `Host` header are accepted.
//!
//! A web page cannot read answers of another origin. But its owner's DNS server can let the page's own name point to
//! 127.0.0.1, so that the node seems to be the page's origin ("DNS rebinding"). Then the `Host` header contains that
//! name, which is the only way to notice it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::{Request, header};

/// The accepted host names.
#[derive(Clone, Debug)]
pub struct VirtualHosts {
    any: bool,
    names: BTreeSet<String>,
}

impl VirtualHosts {
    /// Reads the configured names. `*` accepts any name.
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        let names: BTreeSet<_> =
            names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        Self { any: names.contains("*"), names }
    }

    /// Whether the host of a request is accepted.
    #[must_use]
    pub fn allow<B>(&self, request: &Request<B>) -> bool {
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let host = match request.headers().get(header::HOST) {
            Some(host) => host.to_str().ok().map(Some),
            None => Some(authority),
        };
        // Browsers always send the header, so a request without it is not from a web page.
        host.is_some_and(|host| host.is_none_or(|host| self.allows(host)))
    }

    /// Whether a host is accepted: a configured name, or an IP address, which cannot be rebound.
    fn allows(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        self.any || name.parse::<IpAddr>().is_ok() || self.names.contains(&name)
    }
}

/// The host in `host`, `host:port`, `[v6]` or `[v6]:port`.
fn without_port(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match host.rsplit_once(':') {
        // With a second colon it is a bare IPv6 address without a port.
        Some((name, _)) if !name.contains(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> VirtualHosts {
        VirtualHosts::new(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn configured_names_and_addresses_are_accepted() {
        let hosts = hosts(&["localhost", "Node.Example"]);
        let allowed =
            ["localhost", "LOCALHOST:8545", "node.example", "10.1.2.3", "[::1]:8545", "::1"];
        for host in allowed {
            assert!(hosts.allows(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com", "", "node.example.evil:80"] {
            assert!(!hosts.allows(host), "{host}");
        }
    }

    #[test]
    fn a_star_accepts_any_name() {
        assert!(hosts(&["*"]).allows("example.com"));
    }
}
