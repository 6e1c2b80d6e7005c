//! The open posts, shared by the sessions, the API and the timers.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use p2p_identity::NodeId;
use p2p_world::{
    HashMap,
    planted::{self, Bug},
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};
use whisper_pow::Rule;

use crate::{
    lock::lock,
    receipts::ending::{Ending, Progress, RefusalReason},
    receipts::open_posts::OpenPosts,
    receipts::sealing::{PostEnvelope, PostSeals},
    receipts::settings::ReceiptSettings,
    relay::unsent_reason::UnsentReason,
    stats::{Counter, counters::Counters},
};

type Hash = [u8; 32];

/// Who waits for the ending of a post.
#[derive(Debug)]
struct PostWatch {
    ending: watch::Sender<Option<Ending>>,
    /// Why it was sent to no peer, when that was last checked.
    unsent: UnsentReason,
}

/// The machine, and who waits for endings.
#[derive(Debug)]
struct Tracked {
    posts: OpenPosts,
    watches: HashMap<Hash, PostWatch>,
}

/// Follows the posts of this node. While there are none, an event of a peer costs one read of a number.
#[derive(Debug)]
pub(crate) struct PostTracker {
    tracked: Mutex<Tracked>,
    /// Number of open posts: a copy that is read without the lock.
    open: AtomicUsize,
    /// Notified when the earliest timeout moves forward.
    timer: Notify,
    /// Notified when a peer joined.
    joined: Notify,
    counters: Arc<Counters>,
}

impl PostTracker {
    pub(crate) fn new(settings: ReceiptSettings, counters: Arc<Counters>) -> Self {
        let tracked = Tracked { posts: OpenPosts::new(settings), watches: HashMap::default() };
        Self {
            tracked: Mutex::new(tracked),
            open: AtomicUsize::new(0),
            timer: Notify::new(),
            joined: Notify::new(),
            counters,
        }
    }

    /// Whether there is no open post.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Follows a post from now on. Must be called before the post can be sent to any peer.
    pub(crate) fn follow(
        &self,
        seals: PostSeals,
        expiry: u32,
        direct: bool,
    ) -> watch::Receiver<Option<Ending>> {
        self.with(|tracked| {
            let hash = seals.first.hash;
            tracked.posts.handle_posted(seals, expiry, direct);
            let new =
                || PostWatch { ending: watch::channel(None).0, unsent: UnsentReason::NoPeers };
            tracked.watches.entry(hash).or_insert_with(new).ending.subscribe()
        })
    }

    /// Removes a post that could not be published.
    pub(crate) fn forget(&self, hash: &Hash) {
        self.with(|tracked| {
            tracked.posts.forget(hash);
            tracked.watches.remove(hash);
        });
    }

    /// The node's own pool rejected one of the further envelopes of a post.
    pub(crate) fn handle_rejected(&self, hash: &Hash) {
        self.with(|tracked| tracked.posts.handle_rejected(hash));
    }

    /// A peer joined, and may need posts under other rules.
    pub(crate) fn handle_joined(&self) {
        self.joined.notify_one();
    }

    /// Waits until a peer joined.
    pub(crate) async fn peer_joined(&self) {
        self.joined.notified().await;
    }

    /// The remembered posts that were not sealed under all of these rules, each with the missing ones.
    pub(crate) fn unsealed_posts(&self, needed: &[Rule]) -> Vec<(PostSeals, Vec<Rule>)> {
        lock(&self.tracked).posts.unsealed(needed)
    }

    /// A post, known by its first hash, was sealed under one more rule. `envelope`: `None` if an envelope that it has
    /// already is enough. Must be called before the envelope can be sent to any peer.
    pub(crate) fn handle_sealed(&self, first: &Hash, rule: Rule, envelope: Option<PostEnvelope>) {
        self.with(|tracked| tracked.posts.handle_sealed(first, rule, envelope));
    }

    /// The work of a post, known by its first hash, was not reached under one more rule.
    pub(crate) fn handle_unmet(&self, first: &Hash, rule: Rule) {
        self.with(|tracked| tracked.posts.handle_unmet(first, rule));
    }

    /// The first hashes of at most `count` posts, the newest first.
    pub(crate) fn latest(&self, count: usize) -> Vec<Hash> {
        lock(&self.tracked).posts.latest(count)
    }

    /// The envelopes of a post by any of its hashes, while the post is remembered.
    pub(crate) fn seals(&self, hash: &Hash) -> Option<PostSeals> {
        lock(&self.tracked).posts.seals(hash).cloned()
    }

    /// The ending of an earlier post by any of its hashes, while the post is remembered.
    pub(crate) fn ending(&self, hash: &Hash) -> Option<watch::Receiver<Option<Ending>>> {
        let tracked = lock(&self.tracked);
        match tracked.watches.get(tracked.posts.first(hash)) {
            Some(watch) => Some(watch.ending.subscribe()),
            None => Some(watch::channel(Some(tracked.posts.ending(hash)?.clone())).1),
        }
    }

