//! One request of a peer is answered at a time.

use std::time::Duration;

use p2p_identity::NodeId;
use p2p_world::HashMap;
use tokio::time::Instant;

/// Maximum number of refusals that wait for a peer to read them.
const MAX_REFUSALS: u32 = 4;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is answered.
    Answered,
    /// The peer has asked too often. It is told so.
    Refused,
    /// The peer has asked too often, and does not read that it is told so.
    Ignored,
}

/// The requests of the peers that are being answered, or were a short time ago.
#[derive(Debug)]
pub(super) struct Turns {
    interval: Duration,
    peers: HashMap<NodeId, PeerTurn>,
}

#[derive(Debug, Clone, Copy)]
struct PeerTurn {
    is_answered: bool,
    refusals: u32,
    /// When the next request may be answered.
    next: Instant,
}

impl Turns {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, peers: HashMap::default() }
    }

    /// A peer asks. [`end`](Self::end) must follow, but for a request that is ignored.
    pub(super) fn begin(&mut self, peer: NodeId, now: Instant) -> Turn {
        self.peers.retain(|_, turn| turn.is_answered || turn.refusals > 0 || turn.next > now);
        let fresh = PeerTurn { is_answered: false, refusals: 0, next: now };
        let turn = self.peers.entry(peer).or_insert(fresh);
        if !turn.is_answered && turn.next <= now {
            turn.is_answered = true;
            return Turn::Answered;
        }
        if turn.refusals >= MAX_REFUSALS {
            return Turn::Ignored;
        }
        turn.refusals += 1;
        Turn::Refused
    }

    /// A request was answered or refused.
    pub(super) fn end(&mut self, peer: NodeId, ended: Turn, now: Instant) {
        let Some(turn) = self.peers.get_mut(&peer) else { return };
        match ended {
            Turn::Answered => {
                turn.is_answered = false;
                turn.next = now + self.interval;
            }
            Turn::Refused => turn.refusals = turn.refusals.saturating_sub(1),
            Turn::Ignored => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId([1; 64]);

    #[test]
    fn a_peer_has_one_turn_at_a_time_and_then_a_pause() {
        let (mut turns, start) = (Turns::new(Duration::from_secs(2)), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(turns.begin(PEER, start), Turn::Answered);
        for _ in 0..MAX_REFUSALS {
            assert_eq!(turns.begin(PEER, at(9)), Turn::Refused);
        }
        assert_eq!(turns.begin(PEER, at(9)), Turn::Ignored);
        assert_eq!(turns.begin(NodeId([2; 64]), at(9)), Turn::Answered, "another peer");
        turns.end(PEER, Turn::Refused, at(9));
        assert_eq!(turns.begin(PEER, at(9)), Turn::Refused);
        turns.end(PEER, Turn::Answered, at(10));
        for _ in 0..MAX_REFUSALS {
            turns.end(PEER, Turn::Refused, at(10));
        }
        assert_eq!(turns.begin(PEER, at(11)), Turn::Refused);
        assert_eq!(turns.begin(PEER, at(12)), Turn::Answered);
    }

    #[test]
    fn peers_are_forgotten() {
        let (mut turns, start) = (Turns::new(Duration::from_secs(1)), Instant::now());
        for number in 0..100 {
            assert_eq!(turns.begin(NodeId([number; 64]), start), Turn::Answered);
            turns.end(NodeId([number; 64]), Turn::Answered, start);
        }
        turns.begin(PEER, start + Duration::from_secs(1));
        assert_eq!(turns.peers.len(), 1);
    }
}
