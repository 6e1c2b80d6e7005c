//! The methods of `admin` that show and change teams.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::context::AdminContext;
use super::unix_time::of_system_time;
use crate::audit::AuditActor;
use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::call::json::{Fields, FromJson, ValueError};
use crate::declare::api::Api;
use crate::team::Team;
use crate::team::account::TeamAccount;
use crate::team::change::TeamChangeError;
use crate::team::credential::{CertificateHash, CertificateHashError, TeamCertificate, TeamToken};
use crate::team::name::{TeamName, TeamNameError};
use crate::team::quotas::{Quota, Quotas};
use crate::team::scopes::{MethodName, MethodNameError, Scopes};
use crate::transport::token::Token;
use crate::types::team::{
    NewTeamTokenJson, QuotasJson, TeamCertificateJson, TeamJson, TeamSettings, TeamTokenJson,
    TeamUsageJson,
};

/// The fields of the settings.
const SETTINGS_FIELDS: &[&str] = &["methods", "topics", "post", "history", "admin", "quotas"];

/// The fields of the quotas.
const QUOTA_FIELDS: &[&str] = &[
    "calls",
    "bytes",
    "filters",
    "postBytes",
    "work",
    "trials",
    "mailboxBytes",
    "connections",
    "history",
    "outboxBytes",
];

/// Declares the methods. Those that change something may wait for a disk.
pub(super) fn declare(api: &mut Api<AdminContext>) {
    api.call("admin_teams", [], |admin: &AdminContext, ()| {
        let ipc = admin.editor.teams().ipc;
        let json = |account: Arc<TeamAccount>| {
            let is_ipc = ipc.as_ref() == Some(&account.team().name);
            TeamJson::of(&account, is_ipc)
        };
        Ok(admin.editor.accounts().into_iter().map(json).collect::<Vec<_>>())
    })
    .about("Returns the teams whose clients share the node, without their tokens, and what they have used.");
    api.blocking(
        "admin_addTeam",
        ["name", "settings"],
        |admin, caller, (name, settings): (String, Option<TeamSettings>)| {
            let (token, mut team) = (Token::random(), Team::new(name_of(&name)?));
            settings.unwrap_or_default().apply(&mut team)?;
            team.tokens.push(TeamToken { hash: token.hash(), expires: None });
            admin.editor.add(&actor(caller), &team)?;
            Ok(NewTeamTokenJson::from(&token))
        },
    )
    .about("Adds a team; returns its first token.")
    .fails(errors())
    .fails([CallError::MethodName { name: "shh_psot".to_owned(), error: MethodNameError }])
    .fails([TeamChangeError::Exists(example()).into()]);
    api.blocking(
        "admin_setTeam",
        ["name", "settings"],
        |admin, caller, (name, settings): (String, TeamSettings)| {
            let set = |team: &mut Team| settings.apply(team);
            admin.editor.change(&actor(caller), &name_of(&name)?, set)??;
            Ok(true)
        },
    )
    .about("Changes what a team may do. It acts on open connections as well.")
    .fails(errors())
    .fails([CallError::MethodName { name: "shh_psot".to_owned(), error: MethodNameError }])
    .fails([TeamChangeError::NoSuchTeam(example()).into()]);
    api.blocking("admin_removeTeam", ["name"], |admin, caller, (name,): (String,)| {
        Ok(admin.editor.remove(&actor(caller), &name_of(&name)?)?)
    })
    .about("Removes a team and everything that its clients made; returns whether there was one.")
    .fails(errors())
    .fails([TeamChangeError::OfIpc(example()).into()]);
    tokens(api);
    certificates(api);
}

fn certificates(api: &mut Api<AdminContext>) {
    api.blocking(
        "admin_addTeamCertificate",
        ["name", "fingerprint", "seconds"],
        |admin, caller, (name, fingerprint, seconds): (String, String, Option<u32>)| {
            let hash = fingerprint.parse::<CertificateHash>()?;
            let certificate = TeamCertificate { hash, expires: end(admin, seconds) };
            admin.editor.add_certificate(&actor(caller), &name_of(&name)?, certificate)?;
            Ok(hash.id())
        },
    )
    .about(
        "Adds a client certificate to a team, by the SHA-256 fingerprint of its DER form, for a time or without end; returns \
         its id.",
    )
    .fails(errors())
    .fails([
        CertificateHashError.into(),
        TeamChangeError::NoSuchTeam(example()).into(),
        TeamChangeError::OfOther(example()).into(),
    ]);
    api.blocking(
        "admin_removeTeamCertificate",
        ["name", "id"],
        |admin, caller, (name, id): (String, String)| {
            Ok(admin.editor.remove_certificate(&actor(caller), &name_of(&name)?, &id)?)
        },
    )
    .about(
        "Removes a client certificate of a team, by the id that `admin_teams` shows; returns whether there was one. \
         Connections that showed it are closed.",
    )
    .fails(errors())
    .fails([TeamChangeError::NoSuchTeam(example()).into()]);
}

/// When something ends that is given for a time.
fn end(admin: &AdminContext, seconds: Option<u32>) -> Option<u64> {
    let now = of_system_time(admin.world.unix_time());
    seconds.map(|seconds| now.saturating_add(seconds.into()))
}

