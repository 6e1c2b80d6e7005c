//! Which slot sends next: base messages first, then deficit round robin in bytes over the slots.
//!
//! Shares are counted in bytes, not in messages, so that a slot with large messages gets no more than
//! one with small messages. In each round a lane may send [`QUANTUM`] bytes times its weight. If its
//! next message is larger than what is left, it keeps the rest for the next round, as long as it has
//! messages (Shreedhar and Varghese, "Efficient Fair Queuing Using Deficit Round Robin").
//!
//! With `chunk/1` ([`chunk`](crate::chunk)) or `sec/1`, large messages are sent in pieces. Messages
//! of other lanes may be sent between two pieces; those of the same lane wait.

use std::collections::VecDeque;

use bytes::Bytes;
use rlpx_transport::Part;

use super::cutting::Cutting;
use crate::{
    Message, SlotId,
    slot::{memory_size, queue_size},
};

/// Bytes that a lane of weight 1 may send in one round.
const QUANTUM: usize = 16 * 1024;

/// Maximum number of queued base messages. More would be pongs to a peer that does not read.
const MAX_BASE: usize = 16;

/// The outbound queues of one connection.
#[derive(Debug)]
pub(super) struct Schedule {
    base: VecDeque<Message>,
    lanes: Vec<Lane>,
    /// Messages in all lanes.
    queued: usize,
    /// Memory of these messages in bytes.
    memory_size: usize,
    /// Index of the lane that sends now.
    turn: usize,
    /// Whether that lane has got its quantum for this round.
    topped_up: bool,
    cutting: Cutting,
}

#[derive(Debug)]
struct Lane {
    queue: VecDeque<Message>,
    /// Bytes in `queue`, at most `capacity`.
    bytes: usize,
    capacity: usize,
    quantum: usize,
    /// Bytes that the lane may still send in this round.
    credit: usize,
    /// Bytes of the first message that were sent in pieces.
    sent: usize,
}

/// The message or piece to send next.
#[derive(Debug)]
pub(super) struct Next {
    /// `None` for a base message.
    pub(crate) slot: Option<SlotId>,
    /// Bytes that become free in the lane; 0 for a piece that is not the last.
    pub(crate) freed: usize,
    pub(crate) code: u64,
    /// The part of the payload to send now.
    pub(crate) data: Bytes,
    /// Offset of `data` in the payload.
    pub(crate) start: usize,
    /// Length of the whole payload.
    pub(crate) length: usize,
}

impl Schedule {
    /// Empty lanes, each with a weight and a capacity in bytes.
    pub(super) fn new(lanes: impl IntoIterator<Item = (u32, usize)>) -> Self {
        let lane = |(weight, capacity): (u32, usize)| Lane {
            queue: VecDeque::new(),
            bytes: 0,
            capacity,
            quantum: QUANTUM.saturating_mul(usize::try_from(weight.max(1)).unwrap_or(usize::MAX)),
            credit: 0,
            sent: 0,
        };
        Self {
            base: VecDeque::new(),
            lanes: lanes.into_iter().map(lane).collect(),
            queued: 0,
            memory_size: 0,
            turn: 0,
            topped_up: false,
            cutting: Cutting::Never,
        }
    }

    /// Sets how large messages are cut into pieces.
    pub(super) const fn set_cutting(&mut self, cutting: Cutting) {
        self.cutting = cutting;
    }

    /// How large messages are cut into pieces.
    pub(super) const fn cutting(&self) -> Cutting {
        self.cutting
    }

    /// Queues a base message. `false` if the queue is full.
    pub(super) fn push_base(&mut self, message: Message) -> bool {
        let room = self.base.len() < MAX_BASE;
        if room {
            self.base.push_back(message);
        }
        room
    }

    /// Queues the last base message in place of all others.
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

    /// Removes and returns the next message or piece.
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

    /// The next message or piece of the current lane. `None` if it has none, or not enough credit.
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
        let (length, start) = (head.payload.len(), lane.sent);
        let end = length.min(start + self.cutting.piece_size(length));
        lane.credit = lane.credit.checked_sub((end - start).max(1))?;
        if end < length {
            lane.sent = end;
            let (code, data) = (head.code, head.payload.slice(start..end));
            return Some(Next { slot, freed: 0, code, data, start, length });
        }
        lane.sent = 0;
        let message = lane.queue.pop_front()?;
        let freed = queue_size(length, lane.capacity);
        lane.bytes -= freed;
        self.queued -= 1;
        self.memory_size -= memory_size(length);
        let whole = Next::whole(slot, freed, message);
        Some(Next { data: whole.data.slice(start..), start, ..whole })
    }

    /// Whether no slot has a queued message.
    pub(super) const fn is_drained(&self) -> bool {
        self.queued == 0
    }

    /// Whether nothing is queued, base messages included.
    pub(super) fn is_empty(&self) -> bool {
        self.queued == 0 && self.base.is_empty()
    }

    /// Memory of the messages in all lanes, in bytes.
    pub(super) const fn memory_size(&self) -> usize {
        self.memory_size
    }

    /// Bytes in a lane's queue.
    pub(super) fn queued(&self, slot: SlotId) -> usize {
        self.lanes[slot.0].bytes
    }

    /// Drops the messages of all slots. Returns the number for each slot.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = (SlotId, usize)> + '_ {
        self.queued = 0;
        self.memory_size = 0;
        self.lanes.iter_mut().enumerate().map(|(index, lane)| {
            let dropped = lane.queue.len();
            lane.queue = VecDeque::new();
            lane.bytes = 0;
            lane.sent = 0;
            (SlotId(index), dropped)
        })
    }
}

