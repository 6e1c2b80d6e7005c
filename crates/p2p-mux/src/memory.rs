//! One memory budget for many connections, and the rule that applies when memory is short.

mod account;
mod charge;

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
pub use charge::MemoryCharge;

/// A limit of the memory that many connections use together. Cheap to clone; all clones are the same
/// budget.
///
/// It counts what a peer can make grow: decompressed messages in the inbound queues, messages in the
/// outbound queues, and the network buffers, which contain the received part of an incomplete frame.
/// It also counts a fixed 64 KiB for each connection (16 KiB for a bare
/// [`Connection`](crate::Connection)). A message that a sub-protocol has taken is counted until it
/// receives the next one. What it keeps beyond that it can add with a [`MemoryCharge`].
///
/// # When memory is short
///
/// Each connection has a fair share: three quarters of the limit, divided by the number of
/// connections. While memory is not short, a connection may use more, up to the
/// [`SlotSettings`](crate::SlotSettings) of its slots. **A connection within its share is always
/// served.** For the others:
///
/// 1. Memory is short from the moment when three quarters are used until half is free again. Until
///    then each connection that exceeds its share waits: nothing is read from its peer, messages that
///    have been read are delivered one by one, and its sub-protocols wait when they send.
/// 2. A connection that has waited for [`Config::stall_limit`](crate::Config::stall_limit) and is the
///    largest of those that exceed their share is closed
///    ([`CloseReason::ExceededShare`](crate::CloseReason::ExceededShare)). Then the next largest one,
///    until memory is not short.
/// 3. Above the limit the largest connection is closed at once.
///
/// Until it is closed the limit can be exceeded, by one message for each thread.
#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<SharedBudget>);

/// The state and the counters of a [`MemoryBudget`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Maximum number of bytes.
    pub limit: usize,
    /// Used bytes, rounded up to 8 KiB for each connection.
    pub used: usize,
    /// Number of connections.
    pub connections: usize,
    /// Whether memory is short now.
    pub short: bool,
    /// How often memory has become short.
    pub shortages: u64,
    /// Connections that were closed because they were the largest.
    pub disconnected: u64,
}

impl MemoryBudget {
    /// A budget of `limit` bytes. Allow about 100 KiB for each expected connection; with less, some
    /// connections will be closed.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(SharedBudget { limit, ..SharedBudget::default() }))
    }

    /// A budget for connections that may use `bytes` of resident memory. An eighth is reserved for the
    /// overhead of the allocator; the rest is the [`limit`](MemoryStats::limit).
    #[must_use]
    pub fn resident(bytes: usize) -> Self {
        Self::new(bytes - bytes / 8)
    }

    /// A budget without a limit. It only counts.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    /// The state and the counters.
    #[must_use]
    pub fn stats(&self) -> MemoryStats {
        let budget = &*self.0;
        MemoryStats {
            limit: budget.limit,
            used: budget.used.load(SeqCst),
            connections: budget.open.load(SeqCst),
            short: budget.is_short(),
            shortages: budget.shortages.load(Relaxed),
            disconnected: budget.disconnected.load(Relaxed),
        }
    }

    /// Opens an account for a connection. `waker` is woken when the rule starts or stops to apply to
    /// the connection.
    pub(crate) fn open(&self, waker: Waker) -> Account {
        Account::open(&self.0, waker)
    }
}

/// The state of a budget.
///
/// Accounts take and return memory in steps, so that they access it rarely. It is locked only when a
/// connection opens or closes, and when memory becomes short or is no longer short.
#[derive(Debug, Default)]
pub(crate) struct SharedBudget {
    limit: usize,
    /// Bytes granted to all accounts.
    used: AtomicUsize,
    /// Number of accounts.
    open: AtomicUsize,
    short: AtomicBool,
    shortages: AtomicU64,
    disconnected: AtomicU64,
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    /// By account number, so the oldest account is first.
    shares: BTreeMap<u64, Arc<Share>>,
    last_number: u64,
}

