//! Inbound connections that have not said who they are yet.

use std::collections::VecDeque;

use tokio_util::sync::CancellationToken;

/// The handshakes in progress, oldest first.
///
/// When there are too many, the oldest gives way to the newest: an honest handshake takes a few
/// round trips and is long done, one that only holds its place is not. Refusing the newest instead
/// would let a few silent sockets lock all others out.
#[derive(Debug)]
pub(crate) struct HalfOpen {
    limit: usize,
    entries: VecDeque<(u64, CancellationToken)>,
    last: u64,
}

impl HalfOpen {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), entries: VecDeque::new(), last: 0 }
    }

    /// Enters a handshake, which must end when `token` is cancelled. Answers its number for
    /// [`HalfOpen::remove`].
    pub(crate) fn insert(&mut self, token: CancellationToken) -> u64 {
        while self.entries.len() >= self.limit {
            if let Some((_, oldest)) = self.entries.pop_front() {
                oldest.cancel();
            }
        }
        self.last += 1;
        self.entries.push_back((self.last, token));
        self.last
    }

    pub(crate) fn remove(&mut self, number: u64) {
        self.entries.retain(|(entry, _)| *entry != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way() {
        let mut half_open = HalfOpen::new(2);
        let tokens: Vec<_> = (0..3).map(|_| CancellationToken::new()).collect();
        let numbers: Vec<_> = tokens.iter().map(|token| half_open.insert(token.clone())).collect();
        let cancelled: Vec<_> = tokens.iter().map(CancellationToken::is_cancelled).collect();
        assert_eq!(cancelled, [true, false, false]);
        half_open.remove(numbers[1]);
        half_open.insert(CancellationToken::new());
        assert!(!tokens[2].is_cancelled());
        assert_eq!(half_open.entries.len(), 2);
    }
}
