//! What an archive answers.

use whisper_envelope::Envelope;

/// An envelope, with the number under which an archive has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEnvelope {
    /// The arrival number, from 1 on.
    pub arrival: u64,
    /// The envelope, exactly as it was received.
    pub envelope: Envelope,
}

/// A part of the answer to a query, in the order of the arrival numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The envelopes.
    pub envelopes: Vec<StoredEnvelope>,
    /// The page has everything that was asked for, up to this arrival number. The next page begins after it.
    pub end: u64,
    /// Whether there is more after `end`, now.
    pub more: bool,
    /// The least arrival number that the archive still has; what arrived before was removed. 1 if nothing was.
    pub oldest: u64,
    /// The newest arrival number of the archive when the page was read; 0 if nothing was ever stored. It is less than
    /// [`HistoryQuery::after`](super::HistoryQuery::after) if an older copy of the archive was restored.
    pub newest: u64,
}
