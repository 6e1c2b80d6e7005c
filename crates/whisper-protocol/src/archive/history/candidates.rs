//! Which archive is followed next: the one that has waited longest, and none that has just failed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use p2p_identity::NodeId;
use p2p_world::{HashMap, HashSet};
use tokio::time::Instant;

use crate::{archive::peers::ArchivePeer, lock::lock};

/// Longest time to wait before an archive that fails again and again is asked again.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The archives among which the followers of one reader choose.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Those that a follower has.
    taken: HashSet<NodeId>,
    /// Those that a follower has had.
    tried: HashMap<NodeId, Tried>,
    turns: u64,
}

#[derive(Debug)]
struct Tried {
    /// When it was taken last: the number of the choice.
    turn: u64,
    /// How often it has failed since it sent a page.
    failures: u32,
    /// Not asked before.
    until: Instant,
}

/// An archive that one follower has. Others can take it after the drop.
pub(super) struct Claim {
    pub(super) peer: ArchivePeer,
    candidates: Arc<Mutex<Candidates>>,
}

impl Candidates {
    /// Takes one of these archives. The error says when the next one may be asked; `None` if there is none.
    pub(super) fn claim(
        shared: &Arc<Mutex<Self>>,
        now: Instant,
        mut peers: Vec<ArchivePeer>,
    ) -> Result<Claim, Option<Instant>> {
        let mut candidates = lock(shared);
        peers.retain(|peer| !candidates.taken.contains(&peer.id));
        let (mut able, waiting): (Vec<_>, Vec<_>) =
            peers.into_iter().partition(|peer| candidates.is_able(now, &peer.id));
        let turn = |peer: &ArchivePeer| candidates.tried.get(&peer.id).map(|tried| tried.turn);
        // Those that were never taken come first. Which of them is left to chance: an id cannot be chosen to come first.
        let first = able.iter().map(turn).min().flatten();
        able.retain(|peer| turn(peer) == first);
        if able.is_empty() {
            let until = waiting.iter().filter_map(|peer| candidates.tried.get(&peer.id));
            return Err(until.map(|tried| tried.until).min());
        }
        let index = rand::Rng::random_range(&mut p2p_world::rng(), 0..able.len());
        let peer = able.swap_remove(index);
        candidates.take(now, peer.id);
        Ok(Claim { peer, candidates: Arc::clone(shared) })
    }

    /// Whether one of these archives may be asked now.
    pub(super) fn has_able(&self, now: Instant, peers: &[ArchivePeer]) -> bool {
        let mut free = peers.iter().filter(|peer| !self.taken.contains(&peer.id));
        free.any(|peer| self.is_able(now, &peer.id))
    }

    fn is_able(&self, now: Instant, id: &NodeId) -> bool {
        self.tried.get(id).is_none_or(|tried| tried.until <= now)
    }

    fn take(&mut self, now: Instant, id: NodeId) {
        self.turns += 1;
        let turn = self.turns;
        self.taken.insert(id);
        self.tried.entry(id).or_insert(Tried { turn, failures: 0, until: now }).turn = turn;
    }
}

impl Claim {
    /// The archive has sent a page.
    pub(super) fn handle_page(&self) {
        if let Some(tried) = lock(&self.candidates).tried.get_mut(&self.peer.id) {
            tried.failures = 0;
        }
    }

    /// The archive has failed, and is not asked again before a pause, which doubles each time.
    pub(super) fn handle_failure(&self, now: Instant, pause: Duration) {
        if let Some(tried) = lock(&self.candidates).tried.get_mut(&self.peer.id) {
            let pause = pause.saturating_mul(1 << tried.failures.min(16)).min(MAX_PAUSE.max(pause));
            tried.failures = tried.failures.saturating_add(1);
            tried.until = now + pause;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.candidates).taken.remove(&self.peer.id);
    }
}
