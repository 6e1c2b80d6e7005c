//! Who sends next: deficit round robin in bytes over the slots, base messages before all.
//!
//! Shares are counted in bytes and not in messages, or a slot of large messages would push aside
//! one of small ones. Each lane in turn may send [`QUANTUM`] bytes times its weight; what it does
//! not use up because the next message is too large it keeps for the next round, as long as it has
//! something to send (Shreedhar and Varghese, "Efficient Fair Queuing Using Deficit Round Robin").
//!
//! Where the other end can put them together again, large messages go in pieces
//! ([`chunk`](crate::chunk)), and others may go between two of them; those of the same lane stay
//! behind.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    Message, SlotId,
    chunk::{Chunks, PIECE, PLAIN},
    slot::{memory_size, queue_size},
};

/// What a lane of weight 1 may send in one turn, in bytes.
const QUANTUM: usize = 16 * 1024;

/// How many base messages may wait. There is no use for more: they are pongs to a peer that does
/// not read.
const MAX_BASE: usize = 16;

/// What waits to be sent on one connection.
#[derive(Debug)]
pub(super) struct Schedule {
    base: VecDeque<Message>,
    lanes: Vec<Lane>,
    /// Messages in all lanes.
    queued: usize,
    /// What they weigh in memory.
    memory_size: usize,
    /// Whose turn it is.
    turn: usize,
    /// Whether that lane has got its quantum for this turn.
    topped_up: bool,
    /// Where both ends have it, large messages are cut.
    chunks: Option<Chunks>,
}

#[derive(Debug)]
struct Lane {
    queue: VecDeque<Message>,
    bytes: usize,
    capacity: usize,
    quantum: usize,
    credit: usize,
    /// How much of the first message has gone, in pieces.
    gone: usize,
}

/// What [`Schedule::next`] chose.
#[derive(Debug)]
pub(super) struct Next {
    /// `None` for a base message.
    pub(crate) slot: Option<SlotId>,
    /// The room in its lane that is free again: none before the last piece.
    pub(crate) freed: usize,
    pub(crate) code: u64,
    /// Of the payload, what is to go now.
    pub(crate) data: Bytes,
    /// Where in the message that begins.
    pub(crate) start: usize,
    /// The length of the whole payload.
    pub(crate) length: usize,
}

impl Schedule {
    /// Lanes of the given weight and capacity in bytes.
    pub(super) fn new(lanes: impl IntoIterator<Item = (u32, usize)>) -> Self {
        let lane = |(weight, capacity): (u32, usize)| Lane {
            queue: VecDeque::new(),
            bytes: 0,
            capacity,
            quantum: QUANTUM.saturating_mul(usize::try_from(weight.max(1)).unwrap_or(usize::MAX)),
            credit: 0,
            gone: 0,
        };
        Self {
            base: VecDeque::new(),
            lanes: lanes.into_iter().map(lane).collect(),
            queued: 0,
            memory_size: 0,
            turn: 0,
            topped_up: false,
            chunks: None,
        }
    }

    /// Whether large messages go in pieces, and with which ids.
    pub(super) const fn set_chunks(&mut self, chunks: Option<Chunks>) {
        self.chunks = chunks;
    }

    /// What pieces are sent with, if they are.
    pub(super) const fn chunks(&self) -> Option<Chunks> {
        self.chunks
    }

    /// Queues a base message. `false` if too many wait already.
    pub(super) fn push_base(&mut self, message: Message) -> bool {
        let room = self.base.len() < MAX_BASE;
        if room {
            self.base.push_back(message);
        }
        room
    }

    /// Queues the base message after which nothing is sent, in place of all others.
    pub(super) fn push_disconnect(&mut self, message: Message) {
        self.base.clear();
        self.base.push_back(message);
    }

    /// Queues a message of a slot. `false` if its lane is full.
    pub(super) fn push(&mut self, slot: SlotId, message: Message) -> bool {
        let lane = &mut self.lanes[slot.0];
        let size = queue_size(message.payload.len(), lane.capacity);
        if lane.bytes + size > lane.capacity {
            return false;
        }
        lane.bytes += size;
        self.memory_size += memory_size(message.payload.len());
        lane.queue.push_back(message);
        self.queued += 1;
        true
    }

