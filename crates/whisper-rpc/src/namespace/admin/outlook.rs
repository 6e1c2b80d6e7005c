//! What the node knows and intends about each of its peers, and those that it would have.

use std::time::SystemTime;

use p2p_identity::causes;
use p2p_server::{Barred, Kind, NextAction, Outlook, Refusal, Why};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Admin;
use super::moment::{seconds, unix};
use crate::declare::api::Api;
use crate::namespace::enode::hashed;

/// A node in `admin_dialState`. What does not apply is left out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Outlook")]
pub struct OutlookJson {
    /// Its enode URL; without an address if none is known.
    pub enode: String,
    /// Its id as in `admin_peers`.
    pub id: String,
    /// Why it is dialled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<PlannedJson>,
    /// Whether it is let in even when all places are taken.
    pub trusted: bool,
    /// Whether it is a peer now.
    pub connected: bool,
    /// What comes next.
    pub next: NextJson,
    /// When: the attempt that comes, the beginning of what is, the end of what bars it; in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// What the wait is for, or what bars it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Failures in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// How the last connection with it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_drop: Option<EndingJson>,
    /// Why the last attempt to reach it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<EndingJson>,
}

/// Why a node is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Planned")]
pub enum PlannedJson {
    /// It was found: one attempt.
    Found,
    /// A boot node, while there is no peer.
    Boot,
    /// For ever.
    Static,
}

/// What will be done about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Next")]
pub enum NextJson {
    /// It is dialled.
    Dial,
    /// It is being dialled.
    Dialling,
    /// It is a peer and stays.
    Stay,
    /// A rule keeps it out.
    Barred,
    /// Nothing.
    None,
}

/// An ending.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Ending")]
pub struct EndingJson {
    /// When it was, in seconds since 1970.
    pub at: u64,
    /// Whose doing it was, and why.
    pub why: String,
}

pub(super) fn declare(api: &mut Api<Admin>) {
    api.call("admin_dialState", [], |admin: &Admin, ()| {
        Ok(admin.server.outlook().into_iter().map(OutlookJson::from).collect::<Vec<_>>())
    })
    .about("Every node that is dialled, connected or remembered: what comes next, and how it ended last.");
}

impl From<Outlook> for OutlookJson {
    fn from(outlook: Outlook) -> Self {
        let Outlook { id, enode, kind, trusted, connected, next, last, .. } = outlook;
        let ending = |at: SystemTime, why: String| EndingJson { at: seconds(at), why };
        let (next, at, why) = next.map_or_else(|| (nothing(connected), None, None), step);
        Self {
            enode: enode.map_or_else(|| format!("enode://{id}"), |enode| enode.to_string()),
            id: hashed(&id),
            kind: kind.map(PlannedJson::from),
            trusted,
            connected,
            next,
            at,
            why: why.map(str::to_owned),
            failures: match outlook.next {
                Some(NextAction::Dial { failures, .. }) => Some(failures),
                _ => None,
            },
            last_drop: last.dropped.map(|(at, closed)| ending(at, closed.to_string())),
            last_failure: last
                .dial_failed
                .map(|(at, cause)| ending(at, causes(&*cause).to_string())),
        }
    }
}

impl From<Kind> for PlannedJson {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Found => Self::Found,
            Kind::Boot => Self::Boot,
            Kind::Static => Self::Static,
        }
    }
}

/// What comes next, when, and why.
fn step(action: NextAction) -> (NextJson, Option<u64>, Option<&'static str>) {
    match action {
        NextAction::Dial { at, why, .. } => (NextJson::Dial, Some(unix(at)), Some(reason(why))),
        NextAction::Dialling { since } => (NextJson::Dialling, Some(unix(since)), None),
        NextAction::Connected { since } => (NextJson::Stay, Some(unix(since)), None),
        NextAction::Barred(Barred { why, until }) => {
            (NextJson::Barred, until.map(unix), Some(rule(why)))
        }
        NextAction::Idle => (NextJson::None, None, Some("there are peers")),
        _ => (NextJson::None, None, Some("this node does not dial")),
    }
}

/// Nothing will be done about a node that is not in the plan.
const fn nothing(connected: bool) -> NextJson {
    if connected { NextJson::Stay } else { NextJson::None }
}

const fn reason(why: Why) -> &'static str {
    match why {
        Why::New => "new",
        Why::Failed => "failed",
        Why::Lost => "lost",
    }
}

const fn rule(why: Refusal) -> &'static str {
    match why {
        Refusal::Banned => "banned",
        Refusal::NotAllowed => "not allowed",
        _ => "outside of --netrestrict",
    }
}
