//! Which questions are open, and whose they are.

use std::collections::HashMap;

/// Questions that have been asked and not answered: at most so many, each with an id that is used
/// once, and with something of type `T` that belongs to it.
///
/// A plain table, for machines; over tokio there is `requests`.
#[derive(Debug)]
pub struct Pending<T> {
    open: HashMap<u64, T>,
    next: u64,
    limit: usize,
}

/// What an answer of the peer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched<T> {
    /// An open question, which was asked with this. It is not open any more.
    Open(T),
    /// A question that is not open any more: it was answered before, or given up. No fault of the
    /// peer's, which cannot know when we lose patience.
    Late,
    /// A question that was never asked: the peer's fault.
    Unasked,
}

impl<T> Pending<T> {
    /// No questions; at most `limit` can be open at a time.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { open: HashMap::new(), next: 0, limit }
    }

    /// A new question's id.
    ///
    /// # Errors
    ///
    /// `whose` comes back if too many are open.
    pub fn ask(&mut self, whose: T) -> Result<u64, T> {
        if self.open.len() >= self.limit {
            return Err(whose);
        }
        let id = self.next;
        self.next += 1;
        self.open.insert(id, whose);
        Ok(id)
    }

    /// An answer came.
    pub fn handle_answer(&mut self, id: u64) -> Matched<T> {
        match self.open.remove(&id) {
            Some(whose) => Matched::Open(whose),
            None if id < self.next => Matched::Late,
            None => Matched::Unasked,
        }
    }

    /// Nobody waits for the answer any more. What was asked with, if the question was open.
    pub fn give_up(&mut self, id: u64) -> Option<T> {
        self.open.remove(&id)
    }

    /// Gives up all, and lets no more be asked.
    pub fn close(&mut self) {
        self.limit = 0;
        self.open = HashMap::new();
    }

    /// How many questions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no question is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_finds_its_question_once_in_any_order() {
        let mut pending = Pending::new(3);
        let ids = ["a", "b", "c"].map(|whose| pending.ask(whose).unwrap());
        assert_eq!(pending.handle_answer(ids[1]), Matched::Open("b"));
        assert_eq!(pending.handle_answer(ids[0]), Matched::Open("a"));
        assert_eq!(pending.handle_answer(ids[1]), Matched::Late);
        assert_eq!(pending.handle_answer(ids[2] + 1), Matched::Unasked);
        assert_eq!(pending.handle_answer(u64::MAX), Matched::Unasked);
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn there_is_a_limit_and_what_is_given_up_makes_room() {
        let mut pending = Pending::new(1);
        let first = pending.ask(1).unwrap();
        assert_eq!(pending.ask(2), Err(2));
        assert_eq!(pending.give_up(first), Some(1));
        assert_eq!(pending.give_up(first), None);
        let second = pending.ask(3).unwrap();
        assert_ne!(first, second, "a late answer must not be taken for the new one");
        pending.close();
        assert!(pending.is_empty());
        assert_eq!(pending.ask(4), Err(4));
        assert_eq!(pending.handle_answer(second), Matched::Late);
    }
}