fn tokens(api: &mut Api<AdminContext>) {
    api.blocking(
        "admin_addTeamToken",
        ["name", "seconds"],
        |admin, caller, (name, seconds): (String, Option<u32>)| {
            let (token, expires) = (Token::random(), end(admin, seconds));
            let name = name_of(&name)?;
            admin.editor.add_token(&actor(caller), &name, token.hash(), expires)?;
            Ok(NewTeamTokenJson::from(&token))
        },
    )
    .about("Adds a token to a team, for a time or without end; returns it.")
    .fails(errors())
    .fails([TeamChangeError::NoSuchTeam(example()).into()]);
    api.blocking("admin_removeTeamToken", ["name", "id"], |admin, caller, (name, id): (String, String)| {
        Ok(admin.editor.remove_token(&actor(caller), &name_of(&name)?, &id)?)
    })
    .about(
        "Removes a token of a team, by the id that `admin_teams` shows; returns whether there was one. Connections that \
         showed it are closed.",
    )
    .fails(errors())
    .fails([TeamChangeError::NoSuchTeam(example()).into()]);
}

/// Errors that all changes have in common.
fn errors() -> [CallError; 3] {
    [
        TeamNameError::Form.into(),
        TeamChangeError::NoTeams.into(),
        TeamChangeError::Kept("teams.toml:3: not TOML".to_owned()).into(),
    ]
}

/// The name of a team in examples.
fn example() -> TeamName {
    // It is only shown.
    "weather".parse().unwrap_or_else(|_| TeamName::operator())
}

/// Who calls.
fn actor(caller: &Caller) -> AuditActor {
    AuditActor::of(&caller.pass)
}

fn name_of(name: &str) -> Result<TeamName, CallError> {
    Ok(name.parse::<TeamName>()?)
}

impl TeamSettings {
    /// Changes what is given.
    fn apply(self, team: &mut Team) -> Result<(), CallError> {
        let scopes = &mut team.scopes;
        if let Some(methods) = self.methods {
            let parse =
                |name: String| name.parse().map_err(|error| CallError::method_name(&name, error));
            scopes.methods = methods.into_iter().map(parse).collect::<Result<_, _>>()?;
        }
        if let Some(topics) = self.topics {
            scopes.topics = topics;
        }
        scopes.post = self.post.unwrap_or(scopes.post);
        scopes.history = self.history.unwrap_or(scopes.history);
        scopes.admin = self.admin.unwrap_or(scopes.admin);
        if let Some(mut json) = self.quotas {
            for quota in Quota::ALL {
                team.quotas.set(quota, json.field(quota).and_then(NonZeroU32::new));
            }
        }
        Ok(())
    }
}

impl FromJson for TeamSettings {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        let fields = Fields::of(json, SETTINGS_FIELDS)?;
        Ok(Self {
            methods: fields.get("methods")?,
            topics: fields.get("topics")?,
            post: fields.get("post")?,
            history: fields.get("history")?,
            admin: fields.get("admin")?,
            quotas: fields.get("quotas")?,
        })
    }
}

impl FromJson for QuotasJson {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        let fields = Fields::of(json, QUOTA_FIELDS)?;
        let mut quotas = Self::default();
        for (quota, name) in Quota::ALL.into_iter().zip(QUOTA_FIELDS) {
            *quotas.field(quota) = fields.get(name)?;
        }
        Ok(quotas)
    }
}

impl QuotasJson {
    fn of(quotas: &Quotas) -> Self {
        let mut json = Self::default();
        for quota in Quota::ALL {
            *json.field(quota) = quotas.get(quota).map(NonZeroU32::get);
        }
        json
    }

    fn field(&mut self, quota: Quota) -> &mut Option<u32> {
        match quota {
            Quota::Calls => &mut self.calls,
            Quota::Bytes => &mut self.bytes,
            Quota::Filters => &mut self.filters,
            Quota::PostBytes => &mut self.post_bytes,
            Quota::Work => &mut self.work,
            Quota::Trials => &mut self.trials,
            Quota::MailboxBytes => &mut self.mailbox_bytes,
            Quota::Connections => &mut self.connections,
            Quota::History => &mut self.history,
            Quota::OutboxBytes => &mut self.outbox_bytes,
        }
    }
}

impl TeamUsageJson {
    fn of(account: &TeamAccount) -> Self {
        let (usage, of_node) = (account.meter.usage(), account.whisper.usage());
        Self {
            calls: usage.calls,
            bytes: usage.bytes,
            posts: usage.posts,
            filters: account.filters(),
            subscriptions: usage.subscriptions,
            connections: usage.connections,
            work_millis: u64::try_from(of_node.core_time.as_millis()).unwrap_or(u64::MAX),
            trials: of_node.trials,
            mailbox_bytes: of_node.mailbox_bytes,
            outbox_bytes: usage.outbox_bytes,
            history: usage.read,
            refused: usage.refused.iter().map(|(_, count)| count).sum(),
        }
    }
}

impl TeamJson {
    fn of(account: &TeamAccount, ipc: bool) -> Self {
        let team = account.team();
        let Scopes { methods, topics, post, history, admin } = &team.scopes;
        let token =
            |token: &TeamToken| TeamTokenJson { id: token.hash.id(), expires: token.expires };
        let certificate = |shown: &TeamCertificate| TeamCertificateJson {
            id: shown.hash.id(),
            fingerprint: shown.hash.to_string(),
            expires: shown.expires,
        };
        Self {
            name: team.name.to_string(),
            tokens: team.tokens.iter().map(token).collect(),
            certificates: team.certificates.iter().map(certificate).collect(),
            methods: methods.iter().map(MethodName::to_string).collect(),
            topics: topics.iter().map(ToString::to_string).collect(),
            post: *post,
            history: *history,
            admin: *admin,
            ipc,
            quotas: QuotasJson::of(&team.quotas),
            usage: TeamUsageJson::of(account),
        }
    }
}

impl From<&Token> for NewTeamTokenJson {
    fn from(token: &Token) -> Self {
        Self { id: token.hash().id(), token: token.reveal().to_owned() }
    }
}
