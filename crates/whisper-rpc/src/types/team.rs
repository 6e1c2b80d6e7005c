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
}

/// A team, as `admin_teams` lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Team"))]
pub struct TeamJson {
    /// The name.
    pub name: String,
    /// Its tokens. The tokens themselves are not known to the node.
    pub tokens: Vec<TeamTokenJson>,
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
