//! What the relay can tell of one envelope. All of it is found out when asked: nothing is kept for it.

use super::{Relay, Seated};
use crate::{
    drops::history::Source,
    drops::trace::{Bringer, Past, PeerTrace, Trace},
    receipts::receipt::{Nobody, Unwanted},
    relay::peer::{NotSent, sample_of},
    relay::pool::Ticket,
};

impl Relay {
    /// An envelope in the pool, with what passed between this node and each peer.
    pub(crate) fn trace(&self, hash: &[u8; 32]) -> Option<Trace> {
        let ticket = self.pool.find(hash)?;
        let entry = self.pool.get(ticket)?;
        Some(Trace {
            raw: entry.raw().to_vec(),
            bringer: self.bringer(entry.source()),
            source: entry.source(),
            work: entry.work().get(),
            topic: entry.topic(),
            expiry: entry.expiry(),
            peers: self.peers_of(ticket),
        })
    }

    /// An envelope that left the pool, while that is remembered.
    pub(crate) fn past(&self, hash: &[u8; 32]) -> Option<Past> {
        let gone = self.pool.gone(hash)?;
        let (source, bringer) = (gone.source, self.bringer(gone.source));
        Some(Past { bringer, source, at: gone.at, evicted: gone.evicted })
    }

    /// Why a pooled envelope was sent to nobody; `None` if it is not there, or if some peer has it.
    pub(crate) fn nobody(&self, hash: &[u8; 32]) -> Option<Nobody> {
        let peers = self.peers_of(self.pool.find(hash)?);
        if peers.is_empty() {
            return Some(Nobody::NoPeers);
        }
        let mut unwanted = Unwanted::default();
        for peer in peers {
            match peer.not_sent? {
                NotSent::OutsideBloom => unwanted.bloom += 1,
                NotSent::LowWork => unwanted.work += 1,
                NotSent::Oversized => unwanted.size += 1,
                NotSent::LightClient | NotSent::Pending => unwanted.pending += 1,
            }
        }
        Some(Nobody::Unwanted(unwanted))
    }

    fn peers_of(&self, ticket: Ticket) -> Vec<PeerTrace> {
        let Some(entry) = self.pool.get(ticket) else { return Vec::new() };
        let (sample, held_back) = (sample_of(entry.topic()), self.light && !entry.is_own());
        let trace = |seated: &Seated| {
            let (passed, not_sent) = seated.peer.explain(ticket, entry, &sample);
            let light = |not_sent| if held_back { NotSent::LightClient } else { not_sent };
            PeerTrace {
                peer: seated.id,
                sent: passed.sent,
                received: passed.received,
                not_sent: not_sent.map(light),
            }
        };
        self.seats.iter().flatten().map(trace).collect()
    }

    fn bringer(&self, source: Source) -> Bringer {
        let Some(from) = source.from else { return Bringer::Here };
        let seated = self.seats.get(from as usize).and_then(Option::as_ref);
        if let Some(seated) = seated
            && seated.after < source.arrival
        {
            return Bringer::Peer(seated.id);
        }
        let stay = self.departed.iter().rev().find(|stay| stay.covers(source));
        stay.map_or(Bringer::Forgotten, |stay| Bringer::Peer(stay.id))
    }
}