impl SharedBudget {
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(SeqCst)
    }

    /// Bytes that each connection may always use.
    pub(crate) fn fair_share(&self) -> usize {
        self.high_water() / self.open.load(SeqCst).max(1)
    }

    /// Memory is short from this number of used bytes on.
    const fn high_water(&self) -> usize {
        self.limit - self.limit / 4
    }

    /// Adds an account. Returns its number, for [`remove`](Self::remove).
    pub(crate) fn insert(&self, share: Arc<Share>) -> u64 {
        let mut accounts = self.lock();
        accounts.last_number += 1;
        let number = accounts.last_number;
        accounts.shares.insert(number, share);
        self.open.store(accounts.shares.len(), SeqCst);
        drop(accounts);
        if self.is_short() {
            // The fair share is smaller now, so more connections may exceed it.
            self.wake_above(self.fair_share());
        }
        number
    }

    /// Removes an account that has returned its memory. This makes the fair share larger.
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

    /// Grants bytes to an account. Call [`settle`](Self::settle) afterwards.
    pub(crate) fn grant(&self, bytes: usize) {
        self.used.fetch_add(bytes, SeqCst);
    }

    /// Takes back bytes that were granted. Call [`settle`](Self::settle) afterwards.
    pub(crate) fn take_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, SeqCst);
    }

    /// Applies the rule after the used memory has changed.
    pub(crate) fn settle(&self) {
        let used = self.used.load(SeqCst);
        if used >= self.high_water() {
            if !self.short.swap(true, SeqCst) {
                self.shortages.fetch_add(1, Relaxed);
                self.wake_above(self.fair_share());
            }
            self.mark_above_limit();
        } else if used <= self.limit / 2 && self.is_short() && self.short.swap(false, SeqCst) {
            self.wake_above(self.fair_share());
        }
    }

    /// Above the limit, marks the largest accounts for closing until the others are within the limit.
    fn mark_above_limit(&self) {
        if self.used.load(SeqCst) <= self.limit {
            return;
        }
        let accounts = self.lock();
        let marked = accounts.shares.values().filter(|share| share.is_marked());
        let marked: usize = marked.map(|share| share.granted()).sum();
        let mut excess = self.used.load(SeqCst).saturating_sub(marked).saturating_sub(self.limit);
        let mut wakers = Vec::new();
        while excess > 0 {
            let Some(largest) = self.largest(&accounts) else { break };
            excess = excess.saturating_sub(largest.granted());
            self.mark(largest);
            wakers.push(largest.waker().clone());
        }
        drop(accounts);
        wakers.iter().for_each(Waker::wake_by_ref);
    }

    /// Marks `share` for closing if memory is short and it is the largest. Returns whether it did.
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

    /// The largest account that exceeds the fair share and is not marked; of equal ones the youngest.
    fn largest<'a>(&self, accounts: &'a Accounts) -> Option<&'a Arc<Share>> {
        let fair = self.fair_share();
        let exceeds = |share: &&Arc<Share>| !share.is_marked() && share.granted() > fair;
        accounts.shares.values().filter(exceeds).max_by_key(|share| share.granted())
    }

    /// Wakes all connections that have more than `bytes`.
    fn wake_above(&self, bytes: usize) {
        let above = |share: &&Arc<Share>| share.granted() > bytes;
        let wakers: Vec<Waker> =
            self.lock().shares.values().filter(above).map(|share| share.waker().clone()).collect();
        wakers.iter().for_each(Waker::wake_by_ref);
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        // Poisoning is ignored: the accounts are consistent after every statement.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use proptest::prelude::*;

    use super::*;

    const KIB: usize = 1024;

    /// A waker that counts how often it was woken.
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
    fn a_connection_may_exceed_its_share_while_memory_is_not_short() {
        let memory = MemoryBudget::new(1000 * KIB);
        let (one, _) = open(&memory, 700 * KIB);
        let (other, _) = open(&memory, KIB);
        assert!(!memory.stats().short);
        assert!(!one.exceeds_share() && !other.exceeds_share());
        assert_eq!(one.held_and_fair_share().1, 375 * KIB);
    }

    #[test]
    fn while_memory_is_short_connections_that_exceed_their_share_wait() {
        let memory = MemoryBudget::new(1000 * KIB);
        let (hog, hog_waker) = open(&memory, 700 * KIB);
        let (modest, modest_waker) = open(&memory, KIB);
        modest.charge(100 * KIB);
        assert!(memory.stats().short);
        assert!(hog.exceeds_share() && !modest.exceeds_share());
        assert_eq!((hog_waker.0.load(SeqCst), modest_waker.0.load(SeqCst)), (1, 0));
        // It uses less than before, but memory is still short.
        hog.release(250 * KIB);
        assert!(hog.exceeds_share() && memory.stats().short);
        modest.charge(200 * KIB);
        hog.release(100 * KIB);
        assert!(!hog.exceeds_share() && memory.stats().short, "it is within its share");
        modest.release(280 * KIB);
        assert!(!memory.stats().short);
        assert_eq!(memory.stats().shortages, 1);
    }

    #[test]
    fn only_the_largest_that_exceeds_its_share_is_marked() {
        let memory = MemoryBudget::new(1000 * KIB);
        let (large, _) = open(&memory, 340 * KIB);
        let (larger, waker) = open(&memory, 350 * KIB);
        let (modest, _) = open(&memory, 30 * KIB);
        assert!(memory.stats().short);
        assert!(!large.mark_if_largest() && !modest.mark_if_largest());
        assert!(larger.mark_if_largest());
        assert!(larger.is_marked());
        assert_eq!(memory.stats().disconnected, 1);
        assert!(large.mark_if_largest(), "now it is the largest that is not marked");
        drop(larger);
        assert!(!modest.mark_if_largest());
        assert_eq!(waker.0.load(SeqCst), 1, "woken only when memory became short");
    }

    #[test]
    fn above_the_limit_as_few_as_necessary_are_marked_at_once() {
        let memory = MemoryBudget::new(1000 * KIB);
        let (hog, waker) = open(&memory, 500 * KIB);
        let (large, _) = open(&memory, 300 * KIB);
        let modest: Vec<_> = (0..3).map(|_| open(&memory, 60 * KIB).0).collect();
        assert!(hog.is_marked());
        assert!(waker.0.load(SeqCst) > 0);
        assert!(!large.is_marked());
        modest[0].charge(20 * KIB);
        assert!(!large.is_marked(), "the memory of the first is enough");
        assert!(modest.iter().all(|account| !account.is_marked()));
        drop(hog);
        assert!(memory.stats().used < 1000 * KIB);
    }

    #[test]
    fn waiting_connections_are_woken_when_the_share_grows() {
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
    fn charges_and_releases_in_several_threads_add_up_to_zero() {
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
    enum Operation {
        Open,
        Charge { account: usize, bytes: usize },
        Release { account: usize, part: usize },
        Close { account: usize },
        MarkIfLargest { account: usize },
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            2 => Just(Operation::Open),
            6 => (0..8usize, 0..60_000usize)
                .prop_map(|(account, bytes)| Operation::Charge { account, bytes }),
            6 => (0..8usize, 1..5usize).prop_map(|(account, part)| Operation::Release { account, part }),
            1 => (0..8usize).prop_map(|account| Operation::Close { account }),
            1 => (0..8usize).prop_map(|account| Operation::MarkIfLargest { account }),
        ]
    }

    proptest! {
        #[test]
        fn used_is_always_the_sum_of_the_accounts(operations in proptest::collection::vec(operation(), 0..120)) {
            let memory = MemoryBudget::new(200_000);
            let mut accounts: Vec<(Account, usize)> = Vec::new();
            for operation in operations {
                let count = accounts.len().max(1);
                match operation {
                    Operation::Open if accounts.len() < 8 => accounts.push((open(&memory, 0).0, 0)),
                    Operation::Charge { account, bytes } => if let Some((one, held)) = accounts.get_mut(account % count) {
                        one.charge(bytes);
                        *held += bytes;
                    },
                    Operation::Release { account, part } => if let Some((one, held)) = accounts.get_mut(account % count) {
                        one.release(*held / part);
                        *held -= *held / part;
                    },
                    Operation::Close { account } if !accounts.is_empty() => drop(accounts.remove(account % count)),
                    Operation::MarkIfLargest { account } => if let Some((one, _)) = accounts.get(account % count) {
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
                // Enough accounts are marked that the others are within the limit.
                let unmarked = accounts.iter().filter(|(one, _)| !one.is_marked());
                prop_assert!(unmarked.map(|(one, _)| one.held_and_fair_share().0).sum::<usize>() <= 200_000);
            }
            drop(accounts);
            prop_assert_eq!(memory.stats().used, 0);
        }
    }
}
