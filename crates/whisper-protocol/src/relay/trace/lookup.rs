//! What the relay can tell about one envelope. It is worked out on request: nothing is stored for it.

use std::sync::Arc;

use crate::{
    lock::{lock, read},
    relay::Relay,
    relay::peer_state::skip_reason::SkipReason,
    relay::pool::PoolEntry,
    relay::pool::history::ArrivalStamp,
    relay::roster::RelayPeer,
    relay::trace::{DepartedTrace, EnvelopeSource, PeerTrace, PooledTrace},
    relay::unsent_reason::{SkippedPeers, UnsentReason},
};

impl Relay {
    /// An envelope in the pool, and what each peer has to do with it or with another envelope of its post.
    pub(crate) fn trace(&self, hash: &[u8; 32], post: &[[u8; 32]]) -> Option<PooledTrace> {
        let entries = self.entries([hash].into_iter().chain(post));
        let entry = entries.first().filter(|entry| entry.hash() == *hash)?;
        Some(PooledTrace {
            raw: entry.raw().to_vec(),
            source: self.source(entry.stamp()),
            arrived: entry.stamp().second,
            work: entry.work().get(),
            topic: entry.topic(),
            expiry: entry.expiry(),
            peers: self.peers_of(&entries),
        })
    }

    /// An envelope that left the pool and is still remembered.
    pub(crate) fn departed(&self, hash: &[u8; 32]) -> Option<DepartedTrace> {
        let departure = *self.pool().departure(hash)?;
        Some(DepartedTrace {
            source: self.source(departure.stamp),
            arrived: departure.stamp.second,
            left: departure.at,
            evicted: departure.evicted,
        })
    }

    /// Why no envelope of a post was sent to any peer; `None` if none of them is in the pool, or if a peer has one.
    pub(crate) fn unsent_reason(&self, hashes: &[[u8; 32]]) -> Option<UnsentReason> {
        let entries = self.entries(hashes);
        if entries.is_empty() {
            return None;
        }
        let peers = self.peers_of(&entries);
        if peers.is_empty() {
            return Some(UnsentReason::NoPeers);
        }
        let mut skipped = SkippedPeers::default();
        for peer in peers {
            match peer.skipped? {
                SkipReason::OutsideBloom => skipped.bloom += 1,
                SkipReason::LowWork => skipped.work += 1,
                SkipReason::Oversized => skipped.size += 1,
                SkipReason::LightClient
                | SkipReason::Announced
                | SkipReason::Asked
                | SkipReason::Pending => skipped.pending += 1,
            }
        }
        Some(UnsentReason::Unwanted(skipped))
    }

    /// Those of these envelopes that are in the pool.
    fn entries<'a>(&self, hashes: impl IntoIterator<Item = &'a [u8; 32]>) -> Vec<Arc<PoolEntry>> {
        let pool = self.pool();
        hashes.into_iter().filter_map(|hash| pool.find(hash).cloned()).collect()
    }

    /// What each peer has to do with the envelopes of one message.
    fn peers_of(&self, entries: &[Arc<PoolEntry>]) -> Vec<PeerTrace> {
        let peers: Vec<_> = read(&self.roster).iter().cloned().collect();
        let trace = |peer: &Arc<RelayPeer>| {
            let traces = entries.iter().map(|entry| self.trace_one(peer, entry));
            traces.reduce(PeerTrace::merged_with)
        };
        peers.iter().filter_map(trace).collect()
    }

    fn trace_one(&self, peer: &RelayPeer, entry: &PoolEntry) -> PeerTrace {
        let held_back = self.is_light() && !entry.is_own();
        let (exchange, skipped) = lock(&peer.state).explain(entry);
        let light = |reason| if held_back { SkipReason::LightClient } else { reason };
        PeerTrace {
            peer: peer.id,
            sent: exchange.sent,
            received: exchange.received,
            skipped: skipped.map(light),
        }
    }

    fn source(&self, stamp: ArrivalStamp) -> EnvelopeSource {
        if stamp.from.is_none() {
            return EnvelopeSource::Here;
        }
        let source = read(&self.roster).source(stamp);
        source.map_or(EnvelopeSource::Forgotten, EnvelopeSource::Peer)
    }
}
