//! Under which rules work is done and counted: by this node, and by its peers.
//!
//! Nothing on the wire says which rule a node applies, and go-ethereum ends the connection if an envelope has too little
//! work under its own. So each peer has a rule of its own: the configuration sets it, or it follows from the client name
//! of the peer, or it is learned when the peer disconnects.

use std::collections::BTreeMap;

use p2p_identity::NodeId;
use whisper_pow::{Policy, Rule};

/// Under which rules this node and its peers count work.
#[derive(Debug, Clone, Default)]
pub struct WorkSettings {
    /// The rule that own envelopes are sealed under, and the rules that foreign ones are accepted under. Default: sealed
    /// under the EIP-627 rule, accepted under that and the go-ethereum 1.8 rule. It applies to shh/6; in shh/5 there is
    /// only the go-ethereum 1.8 rule.
    pub policy: Policy,
    /// Which rules own posts are sealed for.
    pub seal: Sealing,
    /// Peers with a configured rule. It has precedence over the client name.
    pub peers: BTreeMap<NodeId, PeerRule>,
    /// The rule of peers that are neither in [`peers`](Self::peers) nor known by their client name. Default:
    /// [`PeerRule::Unknown`].
    pub fallback: PeerRule,
}

/// Which rule a peer applies to the envelopes that it is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PeerRule {
    /// Not known. The peer is sent what has enough work under any accepted rule; if it then disconnects, its rule is
    /// known.
    #[default]
    Unknown,
    /// Any rule that this node accepts.
    Any,
    /// Only this rule.
    Only(Rule),
}

/// What the client names of this project begin with.
pub(crate) const OWN_NAMES: [&str; 2] = ["WhisperNode", "whisper-node"];

impl PeerRule {
    /// The rule that follows from the client name in Hello: of go-ethereum before 1.9 or since, Parity, nim-eth, or this
    /// node.
    ///
    /// ```
    /// use whisper_protocol::PeerRule;
    /// use whisper_pow::Rule;
    ///
    /// let rule = PeerRule::of_client("Geth/v1.8.27-stable/linux-amd64/go1.11.5");
    /// assert_eq!(rule, PeerRule::Only(Rule::GETH_1_8));
    /// assert_eq!(PeerRule::of_client("wnode/v6.0/linux-amd64/go1.11.5"), PeerRule::Unknown);
    /// ```
    #[must_use]
    pub fn of_client(name: &str) -> Self {
        let mut parts = name.split('/');
        match parts.next().unwrap_or_default() {
            "Geth" => match parts.find_map(version) {
                Some(version) if version < (1, 9) => Self::Only(Rule::GETH_1_8),
                Some(_) => Self::Only(Rule::EIP_627),
                None => Self::Unknown,
            },
            "Parity" | "Parity-Ethereum" => Self::Only(Rule::PARITY),
            "nim-eth-p2p" | "nimbus" => Self::Only(Rule::NIM),
            name if OWN_NAMES.contains(&name) => Self::Any,
            _ => Self::Unknown,
        }
    }
}

/// Major and minor version of a part like `v1.8.27-stable`. A custom name, which may stand before it, has another form.
fn version(part: &str) -> Option<(u32, u32)> {
    let mut numbers = part.strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Which rules own posts of shh/6 are sealed for.
///
/// A post is sealed under each rule separately: one message, one envelope for each rule, and the cost is the sum. An
/// envelope that happens to have enough work under two rules counts for both. Each peer is sent the envelopes that have
/// enough work under its rule. A filter receives the message once.
///
/// The first rule is mandatory: if it is not met in time, the post fails and nothing is sent. If another one is not met,
/// the post is sent under the rules that were, and [`Receipt::unmet`](crate::Receipt::unmet) names the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sealing {
    /// [`Policy::seal`], then the rules of the connected peers that require work. A peer whose rule is not known may need
    /// any rule of [`Policy::accept`].
    #[default]
    Peers,
    /// [`Policy::seal`], then all rules of [`Policy::accept`].
    All,
    /// [`Policy::seal`] alone.
    Own,
    /// These rules in this order, whatever the connected peers apply. Empty: [`Policy::seal`].
    Rules(Vec<Rule>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_names_tell_the_rule() {
        let (old, new) = (PeerRule::Only(Rule::GETH_1_8), PeerRule::Only(Rule::EIP_627));
        for (name, expected) in [
            ("Geth/v1.8.27-stable/linux-amd64/go1.19.8", old),
            ("Geth/v1.7.3-stable-4bb3c89d/linux-amd64/go1.9.2", old),
            ("Geth/v1.9.6-stable-bd059680/linux-amd64/go1.13", new),
            ("Geth/v1.10.26-stable/linux-amd64/go1.18", new),
            ("Geth/v2.0/linux", new),
            ("Geth/my own node/v1.8.27-stable/linux-amd64/go1.19.8", old),
            ("Geth/vault/v1.9.0-unstable/linux-amd64/go1.13", new),
            (
                "Parity-Ethereum/v2.5.13-stable/x86_64-linux-gnu/rustc1.40",
                PeerRule::Only(Rule::PARITY),
            ),
            ("WhisperNode/v0.1.0/linux-x86_64", PeerRule::Any),
            ("WhisperNode/my own/v0.1.0/linux-x86_64", PeerRule::Any),
            ("Geth/linux", PeerRule::Unknown),
            ("Geth", PeerRule::Unknown),
            ("Gethsemane/v1.8.27", PeerRule::Unknown),
            ("StatusIM/v0.49.0/linux-amd64/go1.13", PeerRule::Unknown),
            ("wnode/v6.0/linux-amd64/go1.11", PeerRule::Unknown),
            ("", PeerRule::Unknown),
        ] {
            assert_eq!(PeerRule::of_client(name), expected, "{name}");
        }
    }
}
