//! What becomes of the envelopes that were posted here. A pure machine, fed with what happens to the peers.
//!
//! Only own posts are followed, and of these a limited number. A post is open until it ends; [`OpenPosts::poll_ended`]
//! returns its [`Ending`] once, and the ending is remembered for a while.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Instant,
};

use p2p_identity::NodeId;

use crate::{
    receipts::ending::{Ending, Progress, RefusalReason},
    receipts::settings::ReceiptSettings,
    relay::unsent_reason::UnsentReason,
};

/// Maximum number of peers that are followed for one post, unless more are required.
const MAX_FOLLOWED_PEERS: usize = 64;

type Hash = [u8; 32];

/// What one peer did with a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HandedState {
    /// The peer must stay connected until then.
    Watched {
        until: Instant,
    },
    /// The peer supports confirmations and has not confirmed yet.
    Awaited,
    Stayed,
    Acknowledged,
    Left,
    Refused,
}

/// A peer that was sent a post.
#[derive(Debug)]
struct HandedPeer {
    peer: NodeId,
    state: HandedState,
}

impl HandedPeer {
    /// Whether it is not known yet whether the peer keeps the post.
    fn is_undecided(&self) -> bool {
        matches!(self.state, HandedState::Watched { .. } | HandedState::Awaited)
    }

    fn is_gone(&self) -> bool {
        matches!(self.state, HandedState::Left | HandedState::Refused)
    }
}

/// A post that has not ended.
#[derive(Debug)]
struct OpenPost {
    serial: u64,
    expiry: u32,
    /// A direct message, for one peer.
    direct: bool,
    handed: Vec<HandedPeer>,
    /// Number of peers it was sent to, including those that are not followed.
    count: usize,
    refused: Option<(NodeId, RefusalReason)>,
}

impl OpenPost {
    fn find(&mut self, peer: &NodeId) -> Option<&mut HandedPeer> {
        self.handed.iter_mut().find(|handed| handed.peer == *peer)
    }

    /// Follows the peer from now on, if not too many are followed. A peer that had left and came back is followed again.
    fn hand(&mut self, peer: NodeId, state: HandedState, followed: usize) {
        if let Some(handed) = self.find(&peer) {
            if handed.is_gone() {
                handed.state = state;
            }
            return;
        }
        self.count += 1;
        let handed = HandedPeer { peer, state };
        if self.handed.len() < followed {
            self.handed.push(handed);
        } else if let Some(gone) = self.handed.iter_mut().find(|handed| handed.is_gone()) {
            *gone = handed;
        }
    }

    fn count_in(&self, wanted: HandedState) -> usize {
        self.handed.iter().filter(|handed| handed.state == wanted).count()
    }

    fn kept(&self) -> usize {
        self.count_in(HandedState::Stayed) + self.count_in(HandedState::Acknowledged)
    }

    fn until(&self) -> Option<Instant> {
        let until = |handed: &HandedPeer| match handed.state {
            HandedState::Watched { until } => Some(until),
            _ => None,
        };
        self.handed.iter().filter_map(until).min()
    }

    fn progress(&self) -> Progress {
        Progress {
            handed: self.count,
            kept: self.kept(),
            acknowledged: self.count_in(HandedState::Acknowledged),
            left: self.count_in(HandedState::Left),
            refused: self.refused.clone(),
            unsent: None,
        }
    }

    /// How the post ended, if enough peers kept it, or if no other peer can.
    fn decided(&self, wanted: usize) -> Option<Ending> {
        let kept = self.kept();
        if kept >= if self.direct { 1 } else { wanted } {
            let acknowledged = self.count_in(HandedState::Acknowledged);
            return Some(Ending::Delivered { peers: kept, acknowledged });
        }
        let addressee = self.handed.first().filter(|handed| self.direct && handed.is_gone())?;
        Some(self.refusal().unwrap_or(Ending::Left { peer: addressee.peer }))
    }

    /// How the post ended, if it expired or was evicted.
    fn end_of_life(&self, evicted: bool, unsent: impl FnOnce() -> UnsentReason) -> Ending {
        let (handed, kept) = (self.count, self.kept());
        match self.refusal() {
            Some(refused) if kept == 0 => refused,
            _ if handed == 0 && !evicted => Ending::Unsent(unsent()),
            _ if evicted => Ending::Evicted { handed, kept },
            _ => Ending::Expired { handed, kept },
        }
    }

