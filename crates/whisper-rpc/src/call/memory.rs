//! The memory that clients occupy: what they send, and what they have not read yet.
//!
//! All clients of all transports share one budget. If they exceed it, the client that occupies most is disconnected. A
//! single client that does not read is slowed down before: see [`ClientMemory::wait_for_room`].

use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use p2p_world::HashMap;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, Notify};
use tokio_util::sync::CancellationToken;

use crate::call::stats::Counters;
use crate::lock::lock;
use crate::team::meter::BytesGuard;

/// How often a request is in memory while it is carried out: its JSON, its arguments, and their values.
const REQUEST_COPIES: usize = 3;

/// The budget of all clients.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    /// Maximum for all clients together, in bytes.
    limit: usize,
    /// From this many unread bytes on, a client gets nothing more until it reads.
    unread_limit: usize,
    /// [`Counters::memory`] is the sum of all clients.
    counters: Arc<Counters>,
    clients: Mutex<HashMap<u64, Weak<ClientMemory>>>,
    next_id: AtomicU64,
}

impl MemoryBudget {
    /// A budget of `limit` bytes. A client with `unread_limit` unread bytes gets nothing more until it reads.
    pub(crate) fn new(limit: usize, unread_limit: usize, counters: Arc<Counters>) -> Self {
        let (clients, next_id) = (Mutex::default(), AtomicU64::new(0));
        Self { limit, unread_limit, counters, clients, next_id }
    }

    /// The memory of a new client. Cancelling `end` must end its connection.
    pub(crate) fn client(self: &Arc<Self>, end: CancellationToken) -> Arc<ClientMemory> {
        let client = Arc::new(ClientMemory {
            budget: Arc::clone(self),
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            end,
            incomplete: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            unread: AtomicUsize::new(0),
            has_read: Notify::new(),
            batch: AsyncMutex::default(),
        });
        self.lock().insert(client.id, Arc::downgrade(&client));
        client
    }

    fn add(&self, bytes: usize) {
        let bytes = bytes as u64;
        let total = self.counters.memory.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if total > self.limit as u64 {
            self.end_largest();
        }
    }

