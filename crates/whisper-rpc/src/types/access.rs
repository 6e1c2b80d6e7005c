//! Bans.

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A ban, as `admin_bans` lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Ban"))]
pub struct BanJson {
    /// The id of a node, or a network in CIDR form.
    pub who: String,
    /// When the ban ends, in seconds since 1970; `null` if it does not end.
    pub until: Option<u64>,
}