    fn refusal(&self) -> Option<Ending> {
        self.refused.clone().map(|(peer, reason)| Ending::Refused { peer, reason })
    }
}

/// The posts that are followed, and the endings of earlier ones.
#[derive(Debug)]
pub(crate) struct OpenPosts {
    settings: ReceiptSettings,
    open: HashMap<Hash, OpenPost>,
    by_age: BTreeMap<u64, Hash>,
    by_expiry: BTreeSet<(u32, u64)>,
    /// When the next watched peer of a post will have stayed long enough.
    by_stay: BTreeSet<(Instant, u64)>,
    serial: u64,
    ended: HashMap<Hash, Ending>,
    /// The ended posts, in the order in which they ended.
    ended_order: VecDeque<Hash>,
    news: VecDeque<(Hash, Ending)>,
}

impl OpenPosts {
    pub(crate) fn new(settings: ReceiptSettings) -> Self {
        let settings = ReceiptSettings {
            peers: settings.peers.max(1),
            tracked: settings.tracked.max(1),
            ..settings
        };
        Self {
            settings,
            open: HashMap::new(),
            by_age: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
            by_stay: BTreeSet::new(),
            serial: 0,
            ended: HashMap::new(),
            ended_order: VecDeque::new(),
            news: VecDeque::new(),
        }
    }

    /// Number of posts that have not ended.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// The progress of an open post.
    pub(crate) fn progress(&self, hash: &Hash) -> Option<Progress> {
        self.open.get(hash).map(OpenPost::progress)
    }

    /// How a post ended, while that is remembered.
    pub(crate) fn ending(&self, hash: &Hash) -> Option<&Ending> {
        self.ended.get(hash)
    }

    /// A post begins. It lives until `expiry` (seconds since 1970). `direct`: it is for one peer only. Must be called before
    /// the post can be sent to any peer. A post that is already open continues.
    pub(crate) fn handle_posted(&mut self, hash: Hash, expiry: u32, direct: bool) {
        if self.open.contains_key(&hash) {
            return;
        }
        if self.open.len() >= self.settings.tracked
            && let Some((_, oldest)) = self.by_age.first_key_value()
        {
            self.end(*oldest, Ending::Untracked);
        }
        if self.ended.remove(&hash).is_some() {
            self.ended_order.retain(|ended| *ended != hash);
        }
        let serial = self.serial;
        self.serial += 1;
        self.by_age.insert(serial, hash);
        self.by_expiry.insert((expiry, serial));
        let handed = Vec::new();
        let open = OpenPost { serial, expiry, direct, handed, count: 0, refused: None };
        self.open.insert(hash, open);
    }

    /// An envelope was sent to a peer. `confirms`: the peer will confirm that it accepts it. Returns whether the envelope is
    /// followed.
    pub(crate) fn handle_handed(
        &mut self,
        now: Instant,
        hash: &Hash,
        peer: NodeId,
        confirms: bool,
    ) -> bool {
        let followed = self.settings.peers.max(MAX_FOLLOWED_PEERS);
        // On overflow: never.
        let state = match now.checked_add(self.settings.stay) {
            Some(until) if !confirms => HandedState::Watched { until },
            _ => HandedState::Awaited,
        };
        self.change(hash, |open| open.hand(peer, state, followed))
    }

    /// A peer confirmed that it accepted an envelope.
    pub(crate) fn handle_acknowledged(&mut self, hash: &Hash, peer: &NodeId) {
        self.change(hash, |open| {
            if let Some(handed) = open.find(peer)
                && handed.is_undecided()
            {
                handed.state = HandedState::Acknowledged;
            }
        });
    }

    /// A peer reported that it refused an envelope.
    pub(crate) fn handle_refused(&mut self, hash: &Hash, peer: &NodeId, reason: RefusalReason) {
        self.change(hash, |open| {
            if let Some(handed) = open.find(peer)
                && handed.is_undecided()
            {
                handed.state = HandedState::Refused;
                open.refused = Some((*peer, reason));
            }
        });
    }

