//! Whom an envelope reaches, by what is promised: the oracle of the simulation.

use std::collections::HashSet;

use whisper_node::{Envelope, SYNC_ALLOWANCE};

use super::network::Link;

/// One envelope, and the nodes that have had it.
pub(super) struct Reach {
    sent: i64,
    expiry: i64,
    reached: Vec<bool>,
    /// Over which connections it was offered.
    offered: HashSet<u64>,
}

impl Reach {
    pub(super) fn new(envelope: &Envelope, poster: usize, nodes: usize) -> Self {
        let mut reached = vec![false; nodes];
        reached[poster] = true;
        let sent = envelope.sent().unwrap().into();
        Self { sent, expiry: envelope.expiry().into(), reached, offered: HashSet::new() }
    }

    pub(super) fn has(&self, node: usize) -> bool {
        self.reached[node]
    }

    /// Goes on over the connections there are, as far as it gets at this second.
    pub(super) fn spread(&mut self, skews: &[i64], now: u32, connections: &[Link]) {
        let clock = |node: usize| i64::from(now) + skews[node];
        loop {
            let before = self.offered.len();
            for (a, b, connection) in connections {
                let holds = |node| self.reached[node] && clock(node) <= self.expiry;
                let Some((_, to)) = [(*a, *b), (*b, *a)].into_iter().find(|(from, _)| holds(*from))
                else {
                    continue;
                };
                if self.offered.insert(*connection) {
                    let admits = clock(to) <= self.expiry
                        && clock(to) + i64::from(SYNC_ALLOWANCE) >= self.sent;
                    self.reached[to] |= admits;
                }
            }
            if self.offered.len() == before {
                return;
            }
        }
    }
}
