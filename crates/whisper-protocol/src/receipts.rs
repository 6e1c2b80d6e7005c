//! What becomes of the envelopes that were posted here: a pure machine, fed by what happens to the
//! peers.
//!
//! Only own posts are looked at, and of these a bounded number. A post is open until it has ended;
//! its [`Ending`] is given out once, by [`Receipts::poll_ended`], and remembered for a while.

pub(crate) mod post;
pub(crate) mod posting;
pub(crate) mod receipt;
pub(crate) mod tracker;
pub(crate) mod unconfirmed;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

use p2p_identity::NodeId;

use crate::receipts::receipt::{Ending, Nobody, Progress, Refusal};

/// How many of the peers that a post was handed to are followed at most, where fewer are asked for.
const FOLLOWED: usize = 64;

/// Delivery receipts: when a post counts as delivered, and how many posts are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptSettings {
    /// How many peers have to keep a post. Default 1; 0 counts as 1.
    pub peers: usize,
    /// How long a peer has to stay after it was handed the post, so that it counts as having kept
    /// it. Default 2 s: go-ethereum disconnects as soon as it has read an envelope that it refuses.
    pub stay: Duration,
    /// How many posts are followed at one time, and how many endings are remembered. Default 4096.
    /// When there are more, the oldest is given up.
    pub tracked: usize,
    /// Whether to ask the peers to acknowledge what they are sent, as nodes of status-im can: what
    /// they refuse, they say, and delivery receipts rest on their word. Costs a hash of every bundle
    /// and a packet for each at both ends. Default off: the status is go-ethereum's. A peer that asks
    /// for it is always served.
    pub confirmations: bool,
}

impl Default for ReceiptSettings {
    fn default() -> Self {
        Self { peers: 1, stay: Duration::from_secs(2), tracked: 4096, confirmations: false }
    }
}

type Hash = [u8; 32];

/// What one peer did with a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It has to stay until then.
    Watched {
        until: Instant,
    },
    /// It speaks confirmations, and has not confirmed yet.
    Awaited,
    Stayed,
    Acknowledged,
    Left,
    Refused,
}

#[derive(Debug)]
struct Handed {
    peer: NodeId,
    standing: Standing,
}

impl Handed {
    /// Whether it is not known yet what the peer makes of it.
    fn is_undecided(&self) -> bool {
        matches!(self.standing, Standing::Watched { .. } | Standing::Awaited)
    }

    fn is_gone(&self) -> bool {
        matches!(self.standing, Standing::Left | Standing::Refused)
    }
}

/// A post that has not ended.
#[derive(Debug)]
struct Open {
    serial: u64,
    expiry: u32,
    /// A direct message, for one peer.
    direct: bool,
    handed: Vec<Handed>,
    /// All that it was handed to, also those that are not followed.
    count: usize,
    refused: Option<(NodeId, Refusal)>,
}

impl Open {
    fn find(&mut self, peer: &NodeId) -> Option<&mut Handed> {
        self.handed.iter_mut().find(|handed| handed.peer == *peer)
    }

    /// The peer is watched from now on, if not too many are; also one that had left and came back.
    fn hand(&mut self, peer: NodeId, standing: Standing, followed: usize) {
        if let Some(handed) = self.find(&peer) {
            if handed.is_gone() {
                handed.standing = standing;
            }
            return;
        }
        self.count += 1;
        let handed = Handed { peer, standing };
        if self.handed.len() < followed {
            self.handed.push(handed);
        } else if let Some(gone) = self.handed.iter_mut().find(|handed| handed.is_gone()) {
            *gone = handed;
        }
    }

    fn standing(&self, wanted: Standing) -> usize {
        self.handed.iter().filter(|handed| handed.standing == wanted).count()
    }

    fn kept(&self) -> usize {
        self.standing(Standing::Stayed) + self.standing(Standing::Acknowledged)
    }

    fn until(&self) -> Option<Instant> {
        let until = |handed: &Handed| match handed.standing {
            Standing::Watched { until } => Some(until),
            _ => None,
        };
        self.handed.iter().filter_map(until).min()
    }

    fn progress(&self) -> Progress {
        Progress {
            handed: self.count,
            kept: self.kept(),
            acknowledged: self.standing(Standing::Acknowledged),
            left: self.standing(Standing::Left),
            refused: self.refused.clone(),
            nobody: None,
        }
    }

    /// How it ended, if enough peers kept it, or if there is no other who could.
    fn decided(&self, wanted: usize) -> Option<Ending> {
        let kept = self.kept();
        if kept >= if self.direct { 1 } else { wanted } {
            let acknowledged = self.standing(Standing::Acknowledged);
            return Some(Ending::Delivered { peers: kept, acknowledged });
        }
        let addressee = self.handed.first().filter(|handed| self.direct && handed.is_gone())?;
        Some(self.refusal().unwrap_or(Ending::Left { peer: addressee.peer }))
    }

    /// How it ended where its life did.
    fn end_of_life(&self, evicted: bool, nobody: impl FnOnce() -> Nobody) -> Ending {
        let (handed, kept) = (self.count, self.kept());
        match self.refusal() {
            Some(refused) if kept == 0 => refused,
            _ if handed == 0 && !evicted => Ending::Nobody(nobody()),
            _ if evicted => Ending::Evicted { handed, kept },
            _ => Ending::Expired { handed, kept },
        }
    }

    fn refusal(&self) -> Option<Ending> {
        self.refused.clone().map(|(peer, why)| Ending::Refused { peer, why })
    }
}

