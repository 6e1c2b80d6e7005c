//! What the node knows about another node, and what it will do next.

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A node in `admin_dialState`. Fields that do not apply are left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "DialState"))]
pub struct DialStateJson {
    /// Its enode URL; without an address if none is known.
    pub enode: String,
    /// Its id as in `admin_peers`.
    pub id: String,
    /// Why it is dialed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<DialKindJson>,
    /// Whether it is accepted even when all peer slots are taken.
    pub trusted: bool,
    /// Whether it is a peer now.
    pub connected: bool,
    /// What the node does next.
    pub next: NextActionJson,
    /// The time of `next`, in seconds since 1970: when the next attempt starts, when the current state began, or when
    /// the bar ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Why the node waits, or which rule bars the other node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Number of failed attempts in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// How the last connection ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_drop: Option<OutcomeJson>,
    /// Why the last attempt to connect failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<OutcomeJson>,
}

/// Why a node is dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "DialKind"))]
pub enum DialKindJson {
    /// Discovery found it. It is dialed once.
    Found,
    /// A boot node. It is dialed while there is no peer.
    Boot,
    /// A static node. It is dialed until it is removed.
    Static,
}

/// What the node does next about another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "NextAction"))]
pub enum NextActionJson {
    /// It will be dialed.
    Dial,
    /// It is being dialed.
    #[serde(rename = "dialling")]
    Dialing,
    /// It is a peer and stays one.
    Stay,
    /// A rule bars it.
    Barred,
    /// Nothing.
    None,
}

/// How and when a connection, or an attempt to connect, ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Outcome"))]
pub struct OutcomeJson {
    /// When it ended, in seconds since 1970.
    pub at: u64,
    /// Which end ended it, and why.
    pub why: String,
}
