//! The user's own messages, and what became of them.

use std::collections::VecDeque;

/// Maximum number of own messages that are followed.
const MAX_POSTS: usize = 1000;

/// What became of an own message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// No peer has kept it yet.
    Pending,
    Delivered,
    /// It was not delivered; why.
    NotDelivered(String),
}

/// The own messages, by the hashes of their envelopes.
#[derive(Debug, Default)]
pub(super) struct Posts {
    fates: VecDeque<(Vec<u8>, Fate)>,
    /// Number of messages whose work is being done.
    pub(super) sending: usize,
    pub(super) sent: usize,
    pub(super) delivered: usize,
    pub(super) not_delivered: usize,
}

impl Posts {
    /// A message was sent.
    pub(super) fn add(&mut self, hash: Vec<u8>) {
        self.sent += 1;
        self.fates.push_back((hash, Fate::Pending));
        if self.fates.len() > MAX_POSTS {
            self.fates.pop_front();
        }
    }

    /// It is known what became of a message.
    pub(super) fn end(&mut self, hash: &[u8], fate: Fate) {
        match fate {
            Fate::Pending => {}
            Fate::Delivered => self.delivered += 1,
            Fate::NotDelivered(_) => self.not_delivered += 1,
        }
        if let Some((_, known)) = self.fates.iter_mut().rev().find(|(known, _)| known == hash) {
            *known = fate;
        }
    }

    /// What became of the message; `None` if it is of another user.
    pub(super) fn fate(&self, hash: &[u8]) -> Option<&Fate> {
        self.fates.iter().rev().find(|(known, _)| known == hash).map(|(_, fate)| fate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_are_counted_and_bounded() {
        let mut posts = Posts::default();
        for number in 0..MAX_POSTS + 2 {
            posts.add(number.to_be_bytes().to_vec());
        }
        let hash = |number: usize| number.to_be_bytes();
        posts.end(&hash(5), Fate::Delivered);
        posts.end(&hash(6), Fate::NotDelivered("no".to_owned()));
        // It is not followed any more, and counts.
        posts.end(&hash(0), Fate::Delivered);
        assert_eq!((posts.sent, posts.delivered, posts.not_delivered), (MAX_POSTS + 2, 2, 1));
        assert_eq!(posts.fate(&hash(0)), None);
        assert_eq!(posts.fate(&hash(5)), Some(&Fate::Delivered));
        assert_eq!(posts.fate(&hash(7)), Some(&Fate::Pending));
    }
}
