//! Which questions are open, and whose they are.

use std::collections::HashMap;

/// Questions that have been asked and not answered: at most so many, each with an id that is used
/// once, and with something of type `T` that belongs to it.
///
/// A plain table, for machines; over tokio there is `requests`.
#[derive(Debug)]
pub struct PendingRequests<T> {
    entries: HashMap<u64, T>,
    next: u64,
    limit: usize,
}

/// What an answer of the peer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMatch<T> {
    /// An open question, which was asked with this. It is not open any more.
    Open(T),
    /// A question that is not open any more: it was answered before, or given up. No fault of the
    /// peer's, which cannot know when we lose patience.
    Late,
    /// A question that was never asked: the peer's fault.
    Unsolicited,
}

impl<T> PendingRequests<T> {
    /// No questions; at most `limit` can be open at a time.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { entries: HashMap::new(), next: 0, limit }
    }

    /// A new question's id.
    ///
    /// # Errors
    ///
    /// `whose` comes back if too many are open.
    pub fn open(&mut self, whose: T) -> Result<u64, T> {
        if self.entries.len() >= self.limit {
            return Err(whose);
        }
        let id = self.next;
        self.next += 1;
        self.entries.insert(id, whose);
        Ok(id)
    }

    /// An answer came.
    pub fn handle_response(&mut self, id: u64) -> ResponseMatch<T> {
        match self.entries.remove(&id) {
            Some(whose) => ResponseMatch::Open(whose),
            None if id < self.next => ResponseMatch::Late,
            None => ResponseMatch::Unsolicited,
        }
    }

    /// Nobody waits for the answer any more. What was asked with, if the question was open.
    pub fn cancel(&mut self, id: u64) -> Option<T> {
        self.entries.remove(&id)
    }

    /// Gives up all, and lets no more be asked.
    pub fn close(&mut self) {
        self.limit = 0;
        self.entries = HashMap::new();
    }

    /// How many questions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no question is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_finds_its_question_once_in_any_order() {
        let mut pending = PendingRequests::new(3);
        let ids = ["a", "b", "c"].map(|whose| pending.open(whose).unwrap());
        assert_eq!(pending.handle_response(ids[1]), ResponseMatch::Open("b"));
        assert_eq!(pending.handle_response(ids[0]), ResponseMatch::Open("a"));
        assert_eq!(pending.handle_response(ids[1]), ResponseMatch::Late);
        assert_eq!(pending.handle_response(ids[2] + 1), ResponseMatch::Unsolicited);
        assert_eq!(pending.handle_response(u64::MAX), ResponseMatch::Unsolicited);
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn there_is_a_limit_and_what_is_given_up_makes_room() {
        let mut pending = PendingRequests::new(1);
        let first = pending.open(1).unwrap();
        assert_eq!(pending.open(2), Err(2));
        assert_eq!(pending.cancel(first), Some(1));
        assert_eq!(pending.cancel(first), None);
        let second = pending.open(3).unwrap();
        assert_ne!(first, second, "a late answer must not be taken for the new one");
        pending.close();
        assert!(pending.is_empty());
        assert_eq!(pending.open(4), Err(4));
        assert_eq!(pending.handle_response(second), ResponseMatch::Late);
    }
}
