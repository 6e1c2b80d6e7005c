//! Stored envelopes: what an archive is asked, and what it answers.
//!
//! An archive numbers its envelopes in the order in which it has stored them: their arrival numbers. A reader that has read
//! up to some number misses nothing if it goes on after it, however late an envelope arrives. The time of sending, which the
//! sender chooses, is not an order.

mod answers;
mod asking;
mod error;
mod fault;
pub(crate) mod history;
mod memory;
mod page;
pub(crate) mod peers;
mod query;
pub(crate) mod recorder;
mod serving;
mod session;
mod settings;
pub mod wire;

use std::{fmt, future::Future, pin::Pin};

use tokio::sync::watch;
use whisper_envelope::Envelope;

pub use error::ArchiveError;
pub use memory::MemoryArchive;
pub use page::{HistoryPage, StoredEnvelope};
pub use query::{HistoryFilter, HistoryQuery};
pub use settings::ArchiveSettings;

/// Identifies an archive and its content: 8 random bytes. An archive that was replaced by an empty one has another id, and
/// its arrival numbers mean something else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArchiveId(pub [u8; 8]);

/// The answer of an archive, which may take time. Dropping it does not undo an append.
pub type ArchiveFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ArchiveError>> + Send + 'a>>;

/// An envelope that an archive has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its arrival number.
    pub arrival: u64,
    /// Whether the archive had it before.
    pub known: bool,
}

/// Stores envelopes, and finds them again.
pub trait Archive: fmt::Debug + Send + Sync + 'static {
    /// Which archive it is. It can change, with a change of [`newest`](Self::newest): when a database was restored from an older
    /// copy, for example. No page has envelopes of both.
    fn id(&self) -> ArchiveId;

    /// Stores envelopes. An envelope that is there already is not stored again. When the answer comes, all of them are on the
    /// disk; it has one entry for each, in the same order.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`]: then some or none of them are stored. They can be appended again.
    fn append(&self, envelopes: Vec<Envelope>) -> ArchiveFuture<'_, Vec<Appended>>;

    /// Finds envelopes, in the order of their arrival numbers.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`]: nothing is left out of a page silently.
    fn page(&self, query: HistoryQuery) -> ArchiveFuture<'_, HistoryPage>;

    /// The newest arrival number that a page can contain; 0 if nothing was ever stored. It changes with each append.
    fn newest(&self) -> watch::Receiver<u64>;
}

impl fmt::Display for ArchiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ArchiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArchiveId({self})")
    }
}
