//! The part of a method's name before the underscore, and which of them a transport serves.

pub(crate) mod admin;
pub(crate) mod debug;
pub(crate) mod enode;
pub(crate) mod modules;
pub(crate) mod net;
pub(crate) mod shh;
pub(crate) mod web3;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A group of methods that is served, or not, as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// The node and its peers. Who may call these controls the node.
    Admin,
    /// What the node dropped and why. It names peers and envelopes.
    Debug,
    /// The network as the node sees it.
    Net,
    /// What is served; always is.
    Rpc,
    /// Whisper. Who may call these can read the keys held by the node.
    Shh,
    /// The client's version, and a hash.
    Web3,
}

/// A name that is no namespace of this node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown API namespace {name:?}, want some of admin, debug, net, rpc, shh, web3")]
pub struct UnknownNamespace {
    /// The name as given.
    pub name: String,
}

impl Namespace {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Admin, Self::Debug, Self::Net, Self::Rpc, Self::Shh, Self::Web3];

    /// What is served unless told otherwise: everything that neither controls the node nor looks into it.
    pub const DEFAULT: [Self; 3] = [Self::Net, Self::Shh, Self::Web3];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Debug => "debug",
            Self::Net => "net",
            Self::Rpc => "rpc",
            Self::Shh => "shh",
            Self::Web3 => "web3",
        }
    }

    /// What `rpc_modules` answers: go-ethereum gives every namespace the version 1.0, and so its clients expect.
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
        let named = Self::ALL.into_iter().find(|namespace| namespace.name() == name.trim());
        named.ok_or_else(|| UnknownNamespace { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_is_found_by_its_name() {
        for namespace in Namespace::ALL {
            assert_eq!(namespace.name().parse(), Ok(namespace));
        }
        assert!("personal".parse::<Namespace>().is_err());
    }

    #[test]
    fn what_controls_the_node_or_looks_into_it_is_not_served_by_default() {
        assert!(!Namespace::DEFAULT.contains(&Namespace::Admin));
        assert!(!Namespace::DEFAULT.contains(&Namespace::Debug));
    }

    #[test]
    fn the_list_of_modules_always_names_itself() {
        let versions = Namespace::versions(&[Namespace::Shh, Namespace::Rpc]);
        assert_eq!(versions.into_keys().collect::<Vec<_>>(), ["rpc", "shh"]);
    }
}
