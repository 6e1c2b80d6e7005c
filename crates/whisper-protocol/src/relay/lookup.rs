//! What the relay can tell about one envelope. It is worked out on request: nothing is stored for it.

use super::{OccupiedSlot, Relay};
use crate::{
    relay::peer_state::sample_of,
    relay::peer_state::skip_reason::SkipReason,
    relay::pool::Ticket,
    relay::pool::history::ArrivalStamp,
    relay::trace::{DepartedTrace, EnvelopeSource, PeerTrace, PooledTrace},
    relay::unsent_reason::{SkippedPeers, UnsentReason},
};

impl Relay {
    /// An envelope in the pool, and what each peer has to do with it.
    pub(crate) fn trace(&self, hash: &[u8; 32]) -> Option<PooledTrace> {
        let ticket = self.pool.find(hash)?;
        let entry = self.pool.get(ticket)?;
        Some(PooledTrace {
            raw: entry.raw().to_vec(),
            source: self.source(entry.stamp()),
            arrived: entry.stamp().second(),
            work: entry.work().get(),
            topic: entry.topic(),
            expiry: entry.expiry(),
            peers: self.peers_of(ticket),
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

    /// Why a pooled envelope was sent to no peer; `None` if it is not in the pool, or if a peer has it.
    pub(crate) fn unsent_reason(&self, hash: &[u8; 32]) -> Option<UnsentReason> {
        let peers = self.peers_of(self.pool.find(hash)?);
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

    fn peers_of(&self, ticket: Ticket) -> Vec<PeerTrace> {
        let Some(entry) = self.pool.get(ticket) else { return Vec::new() };
        let (sample, held_back) = (sample_of(entry.topic()), self.light && !entry.is_own());
        let trace = |occupied: &OccupiedSlot| {
            let (exchange, skipped) = occupied.peer.explain(ticket, entry, &sample);
            let light = |reason| if held_back { SkipReason::LightClient } else { reason };
            PeerTrace {
                peer: occupied.id,
                sent: exchange.sent,
                received: exchange.received,
                skipped: skipped.map(light),
            }
        };
        self.slots.iter().flatten().map(trace).collect()
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
