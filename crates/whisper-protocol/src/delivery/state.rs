//! What a node keeps for its applications, and the trait of a store for it.
//!
//! This crate does not know where the state is. `whisper-store` has a store in an encrypted file.

pub(crate) mod keeping;

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

use p2p_identity::SecretKey;
use whisper_envelope::SymmetricKey;

use crate::{
    delivery::filter::FilterSpec,
    delivery::message::ReceivedMessage,
    keys::id::{FilterId, KeyId},
};

/// The outcome of a call of a [`StateStore`], which may take time. Dropping it does not undo a write.
pub type StateFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StateError>> + Send + 'a>>;

/// Keeps the keys, the filters, the waiting messages and the places in histories of the applications of a node.
pub trait StateStore: fmt::Debug + Send + Sync + 'static {
    /// Everything that is kept. A second call returns nothing.
    ///
    /// # Errors
    ///
    /// [`StateError`]: nothing is left out silently.
    fn load(&self) -> StateFuture<'_, Vec<ApplicationState>>;

    /// Makes these changes in their order, all of them or none. They are on the disk when it returns.
    ///
    /// # Errors
    ///
    /// [`StateError`]: nothing was changed.
    fn write(&self, changes: Vec<StateChange>) -> StateFuture<'_, ()>;
}

/// A store of state cannot be read or written. Clones share the cause.
#[derive(Clone)]
pub struct StateError(Arc<dyn Error + Send + Sync>);

impl StateError {
    /// An error with this cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into().into())
    }

    /// The node is stopping, so nothing more is written.
    pub(crate) fn stopping() -> Self {
        Self::new("the node is stopping")
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store of keys, filters and messages cannot be used")
    }
}

impl fmt::Debug for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for StateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// A secret key.
#[derive(Debug, Clone)]
pub enum StoredKey {
    /// A key pair.
    Pair(SecretKey),
    /// A symmetric key.
    Symmetric(SymmetricKey),
}

/// A filter, with its own copy of its key.
#[derive(Debug, Clone)]
pub struct StoredFilter {
    /// Its id.
    pub id: FilterId,
    /// The application that it belongs to.
    pub application: Arc<str>,
    /// What it wants. Its [owner](FilterSpec::owner) is not kept.
    pub spec: FilterSpec,
    /// The key that it opens envelopes with.
    pub key: StoredKey,
    /// When it was made, in seconds since 1970.
    pub made: u32,
}

/// A message that is or was in the mailbox of a filter.
#[derive(Debug, Clone)]
pub struct StoredMessage {
    /// Its number in the mailbox. Later messages have greater ones.
    pub number: u64,
    /// Identifies its content, so that it is not delivered a second time.
    pub content: [u8; 32],
    /// When its envelope expires, in seconds since 1970.
    pub expiry: u32,
    /// The message; `None` if it does not wait any more.
    pub message: Option<Arc<ReceivedMessage>>,
}

/// A filter and its mailbox.
#[derive(Debug, Clone)]
pub struct FilterState {
    /// The filter.
    pub filter: StoredFilter,
    /// The number of the last message that was fetched; 0 if none was.
    pub fetched: u64,
    /// The messages, in any order.
    pub messages: Vec<StoredMessage>,
}

/// Everything of one application.
#[derive(Debug, Clone)]
pub struct ApplicationState {
    /// The name of the application.
    pub name: Arc<str>,
    /// Its keys.
    pub keys: Vec<(KeyId, StoredKey)>,
    /// Its filters.
    pub filters: Vec<FilterState>,
    /// Its places in histories, by their names.
    pub cursors: Vec<(Arc<str>, Vec<u8>)>,
}

impl ApplicationState {
    /// An application that has nothing.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let (keys, filters, cursors) = (Vec::new(), Vec::new(), Vec::new());
        Self { name: name.into(), keys, filters, cursors }
    }
}

/// A change of what is kept.
#[derive(Debug, Clone)]
pub enum StateChange {
    /// There is this key.
    PutKey {
        /// The application that it belongs to.
        application: Arc<str>,
        /// Its id.
        id: KeyId,
        /// The key.
        key: StoredKey,
    },
    /// There is no key with this id.
    DeleteKey(KeyId),
    /// There is this filter. Its mailbox is empty: what was in it is deleted, and nothing was fetched.
    PutFilter(Box<StoredFilter>),
    /// There is no filter with this id, and no mailbox.
    DeleteFilter(FilterId),
    /// This is the message with its number. Without effect if there is no such filter.
    PutMessage {
        /// The filter.
        filter: FilterId,
        /// The message.
        message: StoredMessage,
    },
    /// There is no message with this number. It may be delivered again.
    DeleteMessage {
        /// The filter.
        filter: FilterId,
        /// The number of the message.
        number: u64,
    },
    /// The messages up to this number were fetched. Without effect if there is no such filter.
    SetFetched {
        /// The filter.
        filter: FilterId,
        /// The number of the last one.
        number: u64,
    },
    /// This is the application's place in a history.
    PutCursor {
        /// The application that it belongs to.
        application: Arc<str>,
        /// Its name, which the application has chosen.
        name: Arc<str>,
        /// The place: [`HistoryCursor::to_bytes`](crate::HistoryCursor::to_bytes), not interpreted here.
        cursor: Vec<u8>,
    },
    /// The application has no place of this name.
    DeleteCursor {
        /// The application that it belongs to.
        application: Arc<str>,
        /// Its name.
        name: Arc<str>,
    },
    /// The application is gone, with its keys, filters and places.
    DeleteApplication(Arc<str>),
}
