//! The table of open requests.

use std::collections::BTreeMap;

/// A bounded table of open requests. Each has an id, which is never used again, and a value of type
/// `T`.
///
/// It has no I/O and no timer. With tokio, use `requests`.
#[derive(Debug)]
pub struct PendingRequests<T> {
    entries: BTreeMap<u64, T>,
    next: u64,
    limit: usize,
}

/// Which request a response of the peer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMatch<T> {
    /// An open request, with its value. It is now closed.
    Open(T),
    /// A request that is no longer open: it was answered or cancelled. This is no error of the peer,
    /// which is not told when we cancel.
    Late,
    /// A request that was never sent: an error of the peer.
    Unsolicited,
}

impl<T> PendingRequests<T> {
    /// An empty table for at most `limit` open requests.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::starting_at(limit, 0)
    }

    /// Same as [`new`](Self::new), with the first id `first`. Responses with lower ids are late.
    #[must_use]
    pub(crate) const fn starting_at(limit: usize, first: u64) -> Self {
        Self { entries: BTreeMap::new(), next: first, limit }
    }

    /// Opens a request with `value` and returns its id.
    ///
    /// # Errors
    ///
    /// Returns `value` if too many requests are open.
    pub fn open(&mut self, value: T) -> Result<u64, T> {
        if self.entries.len() >= self.limit {
            return Err(value);
        }
        let id = self.next;
        self.next += 1;
        self.entries.insert(id, value);
        Ok(id)
    }

    /// Closes the request that a response belongs to.
    pub fn handle_response(&mut self, id: u64) -> ResponseMatch<T> {
        match self.entries.remove(&id) {
            Some(value) => ResponseMatch::Open(value),
            None if id < self.next => ResponseMatch::Late,
            None => ResponseMatch::Unsolicited,
        }
    }

    /// Cancels a request. Returns its value if it was open.
    pub fn cancel(&mut self, id: u64) -> Option<T> {
        self.entries.remove(&id)
    }

    /// Cancels all requests and refuses further ones.
    pub fn close(&mut self) {
        self.limit = 0;
        self.entries = BTreeMap::new();
    }

    /// Number of open requests.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no request is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_response_matches_its_request_once_in_any_order() {
        let mut pending = PendingRequests::new(3);
        let ids = ["a", "b", "c"].map(|value| pending.open(value).unwrap());
        assert_eq!(pending.handle_response(ids[1]), ResponseMatch::Open("b"));
        assert_eq!(pending.handle_response(ids[0]), ResponseMatch::Open("a"));
        assert_eq!(pending.handle_response(ids[1]), ResponseMatch::Late);
        assert_eq!(pending.handle_response(ids[2] + 1), ResponseMatch::Unsolicited);
        assert_eq!(pending.handle_response(u64::MAX), ResponseMatch::Unsolicited);
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn a_cancelled_request_makes_room_for_another() {
        let mut pending = PendingRequests::new(1);
        let first = pending.open(1).unwrap();
        assert_eq!(pending.open(2), Err(2));
        assert_eq!(pending.cancel(first), Some(1));
        assert_eq!(pending.cancel(first), None);
        let second = pending.open(3).unwrap();
        assert_ne!(first, second, "a late response must not match the new request");
        pending.close();
        assert!(pending.is_empty());
        assert_eq!(pending.open(4), Err(4));
        assert_eq!(pending.handle_response(second), ResponseMatch::Late);
    }
}
