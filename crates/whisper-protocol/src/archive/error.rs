//! Why an archive cannot do what it is asked.

use std::{error::Error, fmt, sync::Arc};

/// The store of an archive cannot be read or written.
///
/// Clones share the cause: one write may be for several calls.
#[derive(Clone)]
pub struct ArchiveError(Arc<dyn Error + Send + Sync>);

impl ArchiveError {
    /// An error with this cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into().into())
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the archive cannot be used")
    }
}

impl fmt::Debug for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ArchiveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
