//! What the peers have announced, and which of them is asked for it. A machine without sockets, tasks or a clock.
//!
//! An announced envelope that is not here is asked for at once, from one peer. If that one does not send it in time, the
//! next one that announced it is asked. A peer that did not answer is asked after all others from then on, until it
//! delivers what it was asked for.
//!
//! # Bounds
//!
//! An envelope that no peer has sent is remembered at its announcers: each of them may have [`MAX_ANNOUNCED`] such ids. A peer
//! that announces what it does not have uses up its own room only, and is asked for [`MAX_ASKED_BYTES`] at a time.

mod asked_peer;
mod held;
mod preferences;

use std::time::Duration;

use p2p_world::HashMap;

use crate::{
    relay::lazy::fetching::asked_peer::AskedPeer,
    relay::lazy::fetching::held::Held,
    relay::lazy::fetching::preferences::Preferences,
    relay::lazy::short_id::{Salt, ShortId},
    relay::lazy::wire::{Announced, LazyMessage},
    relay::pool::Ticket,
};

/// Maximum number of announced envelopes of one peer that have not come yet.
const MAX_ANNOUNCED: usize = 8192;

/// Maximum number of announcers of one envelope that are remembered.
const MAX_ANNOUNCERS: usize = 16;

/// How often each announcer is asked for one envelope.
const MAX_TRIES: u8 = 2;

/// How long a peer may take to send a small envelope, from the request on. Several times the round trip of a bad line.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// How long it may take longer for each MiB that it was asked for.
const TIME_PER_MIB: Duration = Duration::from_secs(2);

/// Maximum bytes that a peer is asked for at a time, by the size classes; at least one envelope.
const MAX_ASKED_BYTES: usize = 1024 * 1024;

const MIB: u32 = 1024 * 1024;

/// An announced envelope that has not come yet.
#[derive(Debug)]
struct Ask {
    class: u8,
    announcers: Vec<Announcer>,
    /// The index of the peer that is asked, or is to be asked when it has delivered other things.
    asked: Option<usize>,
}

/// A peer that announced an envelope.
#[derive(Debug, Clone, Copy)]
struct Announcer {
    peer: usize,
    tries: u8,
}

/// What arrived: whether it was announced, and by which peers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Announcers(pub(crate) Vec<usize>);

/// What the peers of one relay have announced.
#[derive(Debug)]
pub(crate) struct Fetching {
    salt: Salt,
    held: Held,
    asks: HashMap<ShortId, Ask>,
    /// By the index of their slots.
    peers: Vec<Option<AskedPeer>>,
    preferences: Preferences,
    /// The peers that there is something to be sent to.
    wakes: Vec<usize>,
    counts: FetchCounts,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FetchCounts {
    /// Envelopes that peers were asked for.
    pub(crate) asked: u64,
    /// Requests that were not answered in time.
    pub(crate) unanswered: u64,
}

impl Fetching {
    /// `salt` must be random.
    pub(crate) fn new(salt: Salt) -> Self {
        Self {
            salt,
            held: Held::default(),
            asks: HashMap::default(),
            peers: Vec::new(),
            preferences: Preferences::default(),
            wakes: Vec::new(),
            counts: FetchCounts::default(),
        }
    }

    /// What this node tells its peers.
    pub(crate) fn salt(&self) -> Salt {
        self.salt
    }

    pub(crate) fn counts(&self) -> FetchCounts {
        self.counts
    }

    /// A peer with `lazy/1`. It takes the place of an earlier one with this index.
    pub(crate) fn join(&mut self, peer: usize) {
        self.leave(peer);
        if self.peers.len() <= peer {
            self.peers.resize_with(peer + 1, || None);
        }
        self.peers[peer] = Some(AskedPeer::default());
        self.choose_pushing();
    }

