//! Teams, as the methods of `admin` show and change them.

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use whisper_envelope::PartialTopic;

use crate::types::topic;

/// What to change of a team: the argument of `admin_addTeam` and `admin_setTeam`. An absent field stays as it is; for a new
/// team, as it is without the field in the file of the teams. The server refuses other fields.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(default, deny_unknown_fields))]
pub struct TeamSettings {
    /// The methods and namespaces that it may call. Empty: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<String>>,
    /// The topics that it may use, or the beginnings of topics. Empty: all.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "topic::serialize_partial")]
    #[cfg_attr(feature = "server", schemars(with = "Option<Vec<crate::types::HexBytes>>"))]
    pub topics: Option<Vec<PartialTopic>>,
    /// Whether it may post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<bool>,
    /// Whether it may read archives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<bool>,
    /// Whether it may administer the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
    /// Its quotas. All of them are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quotas: Option<QuotasJson>,
}

/// How much of the node a team may use. An absent or zero quota is no limit. The server refuses other fields.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "server", derive(JsonSchema))]
#[cfg_attr(feature = "server", schemars(default, deny_unknown_fields, rename = "Quotas"))]
pub struct QuotasJson {
    /// Maximum number of calls a second.
    pub calls: Option<u32>,
    /// Maximum number of bytes a second: arguments, answers and notifications.
    pub bytes: Option<u32>,
    /// Maximum number of filters and subscriptions to messages at a time.
    pub filters: Option<u32>,
    /// Maximum number of bytes of posts that have not expired.
    pub post_bytes: Option<u32>,
    /// Maximum number of core-seconds of proof of work a minute.
    pub work: Option<u32>,
    /// Maximum number of keys that are tried on envelopes a second. A private key counts as 150.
    pub trials: Option<u32>,
    /// Maximum number of bytes of the messages in all mailboxes together.
    pub mailbox_bytes: Option<u32>,
    /// Maximum number of connections at a time.
    pub connections: Option<u32>,
    /// Maximum number of envelopes that are read from archives a minute.
    pub history: Option<u32>,
    /// Maximum number of bytes of notifications that clients have not read.
    pub outbox_bytes: Option<u32>,
}

/// What a team has used since the node started, or since the team was added.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "TeamUsage"))]
pub struct TeamUsageJson {
    /// Calls, with those that were refused.
    pub calls: u64,
    /// Bytes of arguments, answers and notifications.
    pub bytes: u64,
    /// Posts that were accepted.
    pub posts: u64,
    /// Filters that it has now.
    pub filters: usize,
    /// Subscriptions to messages that it has now.
    pub subscriptions: u64,
    /// Connections that it has now.
    pub connections: u64,
    /// Milliseconds that cores have worked on its proofs of work.
    pub work_millis: u64,
    /// Keys that were tried on envelopes for it. A private key counts as 150.
    pub trials: u64,
    /// Bytes of the messages in its mailboxes now.
    pub mailbox_bytes: u64,
    /// Bytes of notifications that its clients have not read now.
    pub outbox_bytes: u64,
    /// Envelopes that it has read from archives.
    pub history: u64,
    /// Calls that were refused because of a quota.
    pub refused: u64,
}

/// A team, as `admin_teams` lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Team"))]
pub struct TeamJson {
    /// The name.
    pub name: String,
    /// Its tokens. The tokens themselves are not known to the node.
    pub tokens: Vec<TeamTokenJson>,
    /// Its client certificates.
    pub certificates: Vec<TeamCertificateJson>,
    /// The methods and namespaces that it may call. Empty: all.
    pub methods: Vec<String>,
    /// The topics that it may use, or the beginnings of topics. Empty: all.
    pub topics: Vec<String>,
    /// Whether it may post.
    pub post: bool,
    /// Whether it may read archives.
    pub history: bool,
    /// Whether it may administer the node.
    pub admin: bool,
    /// Whether clients of IPC are in this team.
    pub ipc: bool,
    /// How much of the node it may use.
    pub quotas: QuotasJson,
    /// What it has used.
    pub usage: TeamUsageJson,
}

/// A token of a team, as `admin_teams` lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "TeamToken"))]
pub struct TeamTokenJson {
    /// The beginning of its hash, by which `admin_removeTeamToken` finds it.
    pub id: String,
    /// When it ends, in seconds since 1970; `null` if it does not end.
    pub expires: Option<u64>,
}

/// A client certificate of a team, as `admin_teams` lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "TeamCertificate"))]
pub struct TeamCertificateJson {
    /// The beginning of its fingerprint, by which `admin_removeTeamCertificate` finds it.
    pub id: String,
    /// The SHA-256 hash of the certificate in DER form.
    pub fingerprint: String,
    /// When it ends, in seconds since 1970; `null` if it does not end.
    pub expires: Option<u64>,
}

/// A new token of a team: the answer of `admin_addTeam` and `admin_addTeamToken`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "NewTeamToken"))]
pub struct NewTeamTokenJson {
    /// The beginning of its hash, by which `admin_removeTeamToken` finds it.
    pub id: String,
    /// The token, for a client of the team. The node keeps only its hash, so it is not shown again.
    pub token: String,
}

/// Does not show the token.
impl std::fmt::Debug for NewTeamTokenJson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewTeamTokenJson").field("id", &self.id).finish_non_exhaustive()
    }
}