    fn subtract(&self, bytes: usize) {
        self.counters.memory.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// Disconnects the largest clients until the others are within the limit.
    fn end_largest(&self) {
        let clients: Vec<_> = self.lock().values().filter_map(Weak::upgrade).collect();
        let staying = clients.iter().filter(|client| !client.end.is_cancelled());
        let mut staying: Vec<_> = staying.map(|client| (client.bytes(), client)).collect();
        staying.sort_unstable_by_key(|(bytes, _)| *bytes);
        let mut sum: usize = staying.iter().map(|(bytes, _)| bytes).sum();
        while sum > self.limit
            && let Some((bytes, largest)) = staying.pop()
        {
            sum -= bytes;
            largest.end.cancel();
            self.counters.disconnect_for_memory(bytes, self.limit);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Weak<ClientMemory>>> {
        lock(&self.clients)
    }
}

/// The memory of one client, in bytes.
#[derive(Debug)]
pub(crate) struct ClientMemory {
    budget: Arc<MemoryBudget>,
    id: u64,
    /// Ends the connection.
    end: CancellationToken,
    /// Of a request that has not arrived as a whole.
    incomplete: AtomicUsize,
    /// Of requests that are carried out.
    requests: AtomicUsize,
    /// Of answers and notifications that the client has not read.
    unread: AtomicUsize,
    /// Notified when the client may get more.
    has_read: Notify,
    /// Locked while a batch of the client is answered.
    batch: AsyncMutex<()>,
}

impl ClientMemory {
    fn bytes(&self) -> usize {
        let parts = [&self.incomplete, &self.requests, &self.unread];
        parts.into_iter().map(|part| part.load(Ordering::Relaxed)).sum()
    }

    /// Records bytes that arrived. They are part of a request until [`request`](Self::request).
    pub(crate) fn arrived(&self, bytes: usize) {
        self.incomplete.fetch_add(bytes, Ordering::Relaxed);
        self.budget.add(bytes);
    }

    /// Records that at most `most` of the bytes that arrived are kept: the others were no part of a request.
    pub(crate) fn keep_at_most(&self, most: usize) {
        let before = self.incomplete.fetch_min(most, Ordering::Relaxed);
        self.budget.subtract(before.saturating_sub(most));
    }

    /// Records that a request has arrived as a whole. It occupies memory until the returned value is dropped.
    pub(crate) fn request(self: &Arc<Self>, bytes: usize) -> Occupied {
        self.keep_at_most(0);
        let mut request =
            Occupied { memory: Arc::clone(self), bytes: 0, is_unread: false, of_team: None };
        request.grow(bytes.saturating_mul(REQUEST_COPIES));
        request
    }

    /// Records an answer or a notification. It is unread until the returned value is dropped.
    pub(crate) fn unread(self: &Arc<Self>, bytes: usize) -> Occupied {
        let mut unread =
            Occupied { memory: Arc::clone(self), bytes: 0, is_unread: true, of_team: None };
        unread.grow(bytes);
        unread
    }

    /// Same as [`unread`](Self::unread), if the client may get more.
    pub(crate) fn unread_if_room(self: &Arc<Self>, bytes: usize) -> Option<Occupied> {
        let unread_limit = self.budget.unread_limit;
        let add = |unread: usize| (unread < unread_limit).then(|| unread.saturating_add(bytes));
        self.unread.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        self.budget.add(bytes);
        Some(Occupied { memory: Arc::clone(self), bytes, is_unread: true, of_team: None })
    }

    /// Whether nothing more is to be read from the client for now.
    pub(crate) fn is_full(&self) -> bool {
        let [requests, unread] =
            [&self.requests, &self.unread].map(|part| part.load(Ordering::Relaxed));
        requests + unread >= self.budget.unread_limit
    }

    fn has_room(&self) -> bool {
        self.unread.load(Ordering::Relaxed) < self.budget.unread_limit
    }

    /// Waits until the client may have another batch answered: one after the other, since the answer to a batch grows while
    /// other calls are answered.
    pub(crate) async fn batch_turn(&self) -> AsyncMutexGuard<'_, ()> {
        let turn = self.batch.lock().await;
        self.wait_for_room().await;
        turn
    }

    /// Waits until the client has read enough to get more.
    pub(crate) async fn wait_for_room(&self) {
        while !self.has_room() {
            let mut has_read = pin!(self.has_read.notified());
            has_read.as_mut().enable();
            if !self.has_room() {
                has_read.await;
            }
        }
    }
}

impl Drop for ClientMemory {
    fn drop(&mut self) {
        self.keep_at_most(0);
        self.budget.lock().remove(&self.id);
    }
}

/// Memory that a client occupies until this is dropped.
#[derive(Debug)]
pub(crate) struct Occupied {
    memory: Arc<ClientMemory>,
    bytes: usize,
    is_unread: bool,
    /// Its part of what a team may have unread.
    of_team: Option<BytesGuard>,
}

impl Occupied {
    /// It is part of what a team may have unread as well.
    pub(crate) fn of_team(self, bytes: BytesGuard) -> Self {
        let mut occupied = self;
        occupied.of_team = Some(bytes);
        occupied
    }

    /// Adds bytes.
    pub(crate) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.part().fetch_add(bytes, Ordering::Relaxed);
        self.memory.budget.add(bytes);
    }

    fn part(&self) -> &AtomicUsize {
        if self.is_unread { &self.memory.unread } else { &self.memory.requests }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let before = self.part().fetch_sub(self.bytes, Ordering::Relaxed);
        self.memory.budget.subtract(self.bytes);
        let limit = self.memory.budget.unread_limit;
        if self.is_unread && before >= limit && before - self.bytes < limit {
            self.memory.has_read.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn budget(limit: usize, unread_limit: usize) -> Arc<MemoryBudget> {
        Arc::new(MemoryBudget::new(limit, unread_limit, Arc::default()))
    }

    fn client(budget: &Arc<MemoryBudget>) -> (Arc<ClientMemory>, CancellationToken) {
        let end = CancellationToken::new();
        (budget.client(end.clone()), end)
    }

    #[test]
    fn the_largest_client_is_disconnected_and_counted() {
        let budget = budget(1000, 1000);
        let [(small, small_end), (large, large_end)] = [client(&budget), client(&budget)];
        let kept = [small.unread(300), large.unread(400)];
        assert!(!large_end.is_cancelled());
        small.arrived(350);
        assert!(small_end.is_cancelled(), "650 bytes are more than 400");
        assert!(!large_end.is_cancelled());
        assert_eq!(budget.counters.read().out_of_memory, 1);
        // What an ended client still occupies disconnects no other client.
        let request = large.request(100);
        assert!(!large_end.is_cancelled());
        assert_eq!(budget.counters.read().memory, 300 + 350 + 400 + 300);
        drop((kept, request));
        assert_eq!(budget.counters.read().memory, 350);
        drop(small);
        assert_eq!(budget.counters.read().memory, 0);
    }

    #[test]
    fn a_request_frees_what_had_arrived_of_it() {
        let budget = budget(1000, 100);
        let (client, _) = client(&budget);
        client.arrived(20);
        client.arrived(20);
        client.keep_at_most(30);
        assert_eq!(budget.counters.read().memory, 30);
        let request = client.request(40);
        assert_eq!(budget.counters.read().memory, 120);
        assert!(client.is_full());
        drop(request);
        assert!(!client.is_full());
        assert_eq!(budget.counters.read().memory, 0);
    }

    #[test]
    fn a_client_that_does_not_read_waits_for_room() {
        let budget = budget(1000, 100);
        let (client, _) = client(&budget);
        // Requests do not count: their answers could never begin.
        let _request = client.request(40);
        let mut first = client.unread(0);
        assert!(client.wait_for_room().now_or_never().is_some());
        first.grow(99);
        let second = client.unread(1);
        let mut waiting = pin!(client.wait_for_room());
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(client.unread_if_room(1).is_none());
        drop(second);
        assert!(client.unread_if_room(50).is_some_and(|unread| unread.bytes == 50));
        assert!(waiting.now_or_never().is_some());
    }
}