    /// The peer leaves. Others are asked for what it was asked for.
    pub(crate) fn leave(&mut self, peer: usize) {
        let Some(left) = self.peers.get_mut(peer).and_then(Option::take) else { return };
        for id in left.announced() {
            let Some(ask) = self.asks.get_mut(&id) else { continue };
            ask.announcers.retain(|announcer| announcer.peer != peer);
            if ask.announcers.is_empty() {
                self.asks.remove(&id);
            } else if ask.asked == Some(peer) {
                self.ask_next(id);
            }
        }
        self.choose_pushing();
    }

    /// A peer announces envelopes. Returns the tickets of those that are in the pool.
    pub(crate) fn handle_have(&mut self, peer: usize, announced: &[Announced]) -> Vec<Ticket> {
        let mut here = Vec::new();
        for Announced { class, id } in announced {
            match self.held.get(id) {
                Some(ticket) => here.extend(ticket),
                None => self.handle_unknown(peer, *class, *id),
            }
        }
        here
    }

    /// A peer announces envelopes that are not read.
    pub(crate) fn handle_unread(&mut self, peer: usize) {
        if let Some(Some(peer)) = self.peers.get_mut(peer) {
            peer.handle_overflow();
        }
    }

    /// A peer announces an envelope that is not here.
    fn handle_unknown(&mut self, peer: usize, class: u8, id: ShortId) {
        let Some(Some(announcer)) = self.peers.get_mut(peer) else { return };
        if announcer.has_announced(&id) {
            return;
        }
        if announcer.announced_count() == MAX_ANNOUNCED {
            return announcer.handle_overflow();
        }
        let is_reliable = announcer.is_reliable();
        let new = || Ask { class, announcers: Vec::new(), asked: None };
        let ask = self.asks.entry(id).or_insert_with(new);
        if ask.announcers.len() == MAX_ANNOUNCERS {
            return;
        }
        announcer.add_announced(id);
        ask.announcers.push(Announcer { peer, tries: 0 });
        // One that does not answer is not waited for if another one can be asked.
        let asked = ask.asked.and_then(|asked| self.peers.get(asked)?.as_ref());
        if asked.is_none_or(|asked| is_reliable && !asked.is_reliable()) {
            self.ask_next(id);
        }
    }

    /// Asks the best announcer of an envelope; if each was asked often enough, gives it up.
    fn ask_next(&mut self, id: ShortId) {
        let Some(ask) = self.asks.get_mut(&id) else { return };
        let peers = &self.peers;
        let order = |announcer: &&mut Announcer| {
            let failures = peers.get(announcer.peer)?.as_ref()?.failures();
            Some((announcer.tries, failures))
        };
        let possible = ask.announcers.iter_mut().filter(|announcer| announcer.tries < MAX_TRIES);
        // The first of the best ones: it had the envelope first.
        let Some(next) =
            possible.min_by_key(|announcer| order(announcer).unwrap_or((MAX_TRIES, u32::MAX)))
        else {
            return self.give_up(id);
        };
        next.tries += 1;
        let (peer, class) = (next.peer, ask.class);
        let before = ask.asked.replace(peer).filter(|before| *before != peer);
        if let Some(Some(before)) = before.and_then(|before| self.peers.get_mut(before)) {
            before.cancel(&id);
        }
        if let Some(Some(asked)) = self.peers.get_mut(peer) {
            asked.ask(id, class);
            self.wakes.push(peer);
        }
    }

    /// No announcer has delivered it.
    fn give_up(&mut self, id: ShortId) {
        let Some(ask) = self.asks.remove(&id) else { return };
        for announcer in ask.announcers {
            if let Some(Some(peer)) = self.peers.get_mut(announcer.peer) {
                peer.remove_announced(&id);
            }
        }
    }

