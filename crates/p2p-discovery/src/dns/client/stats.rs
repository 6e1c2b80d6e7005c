//! Counters and progress of a client.

/// The counters of a [`ListClient`](super::ListClient) since its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ListClientStats {
    /// Queries sent.
    pub queries: u64,
    /// Queries that failed or timed out.
    pub unanswered: u64,
    /// Answers to queries that had timed out, or that were never sent.
    pub late: u64,
    /// Node records found, repetitions included.
    pub records: u64,
    /// Entries taken from the cache.
    pub cached: u64,
    /// Answers without any root: there is no list of this name.
    pub missing_roots: u64,
    /// Answers with a root, but none that is valid and signed by the key of the list.
    pub bad_roots: u64,
    /// Valid roots that are older than the known one.
    pub older_roots: u64,
    /// Answers without any text at the name of an entry.
    pub missing: u64,
    /// Entries that were refused.
    pub refused: RefusedEntries,
    /// Labels dropped because of [`ListClientConfig::max_entries`](super::ListClientConfig::max_entries).
    pub entries_dropped: u64,
    /// Links dropped because of [`ListClientConfig::max_lists`](super::ListClientConfig::max_lists).
    pub lists_dropped: u64,
}

/// Entries of a list that were refused, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RefusedEntries {
    /// Answers with texts at the name of an entry, none of which has the hash that the name demands.
    pub wrong_hashes: u64,
    /// Entries that match their label but are not valid, or are in the wrong tree.
    pub bad_entries: u64,
}

impl RefusedEntries {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.wrong_hashes + self.bad_entries
    }
}

/// How much of the lists a [`ListClient`](super::ListClient) has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ListProgress {
    /// Lists followed.
    pub lists: usize,
    /// Lists that pause after a failure.
    pub paused: usize,
    /// Lists without a known root, except paused ones.
    pub unread: usize,
    /// Entries found in the current walks.
    pub entries: usize,
    /// Entries that are still to be read, except those of paused lists.
    pub open: usize,
}

impl ListProgress {
    /// Whether everything that can be read now has been read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.open == 0 && self.unread == 0
    }
}
