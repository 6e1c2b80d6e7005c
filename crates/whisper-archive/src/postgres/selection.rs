//! What goes into a page: rows are examined in the order of their arrival.

use crate::effort::{Effort, End, MAX_SKIPPED};

/// What is asked for, in the types of the database.
pub(super) struct Wanted {
    pub(super) after: i64,
    pub(super) until: i64,
    pub(super) sent: [i64; 2],
    pub(super) dialect: Option<i16>,
    /// Number of envelopes that are looked for: one more than the page may have, so that it is known whether there are more.
    pub(super) count: usize,
}

/// What the indices have of an envelope.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) arrival: i64,
    pub(super) sent: i64,
    pub(super) dialect: i16,
}

/// An envelope that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) arrival: i64,
    pub(super) day: i32,
}

/// What was found so far.
pub(super) struct Selection<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) found: Vec<Found>,
    effort: Effort,
    /// Why it ended; [`End::Whole`] as long as it goes on.
    pub(super) end: End,
}

impl Wanted {
    /// Whether an envelope has the time and the dialect that are asked for.
    fn has(&self, row: &Row) -> bool {
        self.dialect.is_none_or(|dialect| dialect == row.dialect)
            && (self.sent[0]..=self.sent[1]).contains(&row.sent)
    }
}

impl<'a> Selection<'a> {
    pub(super) const fn new(wanted: &'a Wanted) -> Self {
        Self { wanted, found: Vec::new(), effort: Effort::new(MAX_SKIPPED), end: End::Whole }
    }

    /// Examines the next row. `is_asked`: whether the filter lets it through. Returns whether to go on.
    pub(super) fn examine(&mut self, day: i32, row: &Row, is_asked: bool) -> bool {
        if is_asked && self.wanted.has(row) {
            self.found.push(Found { arrival: row.arrival, day });
            if self.found.len() >= self.wanted.count {
                self.end = End::Full;
            }
        } else if !self.effort.skip(1) {
            self.end = End::Enough(row.arrival.cast_unsigned());
        }
        self.is_open()
    }

    /// Whether more is looked for.
    pub(super) fn is_open(&self) -> bool {
        self.end == End::Whole
    }
}
