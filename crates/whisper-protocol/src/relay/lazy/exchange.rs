//! What the relay does for its peers with `lazy/1`: which of them it tells what, and whom it asks.

use std::{
    sync::{
        Mutex, MutexGuard,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Relaxed, Release},
        },
    },
    time::Duration,
};

use p2p_mux::MemoryCharge;
use rand::RngCore as _;
use whisper_envelope::Envelope;

use crate::{
    lock::lock,
    relay::Relay,
    relay::admission::Proven,
    relay::lazy::announcing::Announcing,
    relay::lazy::fetching::{Announcers, FetchCounts, Fetching},
    relay::lazy::short_id::{Salt, ShortId},
    relay::lazy::spread::Spread,
    relay::lazy::wire::{Announced, LazyMessage},
    relay::peer_slot::PeerSlot,
    relay::peer_state::PeerState,
    relay::pool::{Admitted, Ticket},
};

/// How long a rejected envelope is remembered at most, in seconds: its expiry may be years away.
const MAX_REJECTED_SECS: u32 = 120;

/// When and from whom envelopes arrived, and who had announced each of them.
#[derive(Debug, Clone, Copy)]
pub(in crate::relay) struct Arrival<'a> {
    pub(in crate::relay) uptime: Duration,
    pub(in crate::relay) from: Option<PeerSlot>,
    pub(in crate::relay) announcers: &'a [Announcers],
}

/// The state of `lazy/1` for all peers of one relay. That of one peer is [`Announcing`].
#[derive(Debug)]
pub(crate) struct LazyRelay {
    fetching: Mutex<Fetching>,
    /// Whether [`Fetching::take_wakes`] has something, so that most callers need no lock.
    has_wakes: AtomicBool,
    pub(in crate::relay) spread: Spread,
    /// Announcements to all peers.
    announced: AtomicU64,
    sessions: AtomicU64,
}

impl Default for LazyRelay {
    fn default() -> Self {
        let mut salt = Salt([0; Salt::LEN]);
        p2p_world::rng().fill_bytes(&mut salt.0);
        Self {
            fetching: Mutex::new(Fetching::new(salt)),
            has_wakes: AtomicBool::new(false),
            spread: Spread::default(),
            announced: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
        }
    }
}

impl LazyRelay {
    fn fetching(&self) -> MutexGuard<'_, Fetching> {
        lock(&self.fetching)
    }

    /// Releases the lock, after what may have woken peers.
    fn release(&self, fetching: MutexGuard<'_, Fetching>) {
        if fetching.has_wakes() {
            self.has_wakes.store(true, Release);
        }
        drop(fetching);
    }

    /// There is something to announce to this peer.
    pub(in crate::relay) fn wake(&self, index: usize) {
        let mut fetching = self.fetching();
        fetching.wake(index);
        self.release(fetching);
    }

    /// Announcements to all peers, and requests.
    pub(in crate::relay) fn counts(&self) -> (u64, FetchCounts) {
        (self.announced.load(Relaxed), self.fetching().counts())
    }

    /// Forgets envelopes that expired before `now`.
    pub(in crate::relay) fn expire(&self, now: u32) {
        self.fetching().expire(now);
    }

    /// A peer left.
    pub(in crate::relay) fn leave(&self, index: usize) {
        let mut fetching = self.fetching();
        fetching.leave(index);
        self.release(fetching);
    }

    /// Envelopes arrived that meet the requirements. Returns for each who had announced it.
    pub(in crate::relay) fn handle_arrived(
        &self,
        from: Option<PeerSlot>,
        envelopes: &[(&Envelope, Proven)],
    ) -> Vec<Announcers> {
        let from = from.map(|slot| slot.index);
        let mut fetching = self.fetching();
        let arrived =
            envelopes.iter().map(|(envelope, _)| fetching.handle_arrived(envelope.hash(), from));
        let arrived = arrived.collect();
        self.release(fetching);
        arrived
    }

    /// Envelopes were admitted; each with the peers that had announced it.
    pub(in crate::relay) fn handle_new(
        &self,
        admitted: &[Admitted],
        from: Option<usize>,
        announcers: &[Announcers],
    ) {
        for (admitted, Announcers(announcers)) in admitted.iter().zip(announcers) {
            if let Admitted::New(entry) = admitted {
                let is_other = from.is_some_and(|from| !announcers.contains(&from));
                self.spread.insert(entry.number(), announcers.len() + usize::from(is_other));
            }
        }
    }
}

