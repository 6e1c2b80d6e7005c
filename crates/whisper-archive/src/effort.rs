//! How much is read for one page.
//!
//! A filter that lets little through would otherwise read the whole archive for it. A page says up to which arrival number it
//! is complete, so it can end before it is full.

/// Maximum number of rows that are read for a page and are not asked for.
pub(crate) const MAX_SKIPPED: usize = 20_000;

/// Maximum number of topics or hours that are listed to find those that are asked for. If there are more, the envelopes are read.
pub(crate) const MAX_LISTED: usize = 20_000;

/// Maximum number of topics of a bloom whose envelopes are merged. If there are more, all envelopes are read.
pub(crate) const MAX_TOPICS: usize = 4096;

/// How much may still be read for a page that is not asked for.
#[derive(Debug)]
pub(crate) struct Effort {
    left: usize,
}

impl Effort {
    pub(crate) const fn new(max_skipped: usize) -> Self {
        Self { left: max_skipped }
    }

    /// Counts a row that is not asked for. Returns whether to go on.
    pub(crate) const fn skip(&mut self, cost: usize) -> bool {
        self.left = self.left.saturating_sub(cost);
        self.left > 0
    }
}

/// Why a page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything was read.
    Whole,
    /// It has no room for the next envelope.
    Full,
    /// Enough was read: everything up to this arrival number.
    Enough(u64),
}
