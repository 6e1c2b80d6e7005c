//! What peers send, on its way into the pool and the feed.

use std::{
    sync::{Arc, MutexGuard, atomic::Ordering},
    time::Duration,
};

use whisper_envelope::{Envelope, Unhashed};

use super::{Effects, MAX_LOCKED, Relay};
use crate::{
    lock::{lock, try_lock},
    relay::admission::{EnvelopeOutcome, Proven},
    relay::lazy::exchange::Arrival,
    relay::peer_slot::PeerSlot,
    relay::pool::{Admitted, Pool, PoolEntry},
    relay::reject_reason::RejectReason,
};

impl Relay {
    /// Removes envelopes that are in the pool. The peer that sent them is not sent them back.
    ///
    /// If others use the pool and none of the envelopes came lately, the pool is not waited for: all stay, and those that
    /// are in the pool are found when they are admitted.
    pub(crate) fn handle_known(&self, from: PeerSlot, envelopes: &mut Vec<Unhashed>) {
        let key = |envelope: &Unhashed| self.table_keys.of_content(envelope.raw());
        let keys: Vec<u32> = envelopes.iter().map(key).collect();
        let known = {
            let is_recent = keys.iter().any(|key| self.recent_keys.contains(*key));
            let pool = if is_recent { Some(self.pool()) } else { try_lock(&self.pool) };
            let Some(pool) = pool else { return };
            pool.remove_known(envelopes, keys)
        };
        self.handle_received(Some(from), known);
    }

    /// Admits envelopes that meet the [`Requirements`] to the pool and the feed. Returns one outcome for each. The peers to
    /// wake are left for [`take_wakes`](Self::take_wakes).
    pub(crate) fn admit(
        &self,
        now: u32,
        uptime: Duration,
        from: Option<PeerSlot>,
        envelopes: &[(&Envelope, Proven)],
    ) -> (Vec<EnvelopeOutcome>, Effects) {
        let source = from.and_then(|slot| u32::try_from(slot.index).ok());
        let mut outcomes = Vec::with_capacity(envelopes.len());
        let mut received = Vec::new();
        let mut effects = Effects::default();
        for envelopes in envelopes.chunks(MAX_LOCKED) {
            let entry = |(envelope, proven): &(&Envelope, Proven)| {
                self.table_keys.entry(envelope, *proven, source)
            };
            let entries: Vec<PoolEntry> = envelopes.iter().map(entry).collect();
            let lazy = self.lazy.as_ref();
            let announcers =
                lazy.map(|lazy| lazy.handle_arrived(from, envelopes)).unwrap_or_default();
            let arrival = Arrival { uptime, from, announcers: &announcers };
            let admitted = self.admit_entries(now, arrival, entries, &mut effects);
            self.exchange().handle_admitted(now, from, envelopes, &admitted, &announcers);
            for admitted in admitted {
                let (number, outcome) = match admitted {
                    Admitted::New(entry) => (Some(entry.number()), EnvelopeOutcome::New),
                    Admitted::Known(ticket) => (Some(ticket.number()), EnvelopeOutcome::Known),
                    Admitted::Full => (None, EnvelopeOutcome::Rejected(RejectReason::PoolFull)),
                };
                received.extend(number);
                outcomes.push(outcome);
            }
        }
        self.handle_received(from, received);
        (outcomes, effects)
    }

    fn admit_entries(
        &self,
        now: u32,
        Arrival { uptime, from, announcers }: Arrival<'_>,
        entries: Vec<PoolEntry>,
        effects: &mut Effects,
    ) -> Vec<Admitted> {
        let from = from.map(|slot| slot.index);
        let mut pool = self.pool();
        let before = pool.next_expiry();
        let admitted: Vec<_> = entries.into_iter().map(|entry| pool.admit(now, entry)).collect();
        let new = admitted.iter().filter_map(|admitted| match admitted {
            Admitted::New(entry) => Some(Arc::clone(entry)),
            Admitted::Known(_) | Admitted::Full => None,
        });
        let new: Vec<_> = new.collect();
        for entry in &new {
            self.arrivals().insert(entry.number(), uptime);
            self.recent_keys.insert(entry.keys().content);
        }
        self.lazy.iter().for_each(|lazy| lazy.handle_new(&admitted, from, announcers));
        effects.lost.extend(pool.take_lost());
        let after = pool.next_expiry();
        effects.expires_earlier |=
            after.is_some_and(|after| before.is_none_or(|before| after < before));
        // Before the pool is released, so that the feed has the order of the pool's numbers.
        let mut feed = lock(&self.feed);
        let removed = self.release(pool);
        feed.append(&new, from, from.is_none() || !self.is_light());
        drop(feed);
        drop(removed);
        admitted
    }

    /// Releases the pool. Returns what has left it, to be dropped without a lock: freeing memory takes time.
    pub(super) fn release(&self, mut pool: MutexGuard<'_, Pool>) -> Vec<Arc<PoolEntry>> {
        self.ended_blocks.store(pool.live_blocks().ended(), Ordering::Relaxed);
        pool.take_removed()
    }

    /// The peer sent these envelopes, which are in the pool.
    fn handle_received(&self, from: Option<PeerSlot>, numbers: impl IntoIterator<Item = u64>) {
        if let Some(peer) = from.and_then(|slot| self.find_peer(slot)) {
            lock(&peer.state).handle_received(numbers);
        }
    }
}
