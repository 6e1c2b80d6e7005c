//! The receipts, shared by those who post, the sessions, and the timer.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use p2p_identity::NodeId;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};

use crate::{
    lock::lock,
    receipts::receipt::{Ending, Nobody, Progress, Refusal},
    receipts::{ReceiptSettings, Receipts},
    stats::Counters,
};

type Hash = [u8; 32];

/// Somebody may wait for the ending of a post.
#[derive(Debug)]
struct Waiting {
    ending: watch::Sender<Option<Ending>>,
    /// Why it was handed to nobody, when that was last looked at.
    nobody: Nobody,
}

/// The machine, and who waits for what it says.
#[derive(Debug)]
struct Tracked {
    receipts: Receipts,
    waiting: HashMap<Hash, Waiting>,
}

/// Follows the posts of this node. Where there is none to follow, whatever happens to a peer costs
/// one look at a number.
#[derive(Debug)]
pub(crate) struct Tracker {
    tracked: Mutex<Tracked>,
    /// How many posts are open: a copy, to be read without the lock.
    open: AtomicUsize,
    /// Rung when a peer is to be looked at earlier than all before.
    timer: Notify,
    counters: Arc<Counters>,
}

impl Tracker {
    pub(crate) fn new(settings: ReceiptSettings, counters: Arc<Counters>) -> Self {
        let tracked = Tracked { receipts: Receipts::new(settings), waiting: HashMap::new() };
        Self {
            tracked: Mutex::new(tracked),
            open: AtomicUsize::new(0),
            timer: Notify::new(),
            counters,
        }
    }

    /// Whether there is no post to follow.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Follows a post from now on; to be called before it can be handed to anybody.
    pub(crate) fn follow(
        &self,
        hash: Hash,
        expiry: u32,
        direct: bool,
    ) -> watch::Receiver<Option<Ending>> {
        self.with(|tracked| {
            tracked.receipts.handle_posted(hash, expiry, direct);
            let new = || Waiting { ending: watch::channel(None).0, nobody: Nobody::NoPeers };
            tracked.waiting.entry(hash).or_insert_with(new).ending.subscribe()
        })
    }

    /// It was not posted after all.
    pub(crate) fn forget(&self, hash: &Hash) {
        self.with(|tracked| {
            tracked.receipts.forget(hash);
            tracked.waiting.remove(hash);
        });
    }

    /// How an earlier post ends, while it is remembered.
    pub(crate) fn ending(&self, hash: &Hash) -> Option<watch::Receiver<Option<Ending>>> {
        let tracked = lock(&self.tracked);
        match tracked.waiting.get(hash) {
            Some(waiting) => Some(waiting.ending.subscribe()),
            None => Some(watch::channel(Some(tracked.receipts.ending(hash)?.clone())).1),
        }
    }

    /// How far an open post has come.
    pub(crate) fn progress(&self, hash: &Hash) -> Option<Progress> {
        let tracked = lock(&self.tracked);
        let progress = tracked.receipts.progress(hash)?;
        let waiting = tracked.waiting.get(hash).filter(|_| progress.handed == 0);
        Some(Progress { nobody: waiting.map(|waiting| waiting.nobody), ..progress })
    }

    /// Remembers why a post was handed to nobody so far.
    pub(crate) fn set_nobody(&self, hash: &Hash, nobody: Nobody) {
        if let Some(waiting) = lock(&self.tracked).waiting.get_mut(hash) {
            waiting.nobody = nobody;
        }
    }

    /// Envelopes made here were handed to a peer. `confirms`: it acknowledges what it takes.
    pub(crate) fn handle_handed(&self, peer: &NodeId, confirms: bool, envelopes: &[Hash]) {
        if envelopes.is_empty() || self.is_idle() {
            return;
        }
        let now = Instant::now().into_std();
        self.with(|tracked| {
            for hash in envelopes {
                tracked.receipts.handle_handed(now, hash, *peer, confirms);
            }
        });
    }

    /// A peer acknowledged envelopes.
    pub(crate) fn handle_acknowledged(&self, peer: &NodeId, envelopes: &[Hash]) {
        if !self.is_idle() {
            self.with(|tracked| {
                envelopes.iter().for_each(|hash| tracked.receipts.handle_acknowledged(hash, peer));
            });
        }
    }

    /// A peer refused an envelope.
    pub(crate) fn handle_refused(&self, peer: &NodeId, hash: &Hash, why: Refusal) {
        if !self.is_idle() {
            self.with(|tracked| tracked.receipts.handle_refused(hash, peer, why));
        }
    }

    /// A peer's session ended; `why`: over something that it was sent.
    pub(crate) fn handle_left(&self, peer: &NodeId, why: Option<&Refusal>) {
        if !self.is_idle() {
            self.with(|tracked| tracked.receipts.handle_left(peer, why));
        }
    }

    /// The pool gave an envelope up.
    pub(crate) fn handle_evicted(&self, hash: &Hash) {
        if !self.is_idle() {
            self.with(|tracked| tracked.receipts.handle_evicted(hash));
        }
    }

    /// The clock says `now`. `nobody`: why a pooled post was handed to no peer, if it is known.
    pub(crate) fn handle_clock(&self, now: u32, nobody: impl Fn(&Hash) -> Option<Nobody>) {
        if !self.is_idle() {
            self.with(|Tracked { receipts, waiting }| {
                let last =
                    |hash: &Hash| waiting.get(hash).map_or(Nobody::NoPeers, |last| last.nobody);
                receipts.handle_clock(now, |hash| nobody(hash).unwrap_or_else(|| last(hash)));
            });
        }
    }

    /// The second after which an open post expires.
    pub(crate) fn next_expiry(&self) -> Option<u32> {
        lock(&self.tracked).receipts.next_expiry()
    }

    /// Ends all posts that are open.
    pub(crate) fn stop(&self) {
        self.with(|tracked| tracked.receipts.stop());
    }

    /// Looks at peers when they have stayed long enough, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let next = lock(&self.tracked).receipts.poll_timeout();
            match next {
                // Whichever of the two it was, look again.
                Some(next) => drop(timeout_at(next.into(), self.timer.notified()).await),
                None => self.timer.notified().await,
            }
            let now = Instant::now().into_std();
            self.with(|tracked| tracked.receipts.handle_timeout(now));
        }
    }

    /// Changes the machine, and tells those who wait what came of it.
    fn with<T>(&self, change: impl FnOnce(&mut Tracked) -> T) -> T {
        let mut tracked = lock(&self.tracked);
        let before = tracked.receipts.poll_timeout();
        let changed = change(&mut tracked);
        while let Some((hash, ending)) = tracked.receipts.poll_ended() {
            self.counters.posts.count(&ending);
            if let Some(waiting) = tracked.waiting.remove(&hash) {
                waiting.ending.send_replace(Some(ending));
            }
        }
        self.open.store(tracked.receipts.len(), Ordering::Release);
        let after = tracked.receipts.poll_timeout();
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.timer.notify_one();
        }
        changed
    }
}