/// A relay, for what concerns `lazy/1`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange<'a>(pub(in crate::relay) &'a Relay);

impl Exchange<'_> {
    /// What this node tells its peers with `lazy/1`; `None` if it does not use it.
    pub(crate) fn lazy_salt(&self) -> Option<Salt> {
        self.0.lazy.as_ref().map(|lazy| lazy.fetching().salt())
    }

    /// A peer has started `lazy/1` with this salt. Returns the number of its session.
    pub(crate) fn start_lazy(
        &self,
        slot: PeerSlot,
        salt: Salt,
        memory: [MemoryCharge; 2],
    ) -> Option<u64> {
        let lazy = self.0.lazy.as_ref()?;
        let peer = self.0.find_peer(slot)?;
        let session = lazy.sessions.fetch_add(1, Relaxed);
        lock(&peer.state).start_lazy(Announcing::new(session, salt, memory));
        let mut fetching = lazy.fetching();
        fetching.join(slot.index);
        lazy.release(fetching);
        Some(session)
    }

    /// That session has ended. The peer is sent everything from now on, and what it was only told about as well.
    pub(crate) fn stop_lazy(&self, slot: PeerSlot, session: u64) {
        let (Some(lazy), Some(peer)) = (&self.0.lazy, self.0.find_peer(slot)) else { return };
        if lock(&peer.state).stop_lazy(session) {
            lazy.leave(slot.index);
            lock(&self.0.feed).wake(slot.index);
        }
    }

    /// A peer announces envelopes. Returns the tickets of those that are in the pool.
    pub(crate) fn handle_have(&self, slot: PeerSlot, announced: &[Announced]) -> Vec<Ticket> {
        let (Some(lazy), Some(peer)) = (&self.0.lazy, self.0.find_peer(slot)) else {
            return Vec::new();
        };
        let mut fetching = lazy.fetching();
        let here = fetching.handle_have(slot.index, announced);
        lazy.release(fetching);
        let mut state = lock(&peer.state);
        for ticket in &here {
            if state.handle_announced_by(ticket.number()) {
                lazy.spread.add(ticket.number());
            }
        }
        here
    }

    /// The hashes of those of these envelopes that were made here.
    pub(crate) fn own_hashes(&self, tickets: &[Ticket]) -> Vec<[u8; 32]> {
        let pool = self.0.pool();
        let own = tickets.iter().filter_map(|ticket| pool.get(*ticket)).filter(|it| it.is_own());
        own.map(|entry| entry.hash()).collect()
    }

    /// A peer announces envelopes in a message that is not read: it is to announce them again later.
    pub(crate) fn handle_unread(&self, slot: PeerSlot) {
        if let Some(lazy) = &self.0.lazy {
            lazy.fetching().handle_unread(slot.index);
        }
    }

    /// A peer asks for envelopes that were announced to it.
    pub(crate) fn handle_want(&self, uptime: Duration, slot: PeerSlot, ids: &[ShortId]) {
        self.change_lazy(slot, |state| {
            if let Some(lazy) = state.lazy_mut() {
                lazy.handle_want(uptime, ids);
            }
        });
    }

    /// A peer wants new envelopes of at most this many bytes at once.
    pub(crate) fn handle_push(&self, slot: PeerSlot, limit: u32) {
        self.change_lazy(slot, |state| {
            if let Some(lazy) = state.lazy_mut() {
                lazy.handle_push(limit);
            }
        });
    }

    /// A peer wants everything to be announced again that it may not have.
    pub(crate) fn handle_again(&self, slot: PeerSlot) {
        self.change_lazy(slot, PeerState::announce_again);
    }

    fn change_lazy(&self, slot: PeerSlot, change: impl FnOnce(&mut PeerState)) {
        let Some(peer) = self.0.find_peer(slot) else { return };
        change(&mut lock(&peer.state));
        lock(&self.0.feed).wake(slot.index);
    }

    /// The next message of `lazy/1` to a peer, and when to ask again if there is none.
    pub(crate) fn poll_lazy(
        &self,
        uptime: Duration,
        slot: PeerSlot,
    ) -> (Option<LazyMessage>, Option<Duration>) {
        let Some(lazy) = &self.0.lazy else { return (None, None) };
        let mut fetching = lazy.fetching();
        fetching.handle_timeout(uptime, slot.index);
        let message = fetching.poll_message(uptime, slot.index);
        let timeout = fetching.poll_timeout(slot.index);
        lazy.release(fetching);
        if message.is_some() {
            return (message, timeout);
        }
        let Some(peer) = self.0.find_peer(slot) else { return (None, timeout) };
        let (have, due) = lock(&peer.state).poll_have(uptime);
        lazy.announced.fetch_add(have.len() as u64, Relaxed);
        let timeout = timeout.into_iter().chain(due).min();
        ((!have.is_empty()).then_some(LazyMessage::Have(have)), timeout)
    }

    /// Bytes that are kept for what a peer has announced.
    pub(crate) fn lazy_memory(&self, slot: PeerSlot) -> usize {
        self.0.lazy.as_ref().map_or(0, |lazy| lazy.fetching().memory(slot.index))
    }

    /// The peers to which there is something to be sent over `lazy/1`, since the last call.
    pub(crate) fn take_lazy_wakes(&self) -> Vec<PeerSlot> {
        let Some(lazy) = self.0.lazy.as_ref().filter(|lazy| lazy.has_wakes.swap(false, AcqRel))
        else {
            return Vec::new();
        };
        let wakes = lazy.fetching().take_wakes();
        wakes.into_iter().map(|index| self.0.slot(index)).collect()
    }

    /// What became of envelopes that arrived.
    pub(in crate::relay) fn handle_admitted(
        &self,
        now: u32,
        from: Option<PeerSlot>,
        envelopes: &[(&Envelope, Proven)],
        admitted: &[Admitted],
        announcers: &[Announcers],
    ) {
        let Some(lazy) = &self.0.lazy else { return };
        let mut fetching = lazy.fetching();
        let mut held = Vec::new();
        for (((envelope, _), admitted), announcers) in
            envelopes.iter().zip(admitted).zip(announcers)
        {
            let ticket = match admitted {
                Admitted::New(entry) => {
                    from.iter().for_each(|slot| fetching.handle_first(slot.index));
                    entry.ticket()
                }
                Admitted::Known(ticket) => *ticket,
                Admitted::Full => {
                    fetching.handle_rejected(envelope.hash(), until(now, envelope));
                    continue;
                }
            };
            fetching.handle_admitted(envelope.hash(), ticket, envelope.expiry());
            held.extend(announcers.0.iter().map(|announcer| (*announcer, ticket.number())));
        }
        lazy.release(fetching);
        for (announcer, number) in held {
            if let Some(peer) = self.0.find_peer(self.0.slot(announcer)) {
                lock(&peer.state).handle_announced_by(number);
            }
        }
    }

    /// Envelopes arrived that do not meet the requirements.
    pub(crate) fn handle_rejected<'a>(
        &self,
        now: u32,
        envelopes: impl IntoIterator<Item = &'a Envelope>,
    ) {
        let Some(lazy) = &self.0.lazy else { return };
        let mut envelopes = envelopes.into_iter().peekable();
        if envelopes.peek().is_none() {
            return;
        }
        let mut fetching = lazy.fetching();
        envelopes.for_each(|it| fetching.handle_rejected(it.hash(), until(now, it)));
        lazy.release(fetching);
    }
}

/// Until when a rejected envelope is remembered.
fn until(now: u32, envelope: &Envelope) -> u32 {
    envelope.expiry().min(now.saturating_add(MAX_REJECTED_SECS))
}

#[cfg(test)]
mod tests;
