//! What a peer with `lazy/1` is sent: announcements in place of envelopes, and what it asks for.

use std::time::Duration;

use super::{Chosen, PeerState, Terms};
use crate::{
    relay::lazy::announcing::Announcing,
    relay::lazy::policy::Choice,
    relay::lazy::wire::Announced,
    relay::pool::{Pool, PoolEntry, Ticket},
};

impl PeerState {
    /// The peer has started `lazy/1`.
    pub(crate) fn start_lazy(&mut self, announcing: Announcing) {
        if self.lazy.replace(Box::new(announcing)).is_some() {
            self.start_over();
        }
    }

    /// A session of `lazy/1` has ended: the peer is sent what it was only told about. Returns whether it was the one that is
    /// running.
    pub(crate) fn stop_lazy(&mut self, session: u64) -> bool {
        let ended = self.lazy.take_if(|lazy| lazy.session() == session).is_some();
        if ended {
            self.start_over();
        }
        ended
    }

    pub(crate) fn lazy_mut(&mut self) -> Option<&mut Announcing> {
        self.lazy.as_deref_mut()
    }

    /// Whether [`poll_have`](Self::poll_have) is to be called, because there is something new to announce.
    pub(crate) fn has_new_announcements(&self) -> bool {
        self.lazy.as_ref().is_some_and(|lazy| lazy.has_new())
    }

    /// What to announce to the peer now, and when to ask again, as an uptime.
    pub(crate) fn poll_have(&mut self, uptime: Duration) -> (Vec<Announced>, Option<Duration>) {
        let Some(lazy) = &mut self.lazy else { return (Vec::new(), None) };
        let have = lazy.poll_have(uptime, |number| self.known.contains(number));
        (have, lazy.due())
    }

    /// The peer has announced an envelope that is in the pool. Returns whether it was not known to have it.
    pub(crate) fn handle_announced_by(&mut self, number: u64) -> bool {
        let Some(lazy) = &mut self.lazy else { return false };
        let is_new = !self.known.contains(number) && !lazy.marks().get(number).received;
        lazy.handle_have([number]);
        is_new
    }

    /// The peer wants everything to be announced again that it may not have.
    pub(crate) fn announce_again(&mut self) {
        if let Some(lazy) = &mut self.lazy {
            lazy.handle_again();
            self.rescan.request();
        }
    }

    /// Whether the envelope was announced to the peer or by it.
    pub(super) fn is_announced(&self, number: u64) -> bool {
        self.lazy.as_ref().is_some_and(|lazy| lazy.marks().contains(number))
    }

    /// Announces an envelope that is due, unless it is to be sent. `holders`: how many peers have it; `None` if it has
    /// waited in the pool.
    pub(super) fn announces(
        &mut self,
        terms: Terms<'_>,
        entry: &PoolEntry,
        holders: Option<usize>,
        hash: impl FnOnce() -> [u8; 32],
    ) -> bool {
        let Some(lazy) = &mut self.lazy else { return false };
        let size = entry.raw().len();
        let choice = Choice {
            size,
            own: entry.is_own(),
            holders,
            peers: terms.peers,
            limit: lazy.limit(),
            queued: terms.queued,
            round_trip: lazy.round_trip(),
        };
        let is_sent =
            size > super::PACKET_LIMIT || choice.is_push() || holders.is_none() && !lazy.has_room();
        if !is_sent {
            lazy.announce(entry, &hash(), choice.wait());
        }
        !is_sent
    }

    /// The next envelope that the peer asked for.
    pub(crate) fn next_wanted(&self) -> Option<Ticket> {
        self.lazy.as_ref()?.next_wanted()
    }

    /// Chooses envelopes that the peer asked for.
    pub(crate) fn choose_wanted(&mut self, terms: Terms<'_>, pool: &Pool) -> Chosen {
        let mut chosen = Chosen::default();
        while let Some(ticket) = self.next_wanted() {
            let entry = pool.get(ticket).filter(|entry| entry.expiry() >= terms.now);
            if let Some(entry) = entry {
                if !chosen.has_room(entry.raw().len()) {
                    break;
                }
                self.choose(terms, entry, &mut chosen);
            }
            self.lazy.iter_mut().for_each(|lazy| lazy.handle_answered());
        }
        chosen
    }
}
