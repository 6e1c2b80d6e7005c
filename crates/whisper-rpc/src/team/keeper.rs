//! Keeping what clients change about teams.

use std::fmt;
use std::sync::Arc;

use crate::team::Team;
use crate::team::name::TeamName;

/// Keeps changes of the teams that administrators make over JSON-RPC, for example in the file that the teams came from. It
/// gets the name of the team, and the whole team before and after the change: `None` if it is added or removed. An error says why
/// it cannot be kept; then nothing is changed.
#[derive(Clone)]
pub struct TeamKeeper(Arc<Keep>);

/// Keeps a change of a team.
type Keep = dyn Fn(&TeamName, Option<&Team>, Option<&Team>) -> Result<(), String> + Send + Sync;

impl TeamKeeper {
    /// A keeper that runs `keep`, which may wait for a disk.
    pub fn new(
        keep: impl Fn(&TeamName, Option<&Team>, Option<&Team>) -> Result<(), String>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(keep))
    }

    pub(crate) fn keep(
        &self,
        name: &TeamName,
        old: Option<&Team>,
        new: Option<&Team>,
    ) -> Result<(), String> {
        (self.0)(name, old, new)
    }
}

impl fmt::Debug for TeamKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TeamKeeper")
    }
}
