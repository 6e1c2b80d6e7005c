//! What was announced to one peer, and what it asked for. A machine without sockets, tasks or a clock.

use std::{collections::VecDeque, time::Duration};

use p2p_mux::MemoryCharge;
use p2p_world::HashMap;

use crate::{
    relay::lazy::policy::RoundTrip,
    relay::lazy::short_id::{Salt, ShortId},
    relay::lazy::wire::{Announced, MAX_IDS, class_of},
    relay::peer_state::known::{Exchange, KnownEnvelopes},
    relay::pool::live_blocks::LiveBlocks,
    relay::pool::{PoolEntry, Ticket},
};

/// Number of announcements that a peer can answer: the last ones. LAZY.md promises this many.
const MAX_OPEN: usize = 4096;

/// How often one announcement is answered: the peer may have dropped the envelope because of its limits.
const MAX_ANSWERS: u8 = 2;

/// Number of the last round trips of which the shortest counts.
const ROUND_TRIPS: usize = 8;

/// Bytes that an open announcement is counted with in the memory of the peer.
const OPEN_BYTES: usize = 64;

/// An announcement that the peer may answer.
#[derive(Debug, Clone, Copy)]
struct Open {
    ticket: Ticket,
    /// When it was sent, in milliseconds of the uptime.
    at: u32,
    answers: u8,
    /// Whether it is in the queue of what the peer asked for.
    is_wanted: bool,
}

/// An announcement that is to be sent.
#[derive(Debug, Clone, Copy)]
struct Unsent {
    announced: Announced,
    ticket: Ticket,
}

/// What one peer with `lazy/1` was told.
#[derive(Debug)]
pub(crate) struct Announcing {
    /// Which session of `lazy/1` it is: another one may have taken its place.
    session: u64,
    /// The peer's.
    salt: Salt,
    /// Up to which size the peer wants to be pushed what is new.
    limit: u32,
    /// `sent`: announced to the peer; `received`: announced by it.
    marks: KnownEnvelopes,
    unsent: VecDeque<Unsent>,
    /// How long the unsent may wait that were added since the last [`poll_have`](Self::poll_have).
    wait: Option<Duration>,
    /// When the unsent are sent, as an uptime.
    due: Option<Duration>,
    open: HashMap<ShortId, Open>,
    /// The ids of `open`, in the order of their announcement.
    order: VecDeque<ShortId>,
    wanted: VecDeque<(ShortId, Ticket)>,
    round_trips: RoundTrips,
    memory: MemoryCharge,
}

impl Announcing {
    /// A peer that has sent this salt. `memory`: counts what is kept for it.
    pub(crate) fn new(session: u64, salt: Salt, memory: [MemoryCharge; 2]) -> Self {
        let [marked, memory] = memory;
        let mut marks = KnownEnvelopes::default();
        marks.count_memory(marked);
        Self {
            session,
            salt,
            limit: 0,
            marks,
            unsent: VecDeque::new(),
            wait: None,
            due: None,
            open: HashMap::default(),
            order: VecDeque::new(),
            wanted: VecDeque::new(),
            round_trips: RoundTrips::default(),
            memory,
        }
    }

    pub(crate) fn session(&self) -> u64 {
        self.session
    }

