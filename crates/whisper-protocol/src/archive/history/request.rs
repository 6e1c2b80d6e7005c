//! What to read from archives.

use std::ops::RangeInclusive;

use p2p_identity::NodeId;
use p2p_world::HashSet;
use whisper_envelope::{Dialect, SymmetricKey};

use super::{
    CREDIT,
    cursor::{self, HistoryCursor, MAX_ARCHIVES},
    reader::Reader,
};
use crate::{
    HistoryFilter, StoredMessages,
    archive::wire::{ArchiveQuery, MAX_VALUES},
};

/// What is asked.
#[derive(Debug)]
pub(super) struct Asked {
    /// From the beginning and without an id.
    pub(super) query: ArchiveQuery,
    pub(super) password: Option<SymmetricKey>,
    /// A digest of what is asked, for the cursors.
    pub(super) question: [u8; 8],
    /// The nodes whose archives are read; empty: any.
    pub(super) nodes: Vec<NodeId>,
}

/// Where to start.
pub(super) struct Start {
    pub(super) cursor: HistoryCursor,
    pub(super) reader: Option<Reader>,
}

/// What to read from archives.
#[derive(Debug, Clone)]
pub struct HistoryRequest {
    /// Which envelopes are wanted.
    pub filter: HistoryFilter,
    /// Only envelopes of this dialect; `None`: of both.
    pub dialect: Option<Dialect>,
    /// Only envelopes that were sent at this time, in seconds since 1970, as their senders say.
    pub sent: RangeInclusive<u32>,
    /// Where to go on. It must have been given out for the same filter, dialect, time and [`messages`](Self::messages).
    pub cursor: HistoryCursor,
    /// Whether to go on with what arrives later. Default: false, the stream ends when everything stored was delivered.
    pub live: bool,
    /// The nodes whose archives are read, at most 16. Empty: two of this node and of its connected peers that have one.
    pub nodes: Vec<NodeId>,
    /// Opens the envelopes. Those that it does not open are left out, and a message that has several envelopes is delivered once.
    /// Default: `None`, envelopes are delivered as they are.
    pub messages: Option<StoredMessages>,
    /// The password of the archives.
    pub password: Option<SymmetricKey>,
    /// Whose cursors these are: a cursor that was given out under another label is refused. Default: empty.
    pub label: String,
}

impl HistoryRequest {
    /// Everything that a filter lets through, after a cursor.
    #[must_use]
    pub const fn new(filter: HistoryFilter, cursor: HistoryCursor) -> Self {
        Self {
            filter,
            dialect: None,
            sent: 0..=u32::MAX,
            cursor,
            live: false,
            nodes: Vec::new(),
            messages: None,
            password: None,
            label: String::new(),
        }
    }

    /// Goes on with what arrives later.
    #[must_use]
    pub fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// Reads the archives of these nodes.
    #[must_use]
    pub fn nodes(mut self, nodes: impl Into<Vec<NodeId>>) -> Self {
        self.nodes = nodes.into();
        self
    }

    /// The messages that these criteria let through, after a cursor.
    #[must_use]
    pub fn messages(messages: StoredMessages, cursor: HistoryCursor) -> Self {
        let (filter, dialect) = (messages.filter(), messages.dialect());
        Self { dialect, messages: Some(messages), ..Self::new(filter, cursor) }
    }

    /// The question, if it is valid.
    pub(super) fn asked(self) -> Result<(Asked, Start), HistoryError> {
        let count = match &self.filter {
            HistoryFilter::Topics(topics) => topics.len(),
            HistoryFilter::Hashes(hashes) => hashes.len(),
            HistoryFilter::All | HistoryFilter::Bloom(_) => 1,
        };
        if !(1..=MAX_VALUES).contains(&count) {
            return Err(HistoryError::Values { count });
        }
        let mut nodes = self.nodes;
        let mut named = HashSet::default();
        nodes.retain(|node| named.insert(*node));
        if nodes.len() > MAX_ARCHIVES {
            return Err(HistoryError::Nodes { count: nodes.len() });
        }
        let question = ArchiveQuery {
            dialect: self.dialect,
            sent: self.sent,
            ..ArchiveQuery::new(0, self.filter)
        };
        let messages = self.messages.as_ref().map(StoredMessages::digest);
        let digest = cursor::question(&question, messages, &self.label);
        if self.cursor.question.is_some_and(|asked| asked != digest) {
            return Err(HistoryError::OtherQuestion);
        }
        let asked = Asked {
            query: ArchiveQuery { credit: CREDIT, tail: self.live, ..question },
            password: self.password,
            question: digest,
            nodes,
        };
        let reader = self.messages.map(|messages| Reader::new(messages, &self.cursor.seen));
        Ok((asked, Start { cursor: self.cursor, reader }))
    }
}

/// A history cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The cursor belongs to another question: it would leave out what only this question asks for.
    #[error(
        "the cursor was given out for another filter, key, version or time: begin without a cursor, or ask the same"
    )]
    OtherQuestion,
    /// The filter names no topic or hash, or more than an archive accepts.
    #[error("the filter names {count} topics or hashes; 1 to {MAX_VALUES} are allowed")]
    Values {
        /// How many there are.
        count: usize,
    },
    /// More nodes than a reader follows.
    #[error(
        "{count} nodes are named; at most {MAX_ARCHIVES} archives are read at once: leave some out"
    )]
    Nodes {
        /// How many there are, each counted once.
        count: usize,
    },
}
