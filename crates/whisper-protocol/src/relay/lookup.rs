//! What the relay can tell about one envelope. It is worked out on request: nothing is stored for it.

use super::{OccupiedSlot, Relay};
use crate::{
    relay::peer_state::sample_of,
    relay::peer_state::skip_reason::SkipReason,
    relay::pool::history::ArrivalStamp,
    relay::pool::{PoolEntry, Ticket},
    relay::trace::{DepartedTrace, EnvelopeSource, PeerTrace, PooledTrace},
    relay::unsent_reason::{SkippedPeers, UnsentReason},
};

impl Relay {
    /// An envelope in the pool, and what each peer has to do with it or with another envelope of its post.
    pub(crate) fn trace(&self, hash: &[u8; 32], post: &[[u8; 32]]) -> Option<PooledTrace> {
        let ticket = self.pool.find(hash)?;
        let entry = self.pool.get(ticket)?;
        Some(PooledTrace {
            raw: entry.raw().to_vec(),
            source: self.source(entry.stamp()),
            arrived: entry.stamp().second(),
            work: entry.work().get(),
            topic: entry.topic(),
            expiry: entry.expiry(),
            peers: self.peers_of(&self.tickets([hash].into_iter().chain(post))),
        })
    }

    /// An envelope that left the pool and is still remembered.
    pub(crate) fn departed(&self, hash: &[u8; 32]) -> Option<DepartedTrace> {
        let departure = self.pool.departure(hash)?;
        Some(DepartedTrace {
            source: self.source(departure.stamp),
            arrived: departure.stamp.second(),
            left: departure.at,
            evicted: departure.evicted,
        })
    }

    /// Why no envelope of a post was sent to any peer; `None` if none of them is in the pool, or if a peer has one.
    pub(crate) fn unsent_reason(&self, hashes: &[[u8; 32]]) -> Option<UnsentReason> {
        let tickets = self.tickets(hashes);
        let peers = self.peers_of(&tickets);
        if tickets.is_empty() {
            return None;
        }
        if peers.is_empty() {
            return Some(UnsentReason::NoPeers);
        }
        let mut skipped = SkippedPeers::default();
        for peer in peers {
            match peer.skipped? {
                SkipReason::OutsideBloom => skipped.bloom += 1,
                SkipReason::LowWork => skipped.work += 1,
                SkipReason::Oversized => skipped.size += 1,
                SkipReason::LightClient | SkipReason::Pending => skipped.pending += 1,
            }
        }
        Some(UnsentReason::Unwanted(skipped))
    }

    fn tickets<'a>(&self, hashes: impl IntoIterator<Item = &'a [u8; 32]>) -> Vec<Ticket> {
        hashes.into_iter().filter_map(|hash| self.pool.find(hash)).collect()
    }

    /// What each peer has to do with the envelopes of one message.
    fn peers_of(&self, tickets: &[Ticket]) -> Vec<PeerTrace> {
        let entries = tickets.iter().filter_map(|ticket| Some((*ticket, self.pool.get(*ticket)?)));
        let entries: Vec<_> = entries.collect();
        let trace = |occupied: &OccupiedSlot| {
            let trace_one = |(ticket, entry)| self.trace_one(occupied, ticket, entry);
            entries.iter().copied().map(trace_one).reduce(PeerTrace::merged_with)
        };
        self.slots.iter().flatten().filter_map(trace).collect()
    }

    fn trace_one(&self, occupied: &OccupiedSlot, ticket: Ticket, entry: &PoolEntry) -> PeerTrace {
        let (sample, held_back) = (sample_of(entry.topic()), self.light && !entry.is_own());
        let (exchange, skipped) = occupied.peer.explain(ticket, entry, &sample);
        let light = |reason| if held_back { SkipReason::LightClient } else { reason };
        PeerTrace {
            peer: occupied.id,
            sent: exchange.sent,
            received: exchange.received,
            skipped: skipped.map(light),
        }
    }

    /// The peer in the slot that the stamp names, if it was there when the envelope arrived; otherwise the peer
    /// that was.
    fn source(&self, stamp: ArrivalStamp) -> EnvelopeSource {
        let Some(from) = stamp.from else { return EnvelopeSource::Here };
        let occupied = self.slots.get(from as usize).and_then(Option::as_ref);
        if let Some(occupied) = occupied
            && occupied.after < stamp.arrival
        {
            return EnvelopeSource::Peer(occupied.id);
        }
        let former = self.former_peers.iter().rev().find(|former| former.covers(stamp));
        former.map_or(EnvelopeSource::Forgotten, |former| EnvelopeSource::Peer(former.id))
    }
}