    /// Up to which size the peer wants to be pushed what is new.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    pub(crate) fn round_trip(&self) -> RoundTrip {
        self.round_trips.round_trip()
    }

    /// What was announced to the peer, and by the peer.
    pub(crate) fn marks(&self) -> &KnownEnvelopes {
        &self.marks
    }

    /// Whether the peer has asked for an envelope that is still to be sent.
    pub(crate) fn is_wanted(&self, ticket: Ticket) -> bool {
        self.wanted.iter().any(|(_, wanted)| *wanted == ticket)
    }

    /// Whether there is room for announcements besides those of new envelopes. Beyond that, what has waited in the pool is
    /// sent as it is, at the pace of the peer.
    pub(crate) fn has_room(&self) -> bool {
        self.open.len() + self.unsent.len() < MAX_OPEN
    }

    /// Announces a pooled envelope, at the latest after `wait`, or somewhat later: by an amount that differs from peer to peer,
    /// so that two nodes seldom announce it to each other.
    pub(crate) fn announce(&mut self, entry: &PoolEntry, hash: &[u8; 32], wait: Duration) {
        self.marks.add([entry.number()], Exchange::SENT);
        let id = self.salt.id(hash);
        let announced = Announced { class: class_of(entry.raw().len()), id };
        if self.unsent.len() == MAX_OPEN {
            self.unsent.pop_front();
        }
        self.unsent.push_back(Unsent { announced, ticket: entry.ticket() });
        // If there is a time for those before it, it is sent with them.
        if wait.is_zero() || self.due.is_none() {
            let wait = wait + wait * u32::from(id.0[0]) / 256;
            self.wait = Some(self.wait.map_or(wait, |before| before.min(wait)));
        }
        self.update_memory();
    }

    /// Whether [`poll_have`](Self::poll_have) is to be called, because there is something new to announce.
    pub(crate) fn has_new(&self) -> bool {
        self.wait.is_some()
    }

    /// The next announcements to send; none if there are none now. What the peer has meanwhile is left out: what it has announced,
    /// and what `is_known` at it. Call it again when [`due`](Self::due).
    pub(crate) fn poll_have(
        &mut self,
        uptime: Duration,
        is_known: impl Fn(u64) -> bool,
    ) -> Vec<Announced> {
        if let Some(wait) = self.wait.take() {
            let due = uptime + wait;
            self.due = Some(self.due.map_or(due, |before| before.min(due)));
        }
        let mut have = Vec::new();
        if self.due.is_none_or(|due| due > uptime) {
            return have;
        }
        while have.len() < MAX_IDS
            && let Some(Unsent { announced, ticket }) = self.unsent.pop_front()
        {
            if self.marks.get(ticket.number()).received || is_known(ticket.number()) {
                continue;
            }
            let open = Open { ticket, at: millis(uptime), answers: 0, is_wanted: false };
            if self.open.insert(announced.id, open).is_none() {
                self.order.push_back(announced.id);
            }
            have.push(announced);
        }
        if self.unsent.is_empty() {
            self.due = None;
        }
        while self.order.len() > MAX_OPEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.open.remove(&oldest);
        }
        self.update_memory();
        have
    }

    /// When the next announcements are to be sent, as an uptime.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// The peer asks for envelopes. Ids that it was not told, or too long ago, are ignored.
    pub(crate) fn handle_want(&mut self, uptime: Duration, ids: &[ShortId]) {
        for id in ids {
            if let Some(open) = self.open.get_mut(id)
                && open.answers < MAX_ANSWERS
                && !open.is_wanted
            {
                if open.answers == 0 {
                    self.round_trips.add(millis(uptime).saturating_sub(open.at));
                }
                open.answers += 1;
                open.is_wanted = true;
                self.wanted.push_back((*id, open.ticket));
            }
        }
        self.update_memory();
    }

    /// The next envelope that the peer asked for.
    pub(crate) fn next_wanted(&self) -> Option<Ticket> {
        self.wanted.front().map(|(_, ticket)| *ticket)
    }

    /// [`next_wanted`](Self::next_wanted) was sent, or is no longer there.
    pub(crate) fn handle_answered(&mut self) {
        if let Some((id, _)) = self.wanted.pop_front()
            && let Some(open) = self.open.get_mut(&id)
        {
            open.is_wanted = false;
        }
        self.update_memory();
    }

    /// The peer has announced these envelopes, which are in the pool.
    pub(crate) fn handle_have(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.marks.add(numbers, Exchange::RECEIVED);
    }

    /// The peer wants new envelopes of at most this many bytes at once.
    pub(crate) fn handle_push(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// The peer wants everything to be announced again.
    pub(crate) fn handle_again(&mut self) {
        self.marks.clear();
    }

    /// Forgets what is known about envelopes that left the pool.
    pub(crate) fn forget(&mut self, live: &LiveBlocks) {
        self.marks.forget(live);
    }

    fn update_memory(&mut self) {
        let count = self.unsent.len() + self.order.len() + self.wanted.len();
        self.memory.set(count * OPEN_BYTES);
    }
}

/// The last round trips, in milliseconds.
#[derive(Debug, Default)]
struct RoundTrips {
    last: VecDeque<u32>,
    least: Option<u32>,
}

impl RoundTrips {
    fn add(&mut self, millis: u32) {
        if self.last.len() == ROUND_TRIPS {
            self.last.pop_front();
        }
        self.last.push_back(millis);
        self.least = Some(self.least.map_or(millis, |least| least.min(millis)));
    }

    fn round_trip(&self) -> RoundTrip {
        let recent = self.last.iter().min().copied();
        recent
            .zip(self.least)
            .map(|(recent, least)| RoundTrip { least, recent })
            .unwrap_or_default()
    }
}

