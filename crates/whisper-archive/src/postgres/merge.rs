//! Merges the envelopes of several topics, in the order of their arrival.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use tokio_postgres::Error;

use super::{
    page::{Reader, limit, row_at},
    selection::{Row, Selection, Wanted},
};
use crate::effort::MAX_SKIPPED;

/// Least number of rows that are read of a topic at a time.
const MIN_ROWS: usize = 4;

/// The envelopes of several topics on one day.
///
/// A few rows of each topic are read at once. When one of them has been used up, more of this topic are read, each time twice
/// as many: so a page costs as much as it has topics and results, and a few round trips.
pub(super) struct Merge<'a> {
    day: i32,
    wanted: &'a Wanted,
    topics: Vec<TopicRows>,
    /// Number of rows that are read of a topic the next time.
    rows: usize,
}

struct TopicRows {
    topic: i32,
    /// The last arrival number that was read.
    after: i64,
    /// Read, but not merged.
    read: VecDeque<Row>,
    /// Whether there can be more after `after`.
    more: bool,
}

impl<'a> Merge<'a> {
    pub(super) fn new(topics: &[i32], day: i32, wanted: &'a Wanted) -> Self {
        let rows = (2 * wanted.count.min(MAX_SKIPPED)).div_ceil(topics.len().max(1)).max(MIN_ROWS);
        let after = wanted.after;
        let of =
            |topic: &i32| TopicRows { topic: *topic, after, read: VecDeque::new(), more: true };
        Self { day, wanted, topics: topics.iter().map(of).collect(), rows }
    }

    /// Examines the rows, until that is enough.
    pub(super) async fn read(
        mut self,
        reader: &Reader,
        selection: &mut Selection<'_>,
    ) -> Result<(), Error> {
        let mut used_up: Vec<usize> = (0..self.topics.len()).collect();
        while !used_up.is_empty() {
            self.read_more(reader, &used_up).await?;
            used_up = self.merge(selection);
        }
        Ok(())
    }

    async fn read_more(&mut self, reader: &Reader, topics: &[usize]) -> Result<(), Error> {
        let Wanted { until, .. } = self.wanted;
        let (keys, afters): (Vec<i32>, Vec<i64>) = topics
            .iter()
            .map(|index| (self.topics[*index].topic, self.topics[*index].after))
            .unzip();
        let count = limit(self.rows);
        let rows = reader
            .client()
            .query(&reader.merge, &[&keys, &afters, &self.day, until, &count])
            .await?;
        for row in &rows {
            // Positions begin with 1.
            let index = usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or_default();
            self.topics[topics[index]].read.push_back(row_at(row, 1));
        }
        for index in topics {
            let topic = &mut self.topics[*index];
            topic.read.make_contiguous().sort_unstable();
            topic.more = topic.read.len() >= self.rows;
            topic.after = topic.read.back().map_or(topic.after, |row| row.arrival);
        }
        self.rows = (2 * self.rows).min(MAX_SKIPPED);
        Ok(())
    }

    /// Examines the rows with the lowest numbers, until that is enough or a topic has been used up. Returns those topics.
    fn merge(&mut self, selection: &mut Selection<'_>) -> Vec<usize> {
        let topics = &mut self.topics;
        let heads = topics.iter().enumerate();
        let heads = heads.filter_map(|(index, topic)| Some((*topic.read.front()?, index)));
        let mut heads: BinaryHeap<_> = heads.map(Reverse).collect();
        while let Some(Reverse((row, index))) = heads.pop() {
            if !selection.examine(self.day, &row, true) {
                break;
            }
            let topic = &mut topics[index];
            topic.read.pop_front();
            match topic.read.front() {
                Some(next) => heads.push(Reverse((*next, index))),
                None if topic.more => return vec![index],
                None => {}
            }
        }
        Vec::new()
    }
}
