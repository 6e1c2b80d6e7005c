//! What becomes of the envelopes that were posted here. A pure machine, fed with what happens to the peers.
//!
//! Only own posts are followed, and of these a limited number. A post is open until it ends; [`OpenPosts::poll_ended`]
//! returns its [`Ending`] once, and the ending is remembered for a while.

mod open_post;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

use p2p_identity::NodeId;
use p2p_world::{
    HashMap,
    planted::{self, Bug},
};
use whisper_pow::Rule;

use crate::{
    receipts::ending::{Ending, Progress, RefusalReason},
    receipts::open_posts::open_post::{HandedState, OpenPost},
    receipts::sealing::{PostEnvelope, PostSeals},
    receipts::settings::ReceiptSettings,
    relay::unsent_reason::UnsentReason,
};

/// Maximum number of peers that are followed for one post, unless more are required.
const MAX_FOLLOWED_PEERS: usize = 64;

type Hash = [u8; 32];

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
    ended: HashMap<Hash, (Ending, PostSeals)>,
    /// The first hash of each post that is open or remembered, by its other hashes.
    aliases: HashMap<Hash, Hash>,
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
            open: HashMap::default(),
            by_age: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
            by_stay: BTreeSet::new(),
            serial: 0,
            ended: HashMap::default(),
            aliases: HashMap::default(),
            ended_order: VecDeque::new(),
            news: VecDeque::new(),
        }
    }

    /// Number of posts that have not ended.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// The first hashes of at most `count` posts, the newest first: the open ones, then those that ended last.
    pub(crate) fn latest(&self, count: usize) -> Vec<Hash> {
        let open = self.by_age.values().rev();
        open.chain(self.ended_order.iter().rev()).take(count).copied().collect()
    }

    /// The progress of an open post.
    pub(crate) fn progress(&self, hash: &Hash) -> Option<Progress> {
        self.open.get(self.first(hash)).map(OpenPost::progress)
    }

    /// How a post ended, while that is remembered.
    pub(crate) fn ending(&self, hash: &Hash) -> Option<&Ending> {
        self.ended.get(self.first(hash)).map(|(ending, _)| ending)
    }

    /// The envelopes of a post, while it is open or remembered.
    pub(crate) fn seals(&self, hash: &Hash) -> Option<&PostSeals> {
        let hash = self.first(hash);
        let open = self.open.get(hash).map(|open| &open.seals);
        open.or_else(|| self.ended.get(hash).map(|(_, seals)| seals))
    }

    /// The first hash of the post with this hash.
    pub(crate) fn first<'a>(&'a self, hash: &'a Hash) -> &'a Hash {
        self.aliases.get(hash).unwrap_or(hash)
    }

    /// A post begins. It lives until `expiry` (seconds since 1970). `direct`: it is for one peer only. Must be called before
    /// the post can be sent to any peer. A post that is already open continues.
    pub(crate) fn handle_posted(&mut self, seals: PostSeals, expiry: u32, direct: bool) {
        let hash = seals.first.hash;
        if self.open.contains_key(&hash) {
            return;
        }
        if self.open.len() >= self.settings.tracked
            && let Some((_, oldest)) = self.by_age.first_key_value()
        {
            self.end(*oldest, Ending::Untracked);
        }
        if let Some((_, seals)) = self.ended.remove(&hash) {
            self.remove_aliases(&seals);
            self.ended_order.retain(|ended| *ended != hash);
        }
        self.aliases.extend(seals.others.iter().map(|other| (other.hash, hash)));
        let serial = self.serial;
        self.serial += 1;
        self.by_age.insert(serial, hash);
        self.by_expiry.insert((expiry, serial));
        let handed = Vec::new();
        let (count, evicted, refused) = (0, Vec::new(), None);
        let open = OpenPost { serial, seals, evicted, expiry, direct, handed, count, refused };
        self.open.insert(hash, open);
    }

    /// The posts that were not sealed under all of these rules, each with the missing ones; the oldest first.
    pub(crate) fn unsealed(&self, needed: &[Rule]) -> Vec<(PostSeals, Vec<Rule>)> {
        let hashes = self.ended_order.iter().chain(self.by_age.values());
        let unsealed = |seals: &PostSeals| {
            let missing = seals.missing(needed);
            (!missing.is_empty()).then(|| (seals.clone(), missing))
        };
        hashes.filter_map(|hash| self.seals(hash).and_then(unsealed)).collect()
    }

    /// A post was sealed under one more rule. `envelope`: `None` if an envelope that it has already is enough.
    pub(crate) fn handle_sealed(
        &mut self,
        first: &Hash,
        rule: Rule,
        envelope: Option<PostEnvelope>,
    ) {
        let Some(seals) = self.seals_mut(first) else { return };
        match envelope {
            Some(envelope) => {
                seals.others.push(envelope);
                self.aliases.insert(envelope.hash, *first);
            }
            None => seals.met.push(rule),
        }
    }

    /// The work of a post was not reached under one more rule.
    pub(crate) fn handle_unmet(&mut self, first: &Hash, rule: Rule) {
        if let Some(seals) = self.seals_mut(first) {
            seals.unmet.push(rule);
        }
    }

    fn seals_mut(&mut self, first: &Hash) -> Option<&mut PostSeals> {
        match self.open.get_mut(first) {
            Some(open) => Some(&mut open.seals),
            None => self.ended.get_mut(first).map(|(_, seals)| seals),
        }
    }

    /// The node's own pool rejected one of the further envelopes of a post: its rule is not met.
    pub(crate) fn handle_rejected(&mut self, hash: &Hash) {
        let Some(first) = self.aliases.remove(hash) else { return };
        let Some(seals) = self.seals_mut(&first) else { return };
        if let Some(index) = seals.others.iter().position(|other| other.hash == *hash) {
            let rejected = seals.others.remove(index);
            seals.unmet.push(rejected.rule);
        }
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

    /// This envelope was evicted from the pool. Its post ends when all of its envelopes were.
    pub(crate) fn handle_evicted(&mut self, evicted: &Hash) {
        let hash = *self.first(evicted);
        let Some(open) = self.open.get_mut(&hash) else { return };
        if open.is_evicted_with(evicted) {
            // The reason is not used: an evicted post does not end as unsent.
            let ending = open.end_of_life(true, || UnsentReason::NoPeers);
            self.end(hash, ending);
        }
    }

    /// Ends the posts that expired before `now` (seconds since 1970). `unsent` returns why a post with these hashes was sent
    /// to no peer.
    pub(crate) fn handle_clock(&mut self, now: u32, unsent: impl Fn(&[Hash]) -> UnsentReason) {
        while let Some(&(expiry, serial)) = self.by_expiry.first()
            && expiry < now
            && !planted::is(Bug::ExpiredPostStays)
        {
            let Some(hash) = self.by_age.get(&serial).copied() else { break };
            let Some(open) = self.open.get(&hash) else { break };
            let ending = open.end_of_life(false, || unsent(&open.seals.hashes()));
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
        if let Some(open) = self.remove(hash) {
            self.remove_aliases(&open.seals);
        }
    }

    /// A post that has ended and its ending; each once.
    pub(crate) fn poll_ended(&mut self) -> Option<(Hash, Ending)> {
        self.news.pop_front()
    }

    /// Changes an open post, and ends it if that decided it. Returns whether the post is open.
    fn change(&mut self, hash: &Hash, change: impl FnOnce(&mut OpenPost)) -> bool {
        let hash = *self.first(hash);
        let Some(open) = self.open.get_mut(&hash) else { return false };
        let before = open.until();
        change(open);
        let after = open.until();
        if before != after {
            let serial = open.serial;
            before.map(|until| self.by_stay.remove(&(until, serial)));
            after.map(|until| self.by_stay.insert((until, serial)));
        }
        if let Some(ending) = open.decided(self.settings.peers) {
            self.end(hash, ending);
        }
        true
    }

    fn end(&mut self, hash: Hash, ending: Ending) {
        let Some(OpenPost { seals, .. }) = self.remove(&hash) else { return };
        if self.ended_order.len() >= self.settings.tracked
            && let Some(oldest) = self.ended_order.pop_front()
            && let Some((_, seals)) = self.ended.remove(&oldest)
        {
            self.remove_aliases(&seals);
        }
        self.ended.insert(hash, (ending.clone(), seals));
        self.ended_order.push_back(hash);
        self.news.push_back((hash, ending));
        self.news.extend(planted::is(Bug::EndsTwice).then_some((hash, Ending::Untracked)));
    }

    fn remove(&mut self, hash: &Hash) -> Option<OpenPost> {
        let open = self.open.remove(hash)?;
        self.by_age.remove(&open.serial);
        self.by_expiry.remove(&(open.expiry, open.serial));
        open.until().map(|until| self.by_stay.remove(&(until, open.serial)));
        Some(open)
    }

    fn remove_aliases(&mut self, seals: &PostSeals) {
        for other in &seals.others {
            self.aliases.remove(&other.hash);
        }
    }
}

#[cfg(test)]
mod tests;