fn millis(uptime: Duration) -> u32 {
    u32::try_from(uptime.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::relay::testing::pooled;

    const SALT: Salt = Salt([7; 16]);

    const MS: Duration = Duration::from_millis(1);

    fn announcing() -> Announcing {
        Announcing::new(1, SALT, Default::default())
    }

    fn ids(entries: &[Arc<PoolEntry>]) -> Vec<ShortId> {
        entries.iter().map(|entry| SALT.id(&entry.hash())).collect()
    }

    fn announce(announcing: &mut Announcing, entries: &[Arc<PoolEntry>]) -> Vec<ShortId> {
        entries.iter().for_each(|it| announcing.announce(it, &it.hash(), Duration::ZERO));
        let have = std::iter::from_fn(|| {
            let have = announcing.poll_have(MS, |_| false);
            (!have.is_empty()).then_some(have)
        });
        have.flatten().map(|announced| announced.id).collect()
    }

    #[test]
    fn what_was_announced_is_sent_when_it_is_asked_for() {
        let (mut peer, all) = (announcing(), pooled(0..3));
        assert_eq!(announce(&mut peer, &all[..2]), ids(&all[..2]));
        peer.handle_want(MS, &ids(&all[1..]));
        assert_eq!(peer.next_wanted(), Some(all[1].ticket()), "the third one was not announced");
        assert!(peer.is_wanted(all[1].ticket()));
        peer.handle_want(MS, &ids(&all[1..]));
        peer.handle_answered();
        assert_eq!(peer.next_wanted(), None, "asked for twice before it was sent once");
        peer.handle_want(MS, &ids(&all[1..]));
        peer.handle_answered();
        peer.handle_want(MS, &ids(&all[1..]));
        assert_eq!(peer.next_wanted(), None, "sent twice at most");
    }

    #[test]
    fn what_the_peer_has_announced_is_not_announced_to_it() {
        let (mut peer, all) = (announcing(), pooled(0..3));
        all.iter().for_each(|entry| peer.announce(entry, &entry.hash(), Duration::ZERO));
        peer.handle_have([all[0].number()]);
        let has_sent = |number| number == all[1].number();
        let have = peer.poll_have(MS, has_sent);
        assert_eq!(have.iter().map(|it| it.id).collect::<Vec<_>>(), ids(&all[2..]));
        assert_eq!(peer.poll_have(MS, has_sent), [], "once");
    }

    #[test]
    fn announcements_that_may_wait_are_sent_together() {
        let (mut peer, all) = (announcing(), pooled(0..4));
        let add = |peer: &mut Announcing, index: usize, wait| {
            peer.announce(&all[index], &all[index].hash(), wait);
            peer.has_new()
        };
        let sent = |peer: &mut Announcing, at| {
            let have = peer.poll_have(at, |_| false);
            have.iter().map(|it| it.id).collect::<Vec<_>>()
        };
        assert!(add(&mut peer, 0, 20 * MS));
        assert_eq!(sent(&mut peer, MS), []);
        let due = peer.due().unwrap();
        assert!((21 * MS..41 * MS).contains(&due), "{due:?}");
        assert!(!add(&mut peer, 1, 20 * MS), "it is sent with the first one");
        assert_eq!(sent(&mut peer, due - Duration::from_nanos(1)), []);
        assert_eq!(sent(&mut peer, due), ids(&all[..2]));
        assert_eq!((peer.due(), sent(&mut peer, due)), (None, vec![]));
        add(&mut peer, 2, 20 * MS);
        assert_eq!(sent(&mut peer, due), []);
        assert!(add(&mut peer, 3, Duration::ZERO), "it does not wait, nor do the others");
        assert_eq!(sent(&mut peer, due), ids(&all[2..]));
    }

    #[test]
    fn the_last_announcements_can_be_answered_and_memory_is_bounded() {
        let (mut peer, all) = (announcing(), pooled(0..5000));
        for entries in all.chunks(500) {
            announce(&mut peer, entries);
        }
        assert!(!peer.has_room());
        let first_open = all.len() - MAX_OPEN;
        peer.handle_want(MS, &ids(&all[first_open - 1..first_open]));
        assert_eq!(peer.next_wanted(), None);
        peer.handle_want(MS, &ids(&all[first_open..=first_open]));
        assert_eq!(peer.next_wanted(), Some(all[first_open].ticket()));
        assert_eq!(peer.memory.bytes(), (MAX_OPEN + 1) * OPEN_BYTES);
        all.iter().for_each(|entry| peer.announce(entry, &entry.hash(), Duration::ZERO));
        assert_eq!(peer.unsent.len(), MAX_OPEN);
    }

    #[test]
    fn round_trips_are_measured_from_announcement_to_request() {
        let (mut peer, all) = (announcing(), pooled(0..9));
        announce(&mut peer, &all);
        assert_eq!(peer.round_trip(), RoundTrip { least: 0, recent: 0 });
        peer.handle_want(101 * MS, &ids(&all[..1]));
        peer.handle_want(201 * MS, &ids(&all[1..2]));
        assert_eq!(peer.round_trip(), RoundTrip { least: 100, recent: 100 });
        peer.handle_want(301 * MS, &ids(&all[2..]));
        assert_eq!(peer.round_trip(), RoundTrip { least: 100, recent: 200 });
    }
}
