//! One memory budget for many connections, and the rule for who gives way when it runs out.

mod account;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    task::Waker,
};

pub(crate) use account::{Account, Share};

/// A bound on the memory that connections take together. Cheap to clone: all clones are one budget.
///
/// Counted is what a peer can make grow: messages that have arrived and were not taken, inflated;
/// messages that wait to be sent; the buffers of the network, in which a frame that is under way
/// lies as far as it has arrived; and a fixed 64 KiB for each connection itself (16 KiB for a bare
/// [`Connection`](crate::Connection)). Not counted is what a sub-protocol keeps of the messages that
/// it has taken.
///
/// # Who gives way
///
/// Each connection has a fair share: three quarters of the limit, over the number of connections. As
/// long as memory is plentiful it may have more, up to what the terms of its sub-protocols allow
/// ([`SlotSettings`](crate::SlotSettings)). **A connection within its share is always served.** Of the others:
///
/// 1. When three quarters are taken, memory is short, until half is free again. Meanwhile each
///    connection that has more than its share waits: nothing is read from its peer, what has been
///    read is handed over one message at a time, its sub-protocols wait when they send.
/// 2. Who has waited for [`Config::stall_limit`](crate::Config::stall_limit), still has more than
///    its share and the most of all is disconnected ([`CloseReason::ExceededShare`](crate::CloseReason)), then
///    the next, until memory is not short any more.
/// 3. Beyond the limit there is no waiting: who has the most is disconnected at once.
///
/// So the limit can be exceeded only for as long as it takes to do that, by what each thread is
/// just unpacking: one message.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Pool>);

/// What a [`MemoryBudget`] holds and has counted, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStats {
    /// The most that may be counted, in bytes.
    pub limit: usize,
    /// What is taken now, in bytes, rounded up to 8 KiB for each connection.
    pub used: usize,
    /// Connections that have an account.
    pub connections: usize,
    /// Whether memory is short now.
    pub short: bool,
    /// How often it has become short.
    pub shortages: u64,
    /// Connections that were ended because they had the most.
    pub disconnected: u64,
}

impl MemoryBudget {
    /// A budget of `limit` bytes. A connection needs some 100 KiB to be of use: with less than that
    /// for each of the expected number, there will be fewer.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Pool { limit, ..Pool::default() }))
    }

    /// A budget for `bytes` of the machine's memory: an eighth of it is set aside for what the
    /// allocator keeps between the pieces, the rest is the [`limit`](MemoryStats::limit) of what is
    /// counted.
    #[must_use]
    pub fn resident(bytes: usize) -> Self {
        Self::new(bytes - bytes / 8)
    }

    /// No bound: only counts.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    /// What is held and was counted.
    #[must_use]
    pub fn stats(&self) -> MemoryStats {
        let pool = &*self.0;
        MemoryStats {
            limit: pool.limit,
            used: pool.used.load(SeqCst),
            connections: pool.open.load(SeqCst),
            short: pool.is_short(),
            shortages: pool.shortages.load(Relaxed),
            disconnected: pool.disconnected.load(Relaxed),
        }
    }

    /// An account for one connection. The bell rings when the rule wants something of it, or does
    /// not want it any more.
    pub(crate) fn open(&self, waker: Waker) -> Account {
        Account::open(&self.0, waker)
    }
}

/// The budget itself.
///
/// Accounts take from it and give back in grains, so that it is touched rarely; the lock is taken
/// only where connections come and go and where memory becomes short or is plentiful again.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    limit: usize,
    /// What the accounts have been granted together.
    used: AtomicUsize,
    /// How many accounts there are.
    open: AtomicUsize,
    short: AtomicBool,
    shortages: AtomicU64,
    disconnected: AtomicU64,
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    /// By age.
    shares: BTreeMap<u64, Arc<Share>>,
    last: u64,
}