    /// The next message to be sent.
    pub(super) fn next(&mut self) -> Option<Next> {
        if let Some(message) = self.base.pop_front() {
            return Some(Next::whole(None, 0, message));
        }
        if self.queued == 0 {
            return None;
        }
        loop {
            if let Some(next) = self.next_of_turn() {
                return Some(next);
            }
            self.turn = (self.turn + 1) % self.lanes.len();
            self.topped_up = false;
        }
    }

    fn next_of_turn(&mut self) -> Option<Next> {
        let slot = Some(SlotId(self.turn));
        let lane = &mut self.lanes[self.turn];
        let Some(head) = lane.queue.front() else {
            lane.credit = 0;
            return None;
        };
        if !self.topped_up {
            lane.credit = lane.credit.saturating_add(lane.quantum);
            self.topped_up = true;
        }
        let (length, start) = (head.payload.len(), lane.gone);
        let cut = self.chunks.is_some() && length > PLAIN;
        let end = if cut { length.min(start + PIECE) } else { length };
        lane.credit = lane.credit.checked_sub((end - start).max(1))?;
        if end < length {
            lane.gone = end;
            let (code, data) = (head.code, head.payload.slice(start..end));
            return Some(Next { slot, freed: 0, code, data, start, length });
        }
        lane.gone = 0;
        let message = lane.queue.pop_front()?;
        let freed = queue_size(length, lane.capacity);
        lane.bytes -= freed;
        self.queued -= 1;
        self.memory_size -= memory_size(length);
        let whole = Next::whole(slot, freed, message);
        Some(Next { data: whole.data.slice(start..), start, ..whole })
    }

    /// Whether no slot's message waits.
    pub(super) const fn is_drained(&self) -> bool {
        self.queued == 0
    }

    /// Whether nothing waits at all.
    pub(super) fn is_empty(&self) -> bool {
        self.queued == 0 && self.base.is_empty()
    }

    /// What waits in all lanes, as it weighs in memory.
    pub(super) const fn memory_size(&self) -> usize {
        self.memory_size
    }

    /// What waits in a lane, in bytes.
    pub(super) fn queued(&self, slot: SlotId) -> usize {
        self.lanes[slot.0].bytes
    }

    /// Throws away what the slots wanted to send; how many messages of each.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = (SlotId, usize)> + '_ {
        self.queued = 0;
        self.memory_size = 0;
        self.lanes.iter_mut().enumerate().map(|(index, lane)| {
            let dropped = lane.queue.len();
            lane.queue = VecDeque::new();
            lane.bytes = 0;
            lane.gone = 0;
            (SlotId(index), dropped)
        })
    }
}

impl Next {
    fn whole(slot: Option<SlotId>, freed: usize, message: Message) -> Self {
        let Message { code, payload } = message;
        Self { slot, freed, code, start: 0, length: payload.len(), data: payload }
    }

    /// Whether it is a part of a message.
    pub(super) const fn is_piece(&self) -> bool {
        self.data.len() < self.length
    }

