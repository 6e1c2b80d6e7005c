//! The report of `admin_reload`.

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a reload did with the settings that differ from those of the running node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReloadReport {
    /// The settings that changed, by their names.
    pub applied: Vec<String>,
    /// The settings that differ and need a restart. The node goes on with their old values.
    pub needs_restart: Vec<String>,
}
