//! Namespaces: the part of a method's name before the underscore. Each transport serves some of them.

pub(crate) mod admin;
pub(crate) mod context;
pub(crate) mod debug;
pub(crate) mod history;
pub(crate) mod net;
pub(crate) mod node_name;
pub(crate) mod reload;
pub(crate) mod rpc;
pub(crate) mod shh;
pub(crate) mod shhext;
pub(crate) mod web3;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A group of methods. A transport serves either all of them or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// The node and its peers. A client that may call these methods controls the node.
    Admin,
    /// What the node dropped, and why. The answers name peers and envelopes.
    Debug,
    /// Archives: what was stored while an application was away, and what arrives.
    History,
    /// The network id and the number of peers.
    Net,
    /// Which methods are served. This namespace is always served.
    Rpc,
    /// Whisper. A client that may call these methods can read the node's Whisper keys.
    Shh,
    /// Requests to mail servers, as status-go names them.
    Shhext,
    /// The version of the node's program, and a hash function.
    Web3,
}

/// The name of a namespace that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown API namespace {name:?}, want some of admin, debug, history, net, rpc, shh, shhext, web3"
)]
pub struct UnknownNamespace {
    /// The name as given.
    pub name: String,
}

impl Namespace {
    /// All namespaces.
    pub const ALL: [Self; 8] = [
        Self::Admin,
        Self::Debug,
        Self::History,
        Self::Net,
        Self::Rpc,
        Self::Shh,
        Self::Shhext,
        Self::Web3,
    ];

    /// The namespaces that are served by default: those that neither control the node nor show its inner state.
    pub const DEFAULT: [Self; 4] = [Self::History, Self::Net, Self::Shh, Self::Web3];

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Debug => "debug",
            Self::History => "history",
            Self::Net => "net",
            Self::Rpc => "rpc",
            Self::Shh => "shh",
            Self::Shhext => "shhext",
            Self::Web3 => "web3",
        }
    }

    /// The answer of `rpc_modules`. Every namespace has the version 1.0, as in go-ethereum.
    pub(crate) fn versions(served: &[Self]) -> BTreeMap<&'static str, &'static str> {
        served.iter().chain(&[Self::Rpc]).map(|namespace| (namespace.name(), "1.0")).collect()
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Namespace {
    type Err = UnknownNamespace;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|namespace| namespace.name() == name.trim());
        found.ok_or_else(|| UnknownNamespace { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_is_parsed_from_its_name() {
        for namespace in Namespace::ALL {
            assert_eq!(namespace.name().parse(), Ok(namespace));
        }
        assert!("personal".parse::<Namespace>().is_err());
    }

    #[test]
    fn admin_and_debug_are_not_served_by_default() {
        assert!(!Namespace::DEFAULT.contains(&Namespace::Admin));
        assert!(!Namespace::DEFAULT.contains(&Namespace::Debug));
    }

    #[test]
    fn the_list_of_namespaces_always_contains_rpc() {
        let versions = Namespace::versions(&[Namespace::Shh, Namespace::Rpc]);
        assert_eq!(versions.into_keys().collect::<Vec<_>>(), ["rpc", "shh"]);
    }
}