/// The posts that are followed, and the endings of those before.
#[derive(Debug)]
pub(crate) struct Receipts {
    settings: ReceiptSettings,
    open: HashMap<Hash, Open>,
    by_age: BTreeMap<u64, Hash>,
    by_expiry: BTreeSet<(u32, u64)>,
    /// When the next peer has stayed long enough, for each post where one is watched.
    by_stay: BTreeSet<(Instant, u64)>,
    serial: u64,
    ended: HashMap<Hash, Ending>,
    /// In the order in which they ended.
    ended_order: VecDeque<Hash>,
    news: VecDeque<(Hash, Ending)>,
}

impl Receipts {
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

    /// How many posts have not ended.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// How far an open post has come.
    pub(crate) fn progress(&self, hash: &Hash) -> Option<Progress> {
        self.open.get(hash).map(Open::progress)
    }

    /// How a post ended, while that is remembered.
    pub(crate) fn ending(&self, hash: &Hash) -> Option<&Ending> {
        self.ended.get(hash)
    }

    /// A post begins, that lives until `expiry` (seconds since 1970). `direct`: it is for one peer
    /// alone. To be called before it can be handed to anybody. One that is open already goes on.
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
        let open = Open { serial, expiry, direct, handed, count: 0, refused: None };
        self.open.insert(hash, open);
    }

    /// An envelope was handed to a peer. `confirms`: it will say so if it takes it. Whether the
    /// envelope is one that is followed.
    pub(crate) fn handle_handed(
        &mut self,
        now: Instant,
        hash: &Hash,
        peer: NodeId,
        confirms: bool,
    ) -> bool {
        let followed = self.settings.peers.max(FOLLOWED);
        // A moment that the clock cannot tell never comes.
        let standing = match now.checked_add(self.settings.stay) {
            Some(until) if !confirms => Standing::Watched { until },
            _ => Standing::Awaited,
        };
        self.change(hash, |open| open.hand(peer, standing, followed))
    }

    /// A peer confirmed that it took an envelope.
    pub(crate) fn handle_acknowledged(&mut self, hash: &Hash, peer: &NodeId) {
        self.change(hash, |open| {
            if let Some(handed) = open.find(peer)
                && handed.is_undecided()
            {
                handed.standing = Standing::Acknowledged;
            }
        });
    }

    /// A peer answered that it did not take an envelope.
    pub(crate) fn handle_refused(&mut self, hash: &Hash, peer: &NodeId, why: Refusal) {
        self.change(hash, |open| {
            if let Some(handed) = open.find(peer)
                && handed.is_undecided()
            {
                handed.standing = Standing::Refused;
                open.refused = Some((*peer, why));
            }
        });
    }

    /// A peer's session ended. `why`: if the peer ended it over something it had been sent. That
    /// counts as a refusal of all posts that it was handed lately and did not confirm; which one it
    /// was, it did not say.
    pub(crate) fn handle_left(&mut self, peer: &NodeId, why: Option<&Refusal>) {
        let handed_to_it = |open: &Open| open.handed.iter().any(|handed| handed.peer == *peer);
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
                handed.standing = Standing::Left;
                if let Some(why) = why {
                    handed.standing = Standing::Refused;
                    open.refused = Some((*peer, why.clone()));
                }
            });
        }
    }

    /// The pool gave this envelope up.
    pub(crate) fn handle_evicted(&mut self, hash: &Hash) {
        if let Some(open) = self.open.get(hash) {
            // Never asked: an evicted one does not end for want of peers.
            let ending = open.end_of_life(true, || Nobody::NoPeers);
            self.end(*hash, ending);
        }
    }

    /// The clock says `now` (seconds since 1970): ends what has expired. `nobody` tells why a post
    /// was handed to no peer.
    pub(crate) fn handle_clock(&mut self, now: u32, nobody: impl Fn(&Hash) -> Nobody) {
        while let Some(&(expiry, serial)) = self.by_expiry.first()
            && expiry < now
        {
            let Some(hash) = self.by_age.get(&serial).copied() else { break };
            let Some(open) = self.open.get(&hash) else { break };
            let ending = open.end_of_life(false, || nobody(&hash));
            self.end(hash, ending);
        }
    }

    /// The second after which [`handle_clock`](Self::handle_clock) has something to end.
    pub(crate) fn next_expiry(&self) -> Option<u32> {
        self.by_expiry.first().map(|(expiry, _)| *expiry)
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(until, serial)) = self.by_stay.first()
            && until <= now
        {
            let Some(hash) = self.by_age.get(&serial).copied() else { break };
            self.change(&hash, |open| {
                for handed in &mut open.handed {
                    if matches!(handed.standing, Standing::Watched { until } if until <= now) {
                        handed.standing = Standing::Stayed;
                    }
                }
            });
        }
    }

    /// When a peer will have stayed long enough.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.by_stay.first().map(|(until, _)| *until)
    }

    /// The node stops.
    pub(crate) fn stop(&mut self) {
        while let Some((_, hash)) = self.by_age.first_key_value() {
            self.end(*hash, Ending::Stopped);
        }
    }

    /// It was not posted after all.
    pub(crate) fn forget(&mut self, hash: &Hash) {
        self.remove(hash);
    }

    /// A post that has ended and how, each once.
    pub(crate) fn poll_ended(&mut self) -> Option<(Hash, Ending)> {
        self.news.pop_front()
    }

    /// Changes an open post and ends it where that decided it. Whether there is one.
    fn change(&mut self, hash: &Hash, change: impl FnOnce(&mut Open)) -> bool {
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
