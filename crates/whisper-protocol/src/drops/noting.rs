//! Noting what was dropped, refused or cut, where it takes more than a line.

use p2p_identity::NodeId;
use whisper_envelope::Envelope;

use crate::{
    drops::history::Lost,
    drops::reason::Reason,
    drops::{Dropped, Occurrence},
    hub::Hub,
    relay::admission::Verdict,
    relay::{Seat, Unsent},
    stats::Stats,
};

impl Hub {
    /// Notes that something was dropped that has to do with a peer, but with no envelope.
    pub(crate) fn note(&self, reason: Reason, peer: NodeId) {
        self.counters.drops.note(reason, Occurrence::at(self.settings.clock.now()).by(peer));
    }

    /// Notes why envelopes were not taken that a peer brought, or this node itself.
    pub(crate) fn note_refused(
        &self,
        now: u32,
        from: Option<Seat>,
        envelopes: &[&Envelope],
        verdicts: &[Verdict],
    ) {
        let refused = |(envelope, verdict)| match verdict {
            &Verdict::Rejected(rejection) => Some((envelope, rejection)),
            Verdict::New | Verdict::Known => None,
        };
        let mut refused = envelopes.iter().zip(verdicts).filter_map(refused).peekable();
        if refused.peek().is_none() {
            return;
        }
        let peer = from.and_then(|seat| self.peers.seated(seat));
        for (envelope, rejection) in refused {
            let occurrence = Occurrence {
                rejection: Some(rejection),
                ..Occurrence::at(now).by(peer).of(envelope.hash())
            };
            self.counters.drops.note(Reason::from(&rejection), occurrence);
        }
    }

    /// Notes what no peer can be sent.
    pub(crate) fn note_unsent(&self, now: u32, unsent: &[Unsent]) {
        for Unsent { hash, to } in unsent {
            self.counters.drops.note(Reason::Oversized, Occurrence::at(now).by(*to).of(hash));
        }
    }

    /// Notes what left the pool, and ends posts that were evicted.
    pub(crate) fn handle_lost(&self, lost: &[Lost]) {
        for lost in lost {
            let reason = if lost.evicted { Reason::Evicted } else { Reason::EndOfLife };
            self.counters.drops.note(reason, Occurrence::at(lost.at).of(&lost.hash));
            if lost.evicted {
                self.tracker.handle_evicted(&lost.hash);
            }
        }
    }

    /// All reasons with their counts and last occurrences.
    pub(crate) fn drops(&self) -> Vec<Dropped> {
        let Stats { relay, .. } = self.stats();
        let mut drops = self.counters.drops.all();
        for dropped in &mut drops {
            // The relay counts these itself, and tells of a crowd only some.
            match dropped.reason {
                Reason::Oversized => dropped.count = relay.oversized,
                Reason::EndOfLife => dropped.count = relay.expired,
                Reason::Evicted => dropped.count = relay.evicted,
                _ => {}
            }
        }
        drops
    }
}
