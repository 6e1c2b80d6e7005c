//! What an archive is asked.

use std::ops::RangeInclusive;

use whisper_envelope::{Bloom, Dialect, Envelope, Topic};

/// Which envelopes are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryFilter {
    /// All of them.
    All,
    /// Those with one of these topics.
    Topics(Vec<Topic>),
    /// Those whose topic is in this bloom.
    Bloom(Box<Bloom>),
    /// Those with one of these hashes.
    Hashes(Vec<[u8; 32]>),
}

impl HistoryFilter {
    /// Whether an envelope is wanted.
    #[must_use]
    pub fn lets_through(&self, envelope: &Envelope) -> bool {
        match self {
            Self::All => true,
            Self::Topics(topics) => topics.contains(&envelope.topic()),
            Self::Bloom(bloom) => bloom.contains(&Bloom::of(envelope.topic())),
            Self::Hashes(hashes) => hashes.contains(envelope.hash()),
        }
    }
}

/// A question to an archive. [`HistoryQuery::new`] has no restrictions but the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Which envelopes are wanted.
    pub filter: HistoryFilter,
    /// Only envelopes of this dialect; `None`: of both.
    pub dialect: Option<Dialect>,
    /// Only envelopes that were sent at this time, in seconds since 1970, as their senders say.
    pub sent: RangeInclusive<u32>,
    /// Only envelopes with a greater arrival number. 0: from the beginning.
    pub after: u64,
    /// Only envelopes up to this arrival number.
    pub until: u64,
    /// Maximum number of envelopes.
    pub limit: usize,
    /// Maximum number of bytes of all envelopes together. One envelope is in the page even if it is larger.
    pub max_bytes: usize,
}

impl HistoryQuery {
    /// All that the filter lets through, at most 100 envelopes and 1 MiB at a time.
    #[must_use]
    pub const fn new(filter: HistoryFilter) -> Self {
        Self {
            filter,
            dialect: None,
            sent: 0..=u32::MAX,
            after: 0,
            until: u64::MAX,
            limit: 100,
            max_bytes: 1 << 20,
        }
    }

    /// Only what arrived after this.
    #[must_use]
    pub const fn after(mut self, arrival: u64) -> Self {
        self.after = arrival;
        self
    }

    /// Whether an envelope with this arrival number is asked for. The limits of a page are left out.
    #[must_use]
    pub fn asks_for(&self, arrival: u64, envelope: &Envelope) -> bool {
        arrival > self.after
            && arrival <= self.until
            && self.dialect.is_none_or(|dialect| dialect == envelope.dialect())
            && self.sent.contains(&envelope.sent().unwrap_or(0))
            && self.filter.lets_through(envelope)
    }

    /// At most this many envelopes.
    #[must_use]
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}