impl Pool {
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(SeqCst)
    }

    /// What each connection may have in any case.
    pub(crate) fn fair_share(&self) -> usize {
        self.high_water() / self.open.load(SeqCst).max(1)
    }

    /// From where on memory is short.
    const fn high_water(&self) -> usize {
        self.limit - self.limit / 4
    }

    /// A connection comes. Its number, for [`remove`](Self::remove).
    pub(crate) fn insert(&self, share: Arc<Share>) -> u64 {
        let mut accounts = self.lock();
        accounts.last += 1;
        let number = accounts.last;
        accounts.shares.insert(number, share);
        self.open.store(accounts.shares.len(), SeqCst);
        drop(accounts);
        if self.is_short() {
            // The share is smaller now: some may have more than it who had not.
            self.wake_above(self.fair_share());
        }
        number
    }

    /// A connection has gone, and given back what it had. Now the others' share is larger.
    pub(crate) fn remove(&self, number: u64) {
        let fair_share = self.fair_share();
        let mut accounts = self.lock();
        accounts.shares.remove(&number);
        self.open.store(accounts.shares.len(), SeqCst);
        drop(accounts);
        if self.is_short() {
            self.wake_above(fair_share);
        }
    }

    /// Grants so much more. What follows from it is for [`settle`](Self::settle).
    pub(crate) fn grant(&self, bytes: usize) {
        self.used.fetch_add(bytes, SeqCst);
    }

    /// Takes back what was granted.
    pub(crate) fn take_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, SeqCst);
    }

    /// Draws the consequences of a grant or its return.
    pub(crate) fn settle(&self) {
        let used = self.used.load(SeqCst);
        if used >= self.high_water() {
            if !self.short.swap(true, SeqCst) {
                self.shortages.fetch_add(1, Relaxed);
                self.wake_above(self.fair_share());
            }
            self.mark_beyond_limit();
        } else if used <= self.limit / 2 && self.is_short() && self.short.swap(false, SeqCst) {
            self.wake_above(self.fair_share());
        }
    }

    /// Condemns whoever has the most, until the rest is within the limit.
    fn mark_beyond_limit(&self) {
        if self.used.load(SeqCst) <= self.limit {
            return;
        }
        let accounts = self.lock();
        let doomed = accounts.shares.values().filter(|share| share.is_marked());
        let doomed: usize = doomed.map(|share| share.granted()).sum();
        let mut beyond = self.used.load(SeqCst).saturating_sub(doomed).saturating_sub(self.limit);
        let mut wakers = Vec::new();
        while beyond > 0 {
            let Some(largest) = self.largest(&accounts) else { break };
            beyond = beyond.saturating_sub(largest.granted());
            self.mark(largest);
            wakers.push(largest.waker().clone());
        }
        drop(accounts);
        wakers.iter().for_each(Waker::wake_by_ref);
    }

    /// Condemns `share` if memory is short and nobody has more.
    pub(crate) fn mark_if_largest(&self, share: &Share) -> bool {
        let accounts = self.lock();
        let largest = self.is_short()
            && self.largest(&accounts).is_some_and(|largest| std::ptr::eq(&**largest, share));
        if largest {
            self.mark(share);
        }
        largest
    }

    fn mark(&self, share: &Share) {
        share.mark();
        self.disconnected.fetch_add(1, Relaxed);
    }

    /// Who has the most and more than its share; of several the youngest.
    fn largest<'a>(&self, accounts: &'a Accounts) -> Option<&'a Arc<Share>> {
        let fair = self.fair_share();
        let over = |share: &&Arc<Share>| !share.is_marked() && share.granted() > fair;
        accounts.shares.values().filter(over).max_by_key(|share| share.granted())
    }

    /// Rings at all who have more than that.
    fn wake_above(&self, bytes: usize) {
        let above = |share: &&Arc<Share>| share.granted() > bytes;
        let wakers: Vec<Waker> =
            self.lock().shares.values().filter(above).map(|share| share.waker().clone()).collect();
        wakers.iter().for_each(Waker::wake_by_ref);
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        // Plain data: whoever panicked has left it whole.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use proptest::prelude::*;

    use super::*;

    const KIB: usize = 1024;

    /// A bell that counts how often it was rung.
    #[derive(Default)]
    struct CountingWaker(AtomicUsize);

    impl std::task::Wake for CountingWaker {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn open(memory: &MemoryBudget, held: usize) -> (Account, Arc<CountingWaker>) {
        let waker = Arc::new(CountingWaker::default());
        let account = memory.open(Waker::from(Arc::clone(&waker)));
        account.charge(held);
        (account, waker)
    }

    #[test]
    fn plenty_is_for_whoever_takes_it() {
        let memory = MemoryBudget::new(1000 * KIB);
        let (one, _) = open(&memory, 700 * KIB);
        let (other, _) = open(&memory, KIB);
        assert!(!memory.stats().short);
        assert!(!one.exceeds_share() && !other.exceeds_share());
        assert_eq!(one.held_and_fair_share().1, 375 * KIB);
    }

    #[test]
    fn when_memory_is_short_who_has_more_than_its_share_waits() {
        let memory = MemoryBudget::new(1000 * KIB);
        let (hog, hog_waker) = open(&memory, 700 * KIB);
        let (modest, modest_waker) = open(&memory, KIB);
        modest.charge(100 * KIB);
        assert!(memory.stats().short);
        assert!(hog.exceeds_share() && !modest.exceeds_share());
        assert_eq!((hog_waker.0.load(SeqCst), modest_waker.0.load(SeqCst)), (1, 0));
        // It has less than it had, but there is not plenty yet.
        hog.release(250 * KIB);
        assert!(hog.exceeds_share() && memory.stats().short);
        modest.charge(200 * KIB);
        hog.release(100 * KIB);
        assert!(!hog.exceeds_share() && memory.stats().short, "it has not more than its share");
        modest.release(280 * KIB);
        assert!(!memory.stats().short);
        assert_eq!(memory.stats().shortages, 1);
    }

    #[test]
    fn only_the_largest_beyond_its_share_can_be_cut_and_one_at_a_time() {
        let memory = MemoryBudget::new(1000 * KIB);
        let (large, _) = open(&memory, 340 * KIB);
        let (larger, waker) = open(&memory, 350 * KIB);
        let (modest, _) = open(&memory, 30 * KIB);
        assert!(memory.stats().short);
        assert!(!large.mark_if_largest() && !modest.mark_if_largest());
        assert!(larger.mark_if_largest());
        assert!(larger.is_marked());
        assert_eq!(memory.stats().disconnected, 1);
        assert!(large.mark_if_largest(), "now it is the largest of those that stay");
        drop(larger);
        assert!(!modest.mark_if_largest());
        assert_eq!(waker.0.load(SeqCst), 1, "that memory had become short");
    }

    #[test]
    fn beyond_the_limit_the_largest_goes_at_once_and_no_more_than_must() {
        let memory = MemoryBudget::new(1000 * KIB);
        let (hog, waker) = open(&memory, 500 * KIB);
        let (large, _) = open(&memory, 300 * KIB);
        let modest: Vec<_> = (0..3).map(|_| open(&memory, 60 * KIB).0).collect();
        assert!(hog.is_marked());
        assert!(waker.0.load(SeqCst) > 0);
        assert!(!large.is_marked());
        modest[0].charge(20 * KIB);
        assert!(!large.is_marked(), "what the first had will be enough");
        assert!(modest.iter().all(|account| !account.is_marked()));
        drop(hog);
        assert!(memory.stats().used < 1000 * KIB);
    }

    #[test]
    fn those_who_wait_are_told_when_the_share_has_grown() {
        let memory = MemoryBudget::new(1000 * KIB);
        let (one, waker) = open(&memory, 400 * KIB);
        let others: Vec<_> = (0..2).map(|_| open(&memory, 250 * KIB).0).collect();
        assert!(one.exceeds_share());
        let before = waker.0.load(SeqCst);
        drop(others);
        assert!(waker.0.load(SeqCst) > before);
        assert!(!one.exceeds_share());
    }

    #[test]
    fn taking_and_giving_back_in_several_threads_ends_at_nothing() {
        let memory = MemoryBudget::new(64 * KIB);
        let (account, _) = open(&memory, 0);
        std::thread::scope(|scope| {
            for step in [1, 700, 9000] {
                let share = Arc::clone(account.share());
                scope.spawn(move || {
                    for _ in 0..2000 {
                        share.charge(step);
                        share.release(step);
                    }
                });
            }
        });
        let (held, _) = account.held_and_fair_share();
        assert!((16 * KIB..=32 * KIB).contains(&held), "{held}");
        assert_eq!(memory.stats().used, held);
        drop(account);
        assert_eq!((memory.stats().used, memory.stats().connections), (0, 0));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Open,
        Charge { account: usize, bytes: usize },
        Release { account: usize, part: usize },
        Close { account: usize },
        Spent { account: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => Just(Step::Open),
            6 => (0..8usize, 0..60_000usize)
                .prop_map(|(account, bytes)| Step::Charge { account, bytes }),
            6 => (0..8usize, 1..5usize).prop_map(|(account, part)| Step::Release { account, part }),
            1 => (0..8usize).prop_map(|account| Step::Close { account }),
            1 => (0..8usize).prop_map(|account| Step::Spent { account }),
        ]
    }

    proptest! {
        #[test]
        fn the_books_are_right_whatever_happens(steps in proptest::collection::vec(step(), 0..120)) {
            let memory = MemoryBudget::new(200_000);
            let mut accounts: Vec<(Account, usize)> = Vec::new();
            for step in steps {
                let count = accounts.len().max(1);
                match step {
                    Step::Open if accounts.len() < 8 => accounts.push((open(&memory, 0).0, 0)),
                    Step::Charge { account, bytes } => if let Some((one, held)) = accounts.get_mut(account % count) {
                        one.charge(bytes);
                        *held += bytes;
                    },
                    Step::Release { account, part } => if let Some((one, held)) = accounts.get_mut(account % count) {
                        one.release(*held / part);
                        *held -= *held / part;
                    },
                    Step::Close { account } if !accounts.is_empty() => drop(accounts.remove(account % count)),
                    Step::Spent { account } => if let Some((one, _)) = accounts.get(account % count) {
                        let (held, share) = one.held_and_fair_share();
                        prop_assert!(!one.mark_if_largest() || held > share);
                    },
                    _ => {}
                }
                let stats = memory.stats();
                let sum: usize = accounts.iter().map(|(one, _)| one.held_and_fair_share().0).sum();
                prop_assert_eq!(stats.used, sum);
                prop_assert_eq!(stats.connections, accounts.len());
                for (one, held) in &accounts {
                    let granted = one.held_and_fair_share().0;
                    prop_assert!(granted >= *held && granted <= *held + 16 * KIB + 16 * KIB);
                    prop_assert!(one.is_marked() || !one.exceeds_share() || stats.short);
                }
                // Beyond the limit so much is condemned that the rest is within.
                let staying = accounts.iter().filter(|(one, _)| !one.is_marked());
                prop_assert!(staying.map(|(one, _)| one.held_and_fair_share().0).sum::<usize>() <= 200_000);
            }
            drop(accounts);
            prop_assert_eq!(memory.stats().used, 0);
        }
    }
}
