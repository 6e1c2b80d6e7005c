//! Which rules of work are gone by: this node's, and its peers'.
//!
//! Nothing on the wire says by which rule a node counts work, and go-ethereum ends the connection over
//! an envelope that has too little by its own. So what a peer goes by is kept for each peer: it is set
//! by the operator, or follows from the name the peer gives itself, or is learned from the peer's
//! leaving.

use std::collections::{BTreeMap, HashMap, VecDeque};

use p2p_identity::NodeId;
use whisper_pow::{Policy, Rule};

/// By which rules the node goes, and by which its peers do.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Under which rule own envelopes are sealed and under which rules foreign ones are accepted.
    /// Default: sealed under the EIP-627 rule, accepted under that and the go-ethereum 1.8 rule. For
    /// shh/6: in shh/5 there is but the latter.
    pub policy: Policy,
    /// Whose rules own envelopes are made to satisfy besides.
    pub seal: Sealing,
    /// Peers whose rule the operator knows. It counts for more than a peer's name.
    pub peers: BTreeMap<NodeId, PeerRule>,
    /// What holds for peers of which neither [`peers`](Self::peers) nor their names tell anything.
    /// Default: [`PeerRule::Unknown`].
    pub otherwise: PeerRule,
}

/// By which rule a peer counts the work of what it is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PeerRule {
    /// Nobody knows. It is sent what has enough work under any accepted rule; if it then ends the
    /// connection, it is known by which it goes.
    #[default]
    Unknown,
    /// By any that this node accepts, or it does not mind.
    Any,
    /// By this one alone.
    Only(Rule),
}

impl PeerRule {
    /// What the name says that a client gives itself in Hello: go-ethereum before 1.9 or since,
    /// Parity, nim-eth, or this node.
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
            "WhisperNode" | "whisper-node" => Self::Any,
            _ => Self::Unknown,
        }
    }
}

/// Major and minor version of a part like `v1.8.27-stable`. A word of the operator's own, which stands
/// before it, has no such form.
fn version(part: &str) -> Option<(u32, u32)> {
    let mut numbers = part.strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Whose rules own envelopes of shh/6 are made to satisfy, besides that of [`Policy::seal`].
///
/// A nonce that is good under rules of different hashes costs the product of what each costs; see
/// [`Task::and`](whisper_pow::Task::and). If one is not found in half of a post's
/// [`pow_time`](crate::Post::pow_time), the envelope is sealed under [`Policy::seal`] alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sealing {
    /// Of the connected peers that require work and go by another.
    #[default]
    Peers,
    /// All of [`Policy::accept`].
    All,
    /// Nobody's.
    Own,
}

/// How many peers' rules are remembered.
const MAX_LEARNED: usize = 4096;

/// What was learned of peers. When there are too many, the first is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    lessons: HashMap<NodeId, Lesson>,
    order: VecDeque<NodeId>,
}

/// What was learned of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lesson {
    rule: Rule,
    sure: bool,
}

impl Learned {
    /// The rule that a peer goes by, if that is sure enough.
    pub(crate) fn get(&self, id: &NodeId) -> Option<Rule> {
        self.lessons.get(id).filter(|lesson| lesson.sure).map(|lesson| lesson.rule)
    }

    /// A peer left, and by what it was sent it goes by `rule`. `said_why`: it gave that as its reason.
    /// That may be lost on the way, but a peer may also vanish for many reasons: it takes two times
    /// then. Whether it is sure now.
    pub(crate) fn insert(&mut self, id: NodeId, rule: Rule, said_why: bool) -> bool {
        let before = self.lessons.get(&id).copied();
        if before.is_some_and(|before| before.sure && before.rule != rule) && !said_why {
            return false; // that counts for more
        }
        let sure = said_why || before.is_some_and(|before| before.rule == rule);
        self.lessons.insert(id, Lesson { rule, sure });
        if before.is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > MAX_LEARNED
            && let Some(first) = self.order.pop_front()
        {
            self.lessons.remove(&first);
        }
        sure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clients() {
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

    fn id(number: usize) -> NodeId {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        NodeId(bytes)
    }

    #[test]
    fn who_vanishes_without_a_word_is_believed_the_second_time() {
        let (old, new) = (Rule::GETH_1_8, Rule::EIP_627);
        let mut learned = Learned::default();
        assert!(!learned.insert(id(1), old, false));
        assert_eq!(learned.get(&id(1)), None);
        assert!(!learned.insert(id(1), new, false), "not the same");
        assert!(learned.insert(id(1), new, false));
        assert_eq!(learned.get(&id(1)), Some(new));
        assert!(!learned.insert(id(1), old, false), "it vanished over something else");
        assert_eq!(learned.get(&id(1)), Some(new));
        assert!(learned.insert(id(1), old, true), "it says so itself");
        assert_eq!(learned.get(&id(1)), Some(old));
    }

    #[test]
    fn the_first_is_forgotten() {
        let mut learned = Learned::default();
        for number in 0..=MAX_LEARNED {
            assert!(learned.insert(id(number), Rule::EIP_627, true));
            assert!(learned.insert(id(number), Rule::GETH_1_8, true));
        }
        assert_eq!((learned.lessons.len(), learned.order.len()), (MAX_LEARNED, MAX_LEARNED));
        assert_eq!(learned.get(&id(0)), None);
        assert_eq!(learned.get(&id(MAX_LEARNED)), Some(Rule::GETH_1_8));
    }
}
