//! What happened to an envelope here, as it is told.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use whisper_envelope::{Dialect, Topic};

use crate::{
    drops::Occurrence,
    drops::reason::Reason,
    drops::trace::{Bringer, PeerTrace},
    keys::id::FilterId,
    receipts::receipt::ReceiptState,
};

/// What happened to an envelope here, made by [`Whisper::explain`](crate::Whisper::explain).
///
/// For an envelope in the pool it is found out from what the node has anyway. Of one that was
/// refused or dropped, or that has left the pool, the node remembers the last few thousand at most.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The envelope's hash.
    pub hash: [u8; 32],
    /// Where it is or was.
    pub whereabouts: Whereabouts,
    /// Every time that it was refused or dropped, by this node or on its way to a filter, in order;
    /// as far as that is remembered ([`DROP_SAMPLES`](crate::DROP_SAMPLES)).
    pub drops: Vec<(Reason, Occurrence)>,
    /// What is known of its delivery, if it was posted here.
    pub receipt: Option<ReceiptState>,
}

/// Where an envelope is or was.
#[derive(Debug, Clone, PartialEq)]
pub enum Whereabouts {
    /// Nothing is known of it but what the drops say: it did not come, it was not taken, or it was
    /// here too long ago. Direct messages are never pooled.
    Unknown,
    /// It is in the pool.
    Pooled(Box<Pooled>),
    /// It was in the pool.
    Gone {
        /// Who brought it first.
        bringer: Bringer,
        /// When it came into the pool, in seconds since 1970.
        arrived: u32,
        /// When it left.
        left: u32,
        /// Whether it had to make room for others with more work; else it had expired.
        evicted: bool,
    },
}

/// An envelope in the pool.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Pooled {
    /// The dialect it is of.
    pub dialect: Dialect,
    /// Who brought it first.
    pub bringer: Bringer,
    /// When it came, in seconds since 1970.
    pub arrived: u32,
    /// When it expires.
    pub expiry: u32,
    /// Its topic.
    pub topic: Topic,
    /// Its size in bytes.
    pub size: usize,
    /// The most work that one of the rules finds that this node accepts.
    pub work: f64,
    /// The connected peers that speak its dialect, and whether they have it.
    pub peers: Vec<PeerTrace>,
    /// Whether it waits to be opened.
    pub queued: bool,
    /// The filters on its topic, tried again for this answer; at most
    /// [`EXPLAINED_FILTERS`](crate::EXPLAINED_FILTERS).
    pub filters: Vec<FilterTrace>,
    /// How many filters on its topic there are beyond these.
    pub more_filters: usize,
}

/// What one filter makes of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterTrace {
    /// The filter.
    pub id: FilterId,
    /// What it makes of it.
    pub outcome: FilterOutcome,
}

/// What a filter makes of an envelope of its topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum FilterOutcome {
    /// It is for envelopes of the other dialect.
    OtherDialect,
    /// It wants more work.
    LowWork,
    /// Its key does not open it.
    NotOpened,
    /// Its key opens it, and the content is malformed.
    Malformed,
    /// It wants another signer.
    OtherSigner,
    /// The message is in its mailbox.
    InMailbox,
    /// The message is for it and was delivered, unless a drop says otherwise: it has been fetched.
    Fetched,
    /// The message would be for it, but the filter was made after the envelope had come.
    MadeLater,
}
