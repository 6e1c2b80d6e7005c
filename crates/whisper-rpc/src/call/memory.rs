//! The memory that clients occupy: what they send, and what they have not read yet.
//!
//! All clients of all transports share one budget. If they exceed it, the client that occupies most is disconnected. A
//! single client that does not read is slowed down before: see [`ClientMemory::wait_for_room`].

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, Notify};
use tokio_util::sync::CancellationToken;

use crate::call::stats::Counters;

/// How often a request is in memory while it is carried out: its JSON, its arguments, and their values.
const REQUEST_COPIES: usize = 3;

/// The budget of all clients.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    /// Maximum for all clients together, in bytes.
    limit: usize,
    /// From this many unread bytes on, a client gets nothing more until it reads.
    unread_limit: usize,
    counters: Arc<Counters>,
    table: Mutex<UsageTable>,
}

#[derive(Debug, Default)]
struct UsageTable {
    next_id: u64,
    total: usize,
    clients: HashMap<u64, Usage>,
}

/// What one client occupies, in bytes.
#[derive(Debug, Default)]
struct Usage {
    /// Of a request that has not arrived as a whole.
    incomplete: usize,
    /// Of requests that are carried out.
    requests: usize,
    /// Of answers and notifications that the client has not read.
    unread: usize,
    /// Ends the connection.
    end: CancellationToken,
}

impl Usage {
    fn bytes(&self) -> usize {
        self.incomplete + self.requests + self.unread
    }
}

impl MemoryBudget {
    /// A budget of `limit` bytes. A client with `unread_limit` unread bytes gets nothing more until it reads.
    pub(crate) fn new(limit: usize, unread_limit: usize, counters: Arc<Counters>) -> Self {
        Self { limit, unread_limit, counters, table: Mutex::default() }
    }

    /// The memory of a new client. Cancelling `end` must end its connection.
    pub(crate) fn client(self: &Arc<Self>, end: CancellationToken) -> Arc<ClientMemory> {
        let mut table = self.lock();
        let id = table.next_id;
        table.next_id += 1;
        table.clients.insert(id, Usage { end, ..Usage::default() });
        Arc::new(ClientMemory {
            budget: Arc::clone(self),
            id,
            has_read: Notify::new(),
            batch: AsyncMutex::default(),
        })
    }

    fn change<R>(&self, id: u64, change: impl FnOnce(&mut Usage) -> R) -> Option<R> {
        let mut table = self.lock();
        let usage = table.clients.get_mut(&id)?;
        let before = usage.bytes();
        let result = change(usage);
        let after = usage.bytes();
        table.total = table.total + after - before;
        self.counters.memory.store(table.total as u64, Ordering::Relaxed);
        if after > before && table.total > self.limit {
            self.end_largest(&table);
        }
        Some(result)
    }

    /// Disconnects the largest clients until the others are within the limit.
    fn end_largest(&self, table: &UsageTable) {
        let mut staying: Vec<&Usage> =
            table.clients.values().filter(|usage| !usage.end.is_cancelled()).collect();
        staying.sort_unstable_by_key(|usage| usage.bytes());
        let mut bytes: usize = staying.iter().map(|usage| usage.bytes()).sum();
        while bytes > self.limit
            && let Some(largest) = staying.pop()
        {
            bytes -= largest.bytes();
            largest.end.cancel();
            self.counters.disconnect_for_memory(largest.bytes(), self.limit);
        }
    }

    fn lock(&self) -> MutexGuard<'_, UsageTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of one client.
#[derive(Debug)]
pub(crate) struct ClientMemory {
    budget: Arc<MemoryBudget>,
    id: u64,
    /// Notified when unread bytes become fewer.
    has_read: Notify,
    /// Locked while a batch of the client is answered.
    batch: AsyncMutex<()>,
}

impl ClientMemory {
    /// Records bytes that arrived. They are part of a request until [`request`](Self::request).
    pub(crate) fn arrived(&self, bytes: usize) {
        self.budget.change(self.id, |usage| usage.incomplete += bytes);
    }

    /// Records that at most `most` of the bytes that arrived are kept: the others were no part of a request.
    pub(crate) fn keep_at_most(&self, most: usize) {
        self.budget.change(self.id, |usage| usage.incomplete = usage.incomplete.min(most));
    }

    /// Records that a request has arrived as a whole. It occupies memory until the returned value is dropped.
    pub(crate) fn request(self: &Arc<Self>, bytes: usize) -> Occupied {
        let bytes = bytes.saturating_mul(REQUEST_COPIES);
        self.budget.change(self.id, |usage| {
            usage.incomplete = 0;
            usage.requests += bytes;
        });
        Occupied { memory: Arc::clone(self), bytes, is_unread: false }
    }

    /// Records an answer or a notification. It is unread until the returned value is dropped.
    pub(crate) fn unread(self: &Arc<Self>, bytes: usize) -> Occupied {
        let mut unread = Occupied { memory: Arc::clone(self), bytes: 0, is_unread: true };
        unread.grow(bytes);
        unread
    }

    /// Whether nothing more is to be read from the client for now.
    pub(crate) fn is_full(&self) -> bool {
        let bytes = self.budget.change(self.id, |usage| usage.requests + usage.unread);
        bytes.is_some_and(|bytes| bytes >= self.budget.unread_limit)
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
        loop {
            let mut has_read = pin!(self.has_read.notified());
            has_read.as_mut().enable();
            let unread = self.budget.change(self.id, |usage| usage.unread);
            if unread.is_none_or(|unread| unread < self.budget.unread_limit) {
                return;
            }
            has_read.await;
        }
    }
}

impl Drop for ClientMemory {
    fn drop(&mut self) {
        let mut table = self.budget.lock();
        if let Some(usage) = table.clients.remove(&self.id) {
            table.total -= usage.bytes();
            self.budget.counters.memory.store(table.total as u64, Ordering::Relaxed);
        }
    }
}

/// Memory that a client occupies until this is dropped.
#[derive(Debug)]
pub(crate) struct Occupied {
    memory: Arc<ClientMemory>,
    bytes: usize,
    is_unread: bool,
}

impl Occupied {
    /// Adds bytes.
    pub(crate) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.memory.budget.change(self.memory.id, |usage| *self.part(usage) += bytes);
    }

    fn part<'a>(&self, usage: &'a mut Usage) -> &'a mut usize {
        if self.is_unread { &mut usage.unread } else { &mut usage.requests }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.memory.budget.change(self.memory.id, |usage| *self.part(usage) -= self.bytes);
        if self.is_unread {
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
        assert_eq!(budget.lock().total, 0);
    }

    #[test]
    fn a_request_frees_what_had_arrived_of_it() {
        let budget = budget(1000, 100);
        let (client, _) = client(&budget);
        client.arrived(20);
        client.arrived(20);
        client.keep_at_most(30);
        assert_eq!(budget.lock().total, 30);
        let request = client.request(40);
        assert_eq!(budget.lock().total, 120);
        assert!(client.is_full());
        drop(request);
        assert!(!client.is_full());
        assert_eq!(budget.lock().total, 0);
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
        drop(second);
        assert!(waiting.now_or_never().is_some());
    }
}
