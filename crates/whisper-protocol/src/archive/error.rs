//! Why an archive cannot do what it is asked.

use std::{error::Error, fmt, sync::Arc};

/// The store of an archive cannot be read or written.
///
/// Clones share the cause: one write may be for several calls.
#[derive(Clone)]
pub struct ArchiveError {
    cause: Arc<dyn Error + Send + Sync>,
    is_damage: bool,
}

impl ArchiveError {
    /// An error with this cause, which may be over later.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: cause.into().into(), is_damage: false }
    }

    /// What is stored is damaged: it makes no sense to try again.
    pub fn damaged(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: cause.into().into(), is_damage: true }
    }

    /// Whether what is stored is damaged. Otherwise the same call may succeed later.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        self.is_damage
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the archive cannot be used")
    }
}

impl fmt::Debug for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for ArchiveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}
