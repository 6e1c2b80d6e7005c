//! The result of a run.

use std::{collections::BTreeMap, fmt};

/// What happened in a run in which every invariant held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) posts: usize,
    /// Messages that reached a filter, of all nodes together.
    pub(crate) delivered: usize,
    /// How the posts ended, by name.
    pub(crate) endings: BTreeMap<&'static str, usize>,
    pub(crate) events: u64,
    pub(crate) trace_hash: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { posts, delivered, endings, events, trace_hash } = self;
        write!(f, "{posts} posts, {delivered} deliveries,")?;
        for (name, count) in endings {
            write!(f, " {count} {name},")?;
        }
        write!(f, " {events} events, trace {trace_hash:016x}")
    }
}