impl Next {
    fn whole(slot: Option<SlotId>, freed: usize, message: Message) -> Self {
        let Message { code, payload } = message;
        Self { slot, freed, code, start: 0, length: payload.len(), data: payload }
    }

    /// Whether this is only a part of a message.
    pub(super) const fn is_piece(&self) -> bool {
        self.data.len() < self.length
    }

    /// Which part of the message it is, in a record.
    pub(super) const fn part(&self) -> Part {
        match self.start {
            _ if !self.is_piece() => Part::Whole,
            0 => Part::Begin { length: self.length },
            _ => Part::More,
        }
    }

    /// Whether the message is complete with this part.
    pub(super) const fn is_last(&self) -> bool {
        self.start + self.data.len() == self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{Chunks, PIECE};

    fn message(length: usize) -> Message {
        Message { code: 0, payload: Bytes::from(vec![0; length]) }
    }

    /// Bytes sent by each lane if all lanes always have messages. A lane is a weight and the size of
    /// its messages.
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
    fn equal_weights_get_equal_bytes_for_any_size_of_messages() {
        let equal = ratio(&shares(&[(1, 40_000), (1, 500)], 40_000_000));
        assert!((0.95..=1.05).contains(&equal), "{equal}");
        let equal = ratio(&shares(&[(1, 200_000), (1, 30)], 20_000_000));
        assert!((0.95..=1.05).contains(&equal), "{equal}");
    }

    #[test]
    fn a_weight_is_a_share_of_the_bytes() {
        let three = ratio(&shares(&[(3, 500), (1, 40_000)], 40_000_000));
        assert!((2.85..=3.15).contains(&three), "{three}");
        let none = ratio(&shares(&[(0, 500), (1, 500)], 4_000_000));
        assert!((0.95..=1.05).contains(&none), "a lane of weight 0 starves: {none}");
    }

    #[test]
    fn a_small_message_waits_for_at_most_one_round_of_each_other_lane() {
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
    fn each_lane_keeps_its_order_and_its_capacity() {
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
        assert!(
            schedule.push(SlotId(0), message(1 << 20)),
            "a message larger than the lane fits into an empty one"
        );
        assert!(!schedule.push(SlotId(0), message(0)));
        assert_eq!(schedule.next().unwrap().freed, 1000);
        assert_eq!(schedule.queued(SlotId(0)), 0);
    }

    #[test]
    fn other_lanes_send_between_the_pieces_of_a_message() {
        let mut schedule = Schedule::new([(1, 1 << 20); 2]);
        schedule.set_cutting(Cutting::Chunks(Chunks::at(16)));
        assert!(schedule.push(SlotId(0), message(10 * PIECE + 1)));
        assert!(schedule.push(SlotId(0), Message { code: 1, payload: Bytes::new() }));
        let full = schedule.queued(SlotId(0));
        let begin = schedule.next().unwrap();
        assert!(begin.is_piece() && !begin.is_last() && begin.start == 0 && begin.freed == 0);
        assert!(schedule.push(SlotId(1), message(1)));
        assert!(schedule.push_base(message(1)));
        assert_eq!(schedule.next().unwrap().slot, None);
        let first: Vec<_> = std::iter::from_fn(|| schedule.next()).take(2).collect();
        assert!(first.iter().any(|next| next.slot == Some(SlotId(1))), "after at most one piece");
        assert_eq!(schedule.queued(SlotId(0)), full, "no room before the last piece");
        let rest: Vec<_> = std::iter::from_fn(|| schedule.next()).collect();
        let last = &rest[rest.len() - 2];
        assert_eq!((last.start, last.data.len(), last.is_last()), (10 * PIECE, 1, true));
        assert_eq!((last.freed, rest.last().unwrap().code), (10 * PIECE + 65, 1));
        assert!(schedule.is_empty() && schedule.queued(SlotId(0)) == 0);
    }

    #[test]
    fn base_messages_are_sent_first_and_are_bounded() {
        let mut schedule = Schedule::new([(1, 1000)]);
        assert!(schedule.push(SlotId(0), message(1)));
        assert_eq!((0..100).filter(|_| schedule.push_base(message(1))).count(), MAX_BASE);
        assert!((0..MAX_BASE).all(|_| schedule.next().unwrap().slot.is_none()));
        assert_eq!(schedule.next().unwrap().slot, Some(SlotId(0)));
        assert!(schedule.next().is_none());
    }
}
