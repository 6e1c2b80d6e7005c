//! What a client counted.

/// Counters of a [`ListClient`](super::ListClient), each since it was made. What is dropped has a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ListClientStats {
    /// Questions asked.
    pub queries: u64,
    /// Questions that were not answered: errors of the resolver, and silence.
    pub unanswered: u64,
    /// Answers to questions that were given up before, or never asked.
    pub late: u64,
    /// Node records found, the same one counted each time.
    pub records: u64,
    /// Entries that were known already.
    pub cached: u64,
    /// Answers without a sound root signed by the list's key.
    pub bad_roots: u64,
    /// Sound roots that are older than one seen before.
    pub older_roots: u64,
    /// Answers without an entry that has the name asked for.
    pub missing: u64,
    /// Entries that have the right name and are not sound, or stand in the wrong tree.
    pub bad_entries: u64,
    /// Names beyond [`ListClientConfig::max_entries`](super::ListClientConfig::max_entries).
    pub left_out: u64,
    /// Links beyond [`ListClientConfig::max_lists`](super::ListClientConfig::max_lists).
    pub lists_left_out: u64,
}

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ListProgress {
    /// Lists followed.
    pub lists: usize,
    /// Lists that are left alone for a while because something failed.
    pub resting: usize,
    /// Lists of which the root is not known yet, without those that rest.
    pub unread: usize,
    /// Entries met on the walks under way.
    pub entries: usize,
    /// Entries of them that are still to be answered, without those of lists that rest.
    pub open: usize,
}

impl ListProgress {
    /// Whether all that can be read now has been read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.open == 0 && self.unread == 0
    }
}
