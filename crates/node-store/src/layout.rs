//! What a file contains, and what happens if it cannot be read.

use std::fmt;

use redb::WriteTransaction;

/// A change of the tables in a file, within a transaction.
pub type Change = fn(&WriteTransaction) -> Result<(), redb::Error>;

/// What a file contains.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// What the file is called in errors and in the log, such as "the database of known nodes".
    pub what: &'static str,
    /// The version of the tables, from 1 on.
    pub version: u64,
    /// Creates the tables of this version that are not there. It runs each time the file is opened.
    pub create: Change,
    /// Upgrades of older files: the first takes version 1 to version 2, and so on. There are `version - 1`.
    pub upgrades: &'static [Change],
    /// What happens to a file that is damaged, or of a newer version.
    pub on_damage: OnDamage,
}

/// What happens to a file that is damaged, or of a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDamage {
    /// It gets another name, and an empty file is made.
    MoveAside,
    /// It stays as it is, and opening it is an error.
    Refuse,
}

impl fmt::Display for OnDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MoveAside => "it is moved aside at the next start",
            Self::Refuse => "restore a backup",
        })
    }
}