    /// The progress of an open post.
    pub(crate) fn progress(&self, hash: &Hash) -> Option<Progress> {
        let tracked = lock(&self.tracked);
        let progress = tracked.posts.progress(hash)?;
        let watch = tracked.watches.get(tracked.posts.first(hash));
        let watch = watch.filter(|_| progress.handed == 0);
        Some(Progress { unsent: watch.map(|watch| watch.unsent), ..progress })
    }

    /// Remembers why a post was sent to no peer so far.
    pub(crate) fn set_unsent_reason(&self, hash: &Hash, reason: UnsentReason) {
        let mut tracked = lock(&self.tracked);
        let first = *tracked.posts.first(hash);
        if let Some(watch) = tracked.watches.get_mut(&first) {
            watch.unsent = reason;
        }
    }

    /// Own envelopes were sent to a peer. `confirms`: the peer acknowledges what it accepts.
    pub(crate) fn handle_handed(&self, peer: &NodeId, confirms: bool, envelopes: &[Hash]) {
        if envelopes.is_empty() || self.is_idle() {
            return;
        }
        let now = Instant::now().into_std();
        self.with(|tracked| {
            for hash in envelopes {
                tracked.posts.handle_handed(now, hash, *peer, confirms);
            }
        });
    }

    /// A peer acknowledged envelopes.
    pub(crate) fn handle_acknowledged(&self, peer: &NodeId, envelopes: &[Hash]) {
        if !self.is_idle() {
            self.with(|tracked| {
                envelopes.iter().for_each(|hash| tracked.posts.handle_acknowledged(hash, peer));
            });
        }
    }

    /// A peer refused an envelope.
    pub(crate) fn handle_refused(&self, peer: &NodeId, hash: &Hash, reason: RefusalReason) {
        if !self.is_idle() {
            self.with(|tracked| tracked.posts.handle_refused(hash, peer, reason));
        }
    }

    /// A peer's session ended. `reason`: set if the peer ended it because of something that it was sent.
    pub(crate) fn handle_left(&self, peer: &NodeId, reason: Option<&RefusalReason>) {
        if !self.is_idle() {
            self.with(|tracked| tracked.posts.handle_left(peer, reason));
        }
    }

    /// An envelope was evicted from the pool.
    pub(crate) fn handle_evicted(&self, hash: &Hash) {
        if !self.is_idle() {
            self.with(|tracked| tracked.posts.handle_evicted(hash));
        }
    }

    /// Ends the posts that expired before `now`, in seconds since 1970. `unsent` returns why a pooled post with
    /// these hashes was sent to no peer, if that is known.
    pub(crate) fn handle_clock(&self, now: u32, unsent: impl Fn(&[Hash]) -> Option<UnsentReason>) {
        if !self.is_idle() {
            self.with(|Tracked { posts, watches }| {
                let last = |hashes: &[Hash]| {
                    let watch = hashes.first().and_then(|first| watches.get(first));
                    watch.map_or(UnsentReason::NoPeers, |watch| watch.unsent)
                };
                posts.handle_clock(now, |hashes| unsent(hashes).unwrap_or_else(|| last(hashes)));
            });
        }
    }

    /// The second after which the next open post expires.
    pub(crate) fn next_expiry(&self) -> Option<u32> {
        lock(&self.tracked).posts.next_expiry()
    }

    /// Ends all open posts.
    pub(crate) fn stop(&self) {
        self.with(|tracked| tracked.posts.stop());
    }

    /// Handles the timeouts of the open posts. Never returns.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let next = lock(&self.tracked).posts.poll_timeout();
            match next {
                // Notified or not, check again.
                Some(next) => drop(timeout_at(next.into(), self.timer.notified()).await),
                None => self.timer.notified().await,
            }
            let now = Instant::now().into_std();
            self.with(|tracked| tracked.posts.handle_timeout(now));
        }
    }

    /// Changes the machine, then publishes the endings.
    fn with<T>(&self, change: impl FnOnce(&mut Tracked) -> T) -> T {
        let mut tracked = lock(&self.tracked);
        let before = tracked.posts.poll_timeout();
        let changed = change(&mut tracked);
        while let Some((hash, ending)) = tracked.posts.poll_ended() {
            self.counters.one(counter(&ending));
            if let Some(watch) = tracked.watches.remove(&hash) {
                watch.ending.send_replace(Some(ending));
            }
        }
        self.open.store(tracked.posts.len(), Ordering::Release);
        let after = tracked.posts.poll_timeout();
        let is_earlier = after.is_some_and(|after| before.is_none_or(|before| after < before));
        if is_earlier && !planted::is(Bug::StayTimerLost) {
            self.timer.notify_one();
        }
        changed
    }
}

/// The counter of posts that ended this way.
fn counter(ending: &Ending) -> Counter {
    match ending {
        Ending::Delivered { .. } => Counter::PostsDelivered,
        Ending::Refused { .. } => Counter::PostsRefused,
        Ending::Left { .. } => Counter::PostsLeft,
        Ending::Unsent(_) => Counter::PostsUnsent,
        Ending::Expired { .. } => Counter::PostsExpired,
        Ending::Evicted { .. } => Counter::PostsEvicted,
        Ending::Untracked => Counter::PostsUntracked,
        Ending::Stopped => Counter::PostsStopped,
    }
}