    /// Whether nothing of the message is left.
    pub(super) const fn is_last(&self) -> bool {
        self.start + self.data.len() == self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Message {
        Message { code: 0, payload: Bytes::from(vec![0; length]) }
    }

    /// Bytes sent by each lane while all have always something to send.
    fn shares(lanes: &[(u32, usize)], total: usize) -> Vec<usize> {
        let mut schedule = Schedule::new(lanes.iter().map(|&(weight, _)| (weight, 1 << 20)));
        let mut sent = vec![0; lanes.len()];
        let messages: Vec<_> = lanes.iter().map(|&(_, length)| message(length)).collect();
        while sent.iter().sum::<usize>() < total {
            for (index, message) in messages.iter().enumerate() {
                while schedule.push(SlotId(index), message.clone()) {}
            }
            let next = schedule.next().unwrap();
            sent[next.slot.unwrap().0] += next.data.len();
        }
        sent
    }

    fn ratio(shares: &[usize]) -> f64 {
        shares[0] as f64 / shares[1] as f64
    }

    #[test]
    fn equal_weights_get_equal_bytes_whatever_the_size_of_messages() {
        let equal = ratio(&shares(&[(1, 40_000), (1, 500)], 40_000_000));
        assert!((0.95..=1.05).contains(&equal), "{equal}");
        let equal = ratio(&shares(&[(1, 200_000), (1, 30)], 20_000_000));
        assert!((0.95..=1.05).contains(&equal), "{equal}");
    }

    #[test]
    fn weights_are_shares() {
        let three = ratio(&shares(&[(3, 500), (1, 40_000)], 40_000_000));
        assert!((2.85..=3.15).contains(&three), "{three}");
        let none = ratio(&shares(&[(0, 500), (1, 500)], 4_000_000));
        assert!((0.95..=1.05).contains(&none), "a weight of 0 starves nobody: {none}");
    }

    #[test]
    fn a_small_message_waits_for_one_turn_of_each_other_lane_at_most() {
        let mut schedule = Schedule::new([(1, 1 << 20); 3]);
        for _ in 0..100 {
            assert!(schedule.push(SlotId(0), message(1000)));
            assert!(schedule.push(SlotId(2), message(1000)));
        }
        assert_eq!(schedule.next().unwrap().slot, Some(SlotId(0)));
        assert!(schedule.push(SlotId(1), message(10)));
        let before = std::iter::from_fn(|| schedule.next())
            .take_while(|next| next.slot != Some(SlotId(1)))
            .count();
        assert!(before <= 2 * QUANTUM / 1000, "{before} messages first");
    }

    #[test]
    fn each_lane_keeps_its_order_and_its_bound() {
        let mut schedule = Schedule::new([(1, 1000)]);
        let mut code = 0;
        while schedule.push(SlotId(0), Message { code, payload: Bytes::new() }) {
            code += 1;
        }
        assert_eq!(code, 1000 / 64);
        for expected in 0..code {
            assert_eq!(schedule.next().unwrap().code, expected);
        }
        assert!(schedule.is_empty());
        assert!(schedule.push(SlotId(0), message(1 << 20)), "larger than the lane, but alone");
        assert!(!schedule.push(SlotId(0), message(0)));
        assert_eq!(schedule.next().unwrap().freed, 1000);
        assert_eq!(schedule.queued(SlotId(0)), 0);
    }

    #[test]
    fn a_cut_message_lets_others_between_and_keeps_its_lane_in_order() {
        let mut schedule = Schedule::new([(1, 1 << 20); 2]);
        schedule.set_chunks(Some(Chunks::at(16)));
        assert!(schedule.push(SlotId(0), message(10 * PIECE + 1)));
        assert!(schedule.push(SlotId(0), Message { code: 1, payload: Bytes::new() }));
        let full = schedule.queued(SlotId(0));
        let begin = schedule.next().unwrap();
        assert!(begin.is_piece() && !begin.is_last() && begin.start == 0 && begin.freed == 0);
        assert!(schedule.push(SlotId(1), message(1)));
        assert!(schedule.push_base(message(1)));
        assert_eq!(schedule.next().unwrap().slot, None);
        let first: Vec<_> = std::iter::from_fn(|| schedule.next()).take(2).collect();
        assert!(first.iter().any(|next| next.slot == Some(SlotId(1))), "one piece first at most");
        assert_eq!(schedule.queued(SlotId(0)), full, "its room is free when it is gone");
        let rest: Vec<_> = std::iter::from_fn(|| schedule.next()).collect();
        let last = &rest[rest.len() - 2];
        assert_eq!((last.start, last.data.len(), last.is_last()), (10 * PIECE, 1, true));
        assert_eq!((last.freed, rest.last().unwrap().code), (10 * PIECE + 65, 1));
        assert!(schedule.is_empty() && schedule.queued(SlotId(0)) == 0);
    }

    #[test]
    fn base_messages_go_first_and_are_few() {
        let mut schedule = Schedule::new([(1, 1000)]);
        assert!(schedule.push(SlotId(0), message(1)));
        assert_eq!((0..100).filter(|_| schedule.push_base(message(1))).count(), MAX_BASE);
        assert!((0..MAX_BASE).all(|_| schedule.next().unwrap().slot.is_none()));
        assert_eq!(schedule.next().unwrap().slot, Some(SlotId(0)));
        assert!(schedule.next().is_none());
    }
}