    /// An envelope arrived that is to be admitted to the pool. `from`: the peer that sent it. Returns the peers that had
    /// announced it.
    pub(crate) fn handle_arrived(&mut self, hash: &[u8; 32], from: Option<usize>) -> Announcers {
        let id = self.salt.id(hash);
        let Some(ask) = self.asks.remove(&id) else { return Announcers::default() };
        for announcer in &ask.announcers {
            if let Some(Some(peer)) = self.peers.get_mut(announcer.peer) {
                let was_asked = peer.remove_announced(&id);
                if Some(announcer.peer) == from && announcer.tries > 0 {
                    peer.handle_delivered();
                }
                // It has room for more now.
                if was_asked && peer.has_unsent() {
                    self.wakes.push(announcer.peer);
                }
            }
        }
        Announcers(ask.announcers.iter().map(|announcer| announcer.peer).collect())
    }

    /// An envelope is in the pool until this second. It is not asked for.
    pub(crate) fn handle_admitted(&mut self, hash: &[u8; 32], ticket: Ticket, expiry: u32) {
        self.held.insert(self.salt.id(hash), Some(ticket), expiry);
    }

    /// An envelope was not admitted. It is not asked for again until it has expired.
    pub(crate) fn handle_rejected(&mut self, hash: &[u8; 32], expiry: u32) {
        self.handle_arrived(hash, None);
        self.held.insert(self.salt.id(hash), None, expiry);
    }

    /// Forgets envelopes that expired before `now`, in seconds since 1970.
    pub(crate) fn expire(&mut self, now: u32) {
        self.held.expire(now);
    }

    /// A peer brought an envelope that no other had sent before.
    pub(crate) fn handle_first(&mut self, from: usize) {
        self.wakes.extend(self.preferences.handle_first(&mut self.peers, from));
    }

    /// Chooses the peers that are to push.
    fn choose_pushing(&mut self) {
        self.wakes.extend(self.preferences.choose(&mut self.peers));
    }

    /// The next message to a peer; `None` if there is none. Call it again after
    /// [`poll_timeout`](Self::poll_timeout).
    pub(crate) fn poll_message(&mut self, uptime: Duration, peer: usize) -> Option<LazyMessage> {
        let asked = self.peers.get_mut(peer)?.as_mut()?;
        if let Some(limit) = asked.take_limit() {
            return Some(LazyMessage::Push(limit));
        }
        if asked.take_again(uptime) {
            return Some(LazyMessage::Again);
        }
        let ids = asked.take_wants(uptime);
        self.counts.asked += ids.len() as u64;
        (!ids.is_empty()).then_some(LazyMessage::Want(ids))
    }

    /// When the next request to a peer is due, as an uptime.
    pub(crate) fn poll_timeout(&self, peer: usize) -> Option<Duration> {
        self.peers.get(peer)?.as_ref()?.next_deadline()
    }

    /// Asks others for what a peer did not send in time.
    pub(crate) fn handle_timeout(&mut self, uptime: Duration, peer: usize) {
        loop {
            let Some(Some(asked)) = self.peers.get_mut(peer) else { return };
            let Some(id) = asked.take_due(uptime) else { return };
            self.counts.unanswered += 1;
            if self.asks.get(&id).is_some_and(|ask| ask.asked == Some(peer)) {
                self.ask_next(id);
            }
        }
    }

    /// The peers that there is something to be sent to, since the last call.
    pub(crate) fn take_wakes(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.wakes)
    }

    pub(crate) fn has_wakes(&self) -> bool {
        !self.wakes.is_empty()
    }

    /// There is something to announce to this peer.
    pub(crate) fn wake(&mut self, peer: usize) {
        self.wakes.push(peer);
    }

    /// Bytes that are kept for what a peer has announced.
    pub(crate) fn memory(&self, peer: usize) -> usize {
        self.peers.get(peer).and_then(Option::as_ref).map_or(0, AskedPeer::memory)
    }
}

/// How long a peer may take that was asked for this number of bytes.
fn answer_time(bytes: usize) -> Duration {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    ANSWER_TIME + TIME_PER_MIB.mul_f64(f64::from(bytes) / f64::from(MIB))
}

#[cfg(test)]
mod tests;
