//! The found nodes that were tried lately.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use p2p_mux::identity::NodeId;

/// So many are remembered; then the oldest is forgotten before its time.
const REMEMBERED: usize = 4096;

/// Who was tried lately, so that what finds nodes can name the same ones again and again.
#[derive(Debug)]
pub(super) struct History {
    pub(super) keep: Duration,
    until: HashMap<NodeId, Instant>,
    order: VecDeque<(Instant, NodeId)>,
}

impl History {
    pub(super) fn new(keep: Duration) -> Self {
        Self { keep, until: HashMap::new(), order: VecDeque::new() }
    }

    /// The node was tried, or left.
    pub(super) fn insert(&mut self, id: NodeId, now: Instant) {
        let until = now + self.keep;
        self.until.insert(id, until);
        self.order.push_back((until, id));
        while self.order.front().is_some_and(|(until, _)| *until <= now)
            || self.order.len() > REMEMBERED
        {
            if let Some((until, id)) = self.order.pop_front()
                && self.until.get(&id) == Some(&until)
            {
                self.until.remove(&id);
            }
        }
    }

    /// Whether it was tried lately.
    pub(super) fn contains(&self, id: &NodeId, now: Instant) -> bool {
        self.until.get(id).is_some_and(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> NodeId {
        let mut id = [0; 64];
        id[..8].copy_from_slice(&n.to_be_bytes());
        NodeId(id)
    }

    #[test]
    fn a_node_is_remembered_for_a_time_and_not_all_of_them() {
        let (mut now, keep) = (Instant::now(), Duration::from_secs(35));
        let mut history = History::new(keep);
        history.insert(id(1), now);
        assert!(history.contains(&id(1), now) && !history.contains(&id(2), now));
        now += keep / 2;
        history.insert(id(1), now);
        assert!(history.contains(&id(1), now + keep / 2), "from the last time on");
        assert!(!history.contains(&id(1), now + keep));
        for n in 0..3 * REMEMBERED {
            history.insert(id(n), now);
        }
        assert_eq!((history.order.len(), history.until.len()), (REMEMBERED, REMEMBERED));
        history.insert(id(0), now + keep);
        assert_eq!((history.order.len(), history.until.len()), (1, 1));
    }
}
