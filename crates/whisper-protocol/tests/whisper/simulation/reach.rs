//! The oracle of the simulation: the nodes that an envelope must reach.

use std::collections::HashSet;

use whisper_protocol::{Envelope, SYNC_ALLOWANCE};

use super::network::Link;

/// One envelope, and the nodes that received it.
pub(super) struct Reach {
    sent: i64,
    expiry: i64,
    reached: Vec<bool>,
    /// Over which connections it was offered.
    offered: HashSet<u64>,
    /// Over which of them it came too early, and to whom.
    early: Vec<(u64, usize)>,
}

impl Reach {
    pub(super) fn new(envelope: &Envelope, poster: usize, nodes: usize) -> Self {
        let mut reached = vec![false; nodes];
        reached[poster] = true;
        let sent = envelope.sent().unwrap().into();
        let expiry = envelope.expiry().into();
        Self { sent, expiry, reached, offered: HashSet::new(), early: Vec::new() }
    }

    pub(super) fn has(&self, node: usize) -> bool {
        self.reached[node]
    }

    /// Goes on over the connections there are, as far as it gets at this second.
    pub(super) fn spread(&mut self, skews: &[i64], now: u32, connections: &[Link]) {
        let clock = |node: usize| i64::from(now) + skews[node];
        let lasting: HashSet<u64> = connections.iter().map(|(.., number)| *number).collect();
        self.early.retain(|(connection, to)| {
            let due = clock(*to) >= self.sent;
            let lasts = lasting.contains(connection);
            self.reached[*to] |= due && lasts && clock(*to) <= self.expiry;
            lasts && !due
        });
        loop {
            let before = self.offered.len();
            for (a, b, connection) in connections {
                let holds = |node| self.reached[node] && clock(node) <= self.expiry;
                let Some((_, to)) = [(*a, *b), (*b, *a)].into_iter().find(|(from, _)| holds(*from))
                else {
                    continue;
                };
                if self.offered.insert(*connection) {
                    let is_early = clock(to) + i64::from(SYNC_ALLOWANCE) < self.sent;
                    if is_early {
                        self.early.push((*connection, to));
                    }
                    self.reached[to] |= !is_early && clock(to) <= self.expiry;
                }
            }
            if self.offered.len() == before {
                return;
            }
        }
    }
}
