//! What administrators do, what is refused to teams, and how teams change: for an audit log.
//!
//! The servers tell an [`AuditSink`] of each event. The program that runs the node writes them: [`AuditLimiter`] keeps a
//! flood of equal events from filling the disk, [`AuditChain`] makes lines of which each is bound to the one before.

pub(crate) mod chain;
pub(crate) mod limiter;

use std::fmt;
use std::sync::Arc;

use jsonrpsee::core::server::MethodResponse;
use serde::{Deserialize, Serialize};

use crate::call::error::{CallError, NOT_PERMITTED_CODE};
use crate::team::Teams;
use crate::team::credential::Shown;
use crate::team::method_rule::{MethodRule, Right};
use crate::team::name::TeamName;
use crate::team::pass::Pass;

/// Maximum number of characters of an error or a refusal in an event.
const MAX_TEXT: usize = 300;

/// Maximum number of names of teams in one list of an event.
const MAX_NAMES: usize = 100;

/// Something to be written into the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum AuditEvent {
    /// The node has started.
    Started {
        /// Bytes of an incomplete line that was removed at the end of the file: the machine stopped while it was written.
        #[serde(skip_serializing_if = "is_zero")]
        removed_bytes: u64,
    },
    /// A client has called a method about the whole node.
    Administration {
        /// Who called.
        #[serde(flatten)]
        by: AuditActor,
        /// The method.
        method: String,
        /// Why it failed; absent if it did what was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A client has called a method that its team may not call, or not with these arguments.
    Refused {
        /// Who called.
        #[serde(flatten)]
        by: AuditActor,
        /// The method.
        method: String,
        /// What was missing.
        reason: String,
    },
    /// Teams have changed: by a call, or because the file of the teams was read again.
    Teams {
        /// Who called; absent if the file was read again.
        #[serde(flatten)]
        by: Option<AuditActor>,
        /// The new teams.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        added: Vec<String>,
        /// The teams whose tokens, certificates, scopes or quotas are different now.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        changed: Vec<String>,
        /// The teams that are gone.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        removed: Vec<String>,
        /// Whether clients of IPC are in another team now.
        #[serde(skip_serializing_if = "is_false")]
        ipc: bool,
    },
    /// Events that are not written one by one, because there were many of a team and a method within a minute.
    Repeated {
        /// The kind of the events: `administration` or `refused`.
        of: String,
        /// The team.
        team: String,
        /// The method.
        method: String,
        /// Their number.
        count: u64,
    },
    /// Events that could not be written, because the disk was too slow for them.
    Lost {
        /// Their number.
        count: u64,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_false(is: &bool) -> bool {
    !*is
}

/// Who has called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditActor {
    /// The team; `operator` for clients of IPC that are in no other team.
    pub team: String,
    /// The beginning of the hash of the token, as `admin_teams` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The beginning of the hash of the certificate, if it showed one and no token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

impl AuditActor {
    pub(crate) fn of(pass: &Pass) -> Self {
        let (token, certificate) = match pass.shown() {
            None => (None, None),
            Some(Shown::Token(hash)) => (Some(hash.id()), None),
            Some(Shown::Certificate(hash)) => (None, Some(hash.id())),
        };
        Self { team: pass.account.team().name.to_string(), token, certificate }
    }
}

/// Gets the events. It is called in the middle of a call, so it must not wait.
#[derive(Clone)]
pub struct AuditSink(Arc<dyn Fn(AuditEvent) + Send + Sync>);

impl AuditSink {
    /// A sink that passes the events to `record`.
    pub fn new(record: impl Fn(AuditEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(record))
    }

    /// A call has ended.
    pub(crate) fn call(
        &self,
        rule: &MethodRule,
        pass: &Pass,
        result: &Result<MethodResponse, CallError>,
    ) {
        let (code, text) = match result {
            Err(error) => (Some(error.code()), Some(error.to_string())),
            Ok(response) => (response.as_error_code(), message(response)),
        };
        let text = text.map(|text| text.chars().take(MAX_TEXT).collect());
        let (by, method) = (AuditActor::of(pass), rule.name.to_owned());
        if code == Some(NOT_PERMITTED_CODE) {
            let reason = text.unwrap_or_default();
            (self.0)(AuditEvent::Refused { by, method, reason });
        } else if rule.right == Right::Administer && !rule.name.is_empty() {
            (self.0)(AuditEvent::Administration { by, method, error: text });
        }
    }

    /// The teams have changed.
    pub(crate) fn teams(&self, by: Option<AuditActor>, old: &Teams, new: &Teams) {
        let named = |teams: &Teams, name: &TeamName| {
            teams.teams.iter().find(|team| team.name == *name).cloned()
        };
        let names = |all: &Teams, wanted: &dyn Fn(&TeamName) -> bool| {
            let names = all.teams.iter().map(|team| &team.name).filter(|name| wanted(name));
            names.take(MAX_NAMES).map(ToString::to_string).collect::<Vec<_>>()
        };
        let added = names(new, &|name| named(old, name).is_none());
        let removed = names(old, &|name| named(new, name).is_none());
        let changed =
            names(new, &|name| named(old, name).is_some_and(|old| Some(old) != named(new, name)));
        (self.0)(AuditEvent::Teams { by, added, changed, removed, ipc: old.ipc != new.ipc });
    }
}

/// The text of an error in an answer.
fn message(response: &MethodResponse) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        error: Message,
    }
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    response.as_error_code()?;
    serde_json::from_str::<Answer>(response.as_ref()).ok().map(|answer| answer.error.message)
}

impl fmt::Debug for AuditSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditSink")
    }
}
