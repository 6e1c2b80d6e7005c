//! What the relay sends to one peer next.

use std::sync::{
    Arc,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed},
    },
};

use p2p_identity::NodeId;
use whisper_envelope::Bloom;
use whisper_pow::Work;

use super::Relay;
use crate::{
    lock::{lock, read},
    relay::feed::Unread,
    relay::feed::arrivals::Arrivals,
    relay::feed::bundle::Bundle,
    relay::peer_slot::PeerSlot,
    relay::peer_state::{Chosen, PeerState, Terms, Untold},
    relay::roster::RelayPeer,
    stats::RelayStats,
};

/// What to send to a peer next.
#[derive(Debug)]
pub(crate) enum Transmit {
    /// The node's work requirement changed.
    MinWork(Work),
    /// The node's bloom changed.
    Bloom(Bloom),
    /// Envelopes, highest work first, together below the peer's packet limit.
    Envelopes(Arc<Bundle>),
    /// Nothing was found yet: let other tasks run, then ask again.
    Again,
    /// As [`Idle`](Self::Idle), but for at most this number of seconds.
    Later(u32),
    /// Nothing to do until the peer's slot is among [`Effects::wakes`](super::Effects::wakes).
    Idle,
}

/// An envelope that is not sent to a peer because it alone exceeds the largest packet that every peer accepts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsent {
    pub(crate) hash: [u8; 32],
    pub(crate) to: NodeId,
}

/// What was sent to all peers, and when it had arrived.
#[derive(Debug, Default)]
pub(crate) struct SentCounts {
    envelopes: AtomicU64,
    bundles: AtomicU64,
    oversized: AtomicU64,
    /// Of the peers that left.
    deferred: AtomicU64,
    pub(super) arrivals: Arrivals,
}

impl SentCounts {
    pub(super) fn add_deferred(&self, deferred: u64) {
        self.deferred.fetch_add(deferred, Relaxed);
    }

    /// The counters; those of the pool are 0.
    pub(super) fn stats(&self) -> RelayStats {
        RelayStats {
            sent: self.envelopes.load(Relaxed),
            bundles: self.bundles.load(Relaxed),
            oversized: self.oversized.load(Relaxed),
            deferred: self.deferred.load(Relaxed),
            ..RelayStats::default()
        }
    }
}

impl Relay {
    /// What to send to this peer next, and the oversized envelopes that were skipped.
    /// `queued`: bytes in the queue to this peer.
    pub(crate) fn poll_transmit(
        &self,
        now: u32,
        slot: PeerSlot,
        queued: usize,
    ) -> (Transmit, Vec<Unsent>) {
        let Some(peer) = self.find_peer(slot) else { return (Transmit::Idle, Vec::new()) };
        let mut state = lock(&peer.state);
        let version = self.changes.version.load(Acquire);
        match state.untold(version, || self.status()) {
            Some(Untold::MinWork(min_work)) => return (Transmit::MinWork(min_work), Vec::new()),
            Some(Untold::Bloom(bloom)) => return (Transmit::Bloom(bloom), Vec::new()),
            None => {}
        }
        if state.is_outdated(self.pool.ended_blocks()) {
            state.forget(self.pool().live_blocks());
        }
        state.handle_clock(now);
        let terms = Terms {
            now,
            own_only: self.is_light(),
            index: slot.index,
            peers: read(&self.roster).len(),
            queued,
            spread: self.lazy.as_ref().map(|lazy| &lazy.spread),
        };
        let mut unsent = Vec::new();
        if let Some(bundle) = self.choose_wanted(terms, &mut state) {
            return (self.transmit(bundle), unsent);
        }
        loop {
            let (bundle, more) = self.choose(terms, &peer, &mut state, &mut unsent);
            if let Some(lazy) = self.lazy.as_ref().filter(|_| state.has_new_announcements()) {
                lazy.wake(slot.index);
            }
            if let Some(bundle) = bundle {
                return (self.transmit(bundle), unsent);
            }
            if more {
                return (Transmit::Again, unsent);
            }
            if lock(&self.feed).wait(slot.index, state.cursor()) {
                // It may have changed before the peer waited, and then nothing wakes it.
                if self.changes.version.load(Acquire) != version {
                    return (Transmit::Again, unsent);
                }
                let later = state.later(now);
                return (later.map_or(Transmit::Idle, Transmit::Later), unsent);
            }
        }
    }

    fn transmit(&self, bundle: Arc<Bundle>) -> Transmit {
        self.counts.envelopes.fetch_add(bundle.len() as u64, Relaxed);
        self.counts.bundles.fetch_add(1, Relaxed);
        Transmit::Envelopes(bundle)
    }

    /// Chooses what a peer has asked for.
    fn choose_wanted(&self, terms: Terms<'_>, state: &mut PeerState) -> Option<Arc<Bundle>> {
        state.next_wanted()?;
        let Chosen { entries, .. } = state.choose_wanted(terms, &self.pool());
        (!entries.is_empty()).then(|| Arc::new(Bundle::new(entries)))
    }

    /// Chooses the next bundle for a peer. Returns also whether there may be more.
    fn choose(
        &self,
        terms: Terms<'_>,
        peer: &RelayPeer,
        state: &mut PeerState,
        unsent: &mut Vec<Unsent>,
    ) -> (Option<Arc<Bundle>>, bool) {
        let start = state.cursor();
        let end = lock(&self.bundles).end_from(start);
        let unread = lock(&self.feed).unread(start, end);
        let (chosen, more) = match unread {
            Unread::Bundle(segments) if state.is_current() => {
                let chosen = state.choose_from_feed(terms, &segments);
                self.report(&chosen, peer, unsent);
                let Chosen { entries, .. } = chosen;
                if entries.is_empty() {
                    return (None, true);
                }
                let bundle = lock(&self.bundles).share(start, state.cursor(), entries);
                return (Some(bundle), true);
            }
            Unread::Nothing if state.is_current() => return (None, false),
            Unread::Nothing => state.choose_from_pool(terms, &self.pool()),
            Unread::Bundle(segments) | Unread::Backlog(segments) => {
                state.queue(terms, &segments);
                state.choose_from_pool(terms, &self.pool())
            }
            Unread::Gap(missed, segments) => {
                state.handle_gap(missed);
                state.queue(terms, &segments);
                state.choose_from_pool(terms, &self.pool())
            }
        };
        self.report(&chosen, peer, unsent);
        let Chosen { entries, .. } = chosen;
        ((!entries.is_empty()).then(|| Arc::new(Bundle::new(entries))), more)
    }

    fn report(&self, chosen: &Chosen, peer: &RelayPeer, unsent: &mut Vec<Unsent>) {
        self.counts.oversized.fetch_add(chosen.oversized.len() as u64, Relaxed);
        unsent.extend(chosen.oversized.iter().map(|hash| Unsent { hash: *hash, to: peer.id }));
    }
}