    /// A peer's session ended. `reason`: set if the peer ended it because of something that it was sent. That counts as a
    /// refusal of all posts that it was sent recently and did not confirm: which one it was is unknown.
    pub(crate) fn handle_left(&mut self, peer: &NodeId, reason: Option<&RefusalReason>) {
        let handed_to_it = |open: &OpenPost| open.handed.iter().any(|handed| handed.peer == *peer);
        let hashes: Vec<Hash> = self
            .open
            .iter()
            .filter(|(_, open)| handed_to_it(open))
            .map(|(hash, _)| *hash)
            .collect();
        for hash in hashes {
            self.change(&hash, |open| {
                let Some(handed) = open.find(peer) else { return };
                if !handed.is_undecided() {
                    return;
                }
                handed.state = HandedState::Left;
                if let Some(reason) = reason {
                    handed.state = HandedState::Refused;
                    open.refused = Some((*peer, reason.clone()));
                }
            });
        }
    }

    /// This envelope was evicted from the pool.
    pub(crate) fn handle_evicted(&mut self, hash: &Hash) {
        if let Some(open) = self.open.get(hash) {
            // The reason is not used: an evicted post does not end as unsent.
            let ending = open.end_of_life(true, || UnsentReason::NoPeers);
            self.end(*hash, ending);
        }
    }

    /// Ends the posts that expired before `now` (seconds since 1970). `unsent` returns why a post was sent to no peer.
    pub(crate) fn handle_clock(&mut self, now: u32, unsent: impl Fn(&Hash) -> UnsentReason) {
        while let Some(&(expiry, serial)) = self.by_expiry.first()
            && expiry < now
        {
            let Some(hash) = self.by_age.get(&serial).copied() else { break };
            let Some(open) = self.open.get(&hash) else { break };
            let ending = open.end_of_life(false, || unsent(&hash));
            self.end(hash, ending);
        }
    }

    /// The second after which [`handle_clock`](Self::handle_clock) must be called.
    pub(crate) fn next_expiry(&self) -> Option<u32> {
        self.by_expiry.first().map(|(expiry, _)| *expiry)
    }

    /// Handles the timeout of [`poll_timeout`](Self::poll_timeout).
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(until, serial)) = self.by_stay.first()
            && until <= now
        {
            let Some(hash) = self.by_age.get(&serial).copied() else { break };
            self.change(&hash, |open| {
                for handed in &mut open.handed {
                    if matches!(handed.state, HandedState::Watched { until } if until <= now) {
                        handed.state = HandedState::Stayed;
                    }
                }
            });
        }
    }

    /// When the next watched peer will have stayed long enough.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.by_stay.first().map(|(until, _)| *until)
    }

    /// The node stops: ends all open posts.
    pub(crate) fn stop(&mut self) {
        while let Some((_, hash)) = self.by_age.first_key_value() {
            self.end(*hash, Ending::Stopped);
        }
    }

    /// Removes a post that could not be published.
    pub(crate) fn forget(&mut self, hash: &Hash) {
        self.remove(hash);
    }

    /// A post that has ended and its ending; each once.
    pub(crate) fn poll_ended(&mut self) -> Option<(Hash, Ending)> {
        self.news.pop_front()
    }

    /// Changes an open post, and ends it if that decided it. Returns whether the post is open.
    fn change(&mut self, hash: &Hash, change: impl FnOnce(&mut OpenPost)) -> bool {
        let Some(open) = self.open.get_mut(hash) else { return false };
        let before = open.until();
        change(open);
        let after = open.until();
        if before != after {
            let serial = open.serial;
            before.map(|until| self.by_stay.remove(&(until, serial)));
            after.map(|until| self.by_stay.insert((until, serial)));
        }
        if let Some(ending) = open.decided(self.settings.peers) {
            self.end(*hash, ending);
        }
        true
    }

    fn end(&mut self, hash: Hash, ending: Ending) {
        if !self.remove(&hash) {
            return;
        }
        if self.ended_order.len() >= self.settings.tracked
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
        self.ended.insert(hash, ending.clone());
        self.ended_order.push_back(hash);
        self.news.push_back((hash, ending));
    }

    fn remove(&mut self, hash: &Hash) -> bool {
        let Some(open) = self.open.remove(hash) else { return false };
        self.by_age.remove(&open.serial);
        self.by_expiry.remove(&(open.expiry, open.serial));
        open.until().map(|until| self.by_stay.remove(&(until, open.serial)));
        true
    }
}

#[cfg(test)]
mod tests;
