//! Virtual hosts: which names in the `Host` header are answered.
//!
//! A hostile web page cannot read another origin's answers, but its owner's DNS server can make the page's own name
//! point at 127.0.0.1 and so make them the same origin ("DNS rebinding"). The `Host` header then carries that name,
//! and is the only thing that gives the trick away.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::{Request, header};

/// The host names for which a server answers.
#[derive(Clone, Debug)]
pub struct VirtualHosts {
    any: bool,
    names: BTreeSet<String>,
}

impl VirtualHosts {
    /// The names as configured; `*` is any.
    #[must_use]
    pub fn new(names: &[String]) -> Self {
        let names: BTreeSet<_> =
            names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        Self { any: names.contains("*"), names }
    }

    /// Whether a request is answered.
    #[must_use]
    pub fn allow<B>(&self, request: &Request<B>) -> bool {
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let host = match request.headers().get(header::HOST) {
            Some(host) => host.to_str().ok().map(Some),
            None => Some(authority),
        };
        // No browser leaves the header out, so its absence is no sign of one.
        host.is_some_and(|host| host.is_none_or(|host| self.allows(host)))
    }

    /// Whether a `Host` header is answered: a known name, or an IP address, which cannot be rebound.
    fn allows(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        self.any || name.parse::<IpAddr>().is_ok() || self.names.contains(&name)
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`: the host.
fn without_port(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match host.rsplit_once(':') {
        // A second colon: a bare IPv6 address, which has no port to take off.
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
    fn known_names_and_addresses_pass() {
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
    fn a_star_lets_any_name_pass() {
        assert!(hosts(&["*"]).allows("example.com"));
    }
}
