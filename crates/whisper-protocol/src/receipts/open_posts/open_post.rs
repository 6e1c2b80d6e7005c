//! One post that has not ended, and the peers that were sent it.

use std::time::Instant;

use p2p_identity::NodeId;

use super::Hash;
use crate::{
    receipts::ending::{Ending, Progress, RefusalReason},
    receipts::sealing::PostSeals,
    relay::unsent_reason::UnsentReason,
};

/// What one peer did with a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandedState {
    /// The peer must stay connected until then.
    Watched {
        until: Instant,
    },
    /// The peer supports confirmations and has not confirmed yet.
    Awaited,
    Stayed,
    Acknowledged,
    Left,
    Refused,
}

/// A peer that was sent a post.
#[derive(Debug)]
pub(super) struct HandedPeer {
    pub(super) peer: NodeId,
    pub(super) state: HandedState,
}

impl HandedPeer {
    /// Whether it is not known yet whether the peer keeps the post.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(self.state, HandedState::Watched { .. } | HandedState::Awaited)
    }

    fn is_gone(&self) -> bool {
        matches!(self.state, HandedState::Left | HandedState::Refused)
    }
}

/// A post that has not ended.
#[derive(Debug)]
pub(super) struct OpenPost {
    pub(super) serial: u64,
    pub(super) seals: PostSeals,
    /// The hashes of its envelopes that were evicted.
    pub(super) evicted: Vec<Hash>,
    pub(super) expiry: u32,
    /// A direct message, for one peer.
    pub(super) direct: bool,
    pub(super) handed: Vec<HandedPeer>,
    /// Number of peers it was sent to, including those that are not followed.
    pub(super) count: usize,
    pub(super) refused: Option<(NodeId, RefusalReason)>,
}

impl OpenPost {
    /// Whether all of its envelopes are evicted, now that this one is.
    pub(super) fn is_evicted_with(&mut self, hash: &Hash) -> bool {
        if !self.evicted.contains(hash) {
            self.evicted.push(*hash);
        }
        self.evicted.len() > self.seals.others.len()
    }

    pub(super) fn find(&mut self, peer: &NodeId) -> Option<&mut HandedPeer> {
        self.handed.iter_mut().find(|handed| handed.peer == *peer)
    }

    /// Follows the peer from now on, if not too many are followed. A peer that had left and came back is followed again.
    pub(super) fn hand(&mut self, peer: NodeId, state: HandedState, followed: usize) {
        if let Some(handed) = self.find(&peer) {
            if handed.is_gone() {
                handed.state = state;
            }
            return;
        }
        self.count += 1;
        let handed = HandedPeer { peer, state };
        if self.handed.len() < followed {
            self.handed.push(handed);
        } else if let Some(gone) = self.handed.iter_mut().find(|handed| handed.is_gone()) {
            *gone = handed;
        }
    }

    fn count_in(&self, wanted: HandedState) -> usize {
        self.handed.iter().filter(|handed| handed.state == wanted).count()
    }

    fn kept(&self) -> usize {
        self.count_in(HandedState::Stayed) + self.count_in(HandedState::Acknowledged)
    }

    pub(super) fn until(&self) -> Option<Instant> {
        let until = |handed: &HandedPeer| match handed.state {
            HandedState::Watched { until } => Some(until),
            _ => None,
        };
        self.handed.iter().filter_map(until).min()
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            handed: self.count,
            kept: self.kept(),
            acknowledged: self.count_in(HandedState::Acknowledged),
            left: self.count_in(HandedState::Left),
            refused: self.refused.clone(),
            unsent: None,
        }
    }

    /// How the post ended, if enough peers kept it, or if no other peer can.
    pub(super) fn decided(&self, wanted: usize) -> Option<Ending> {
        let kept = self.kept();
        if kept >= if self.direct { 1 } else { wanted } {
            let acknowledged = self.count_in(HandedState::Acknowledged);
            return Some(Ending::Delivered { peers: kept, acknowledged });
        }
        let addressee = self.handed.first().filter(|handed| self.direct && handed.is_gone())?;
        Some(self.refusal().unwrap_or(Ending::Left { peer: addressee.peer }))
    }

    /// How the post ended, if it expired or was evicted.
    pub(super) fn end_of_life(
        &self,
        evicted: bool,
        unsent: impl FnOnce() -> UnsentReason,
    ) -> Ending {
        let (handed, kept) = (self.count, self.kept());
        match self.refusal() {
            Some(refused) if kept == 0 => refused,
            _ if handed == 0 && !evicted => Ending::Unsent(unsent()),
            _ if evicted => Ending::Evicted { handed, kept },
            _ => Ending::Expired { handed, kept },
        }
    }

    fn refusal(&self) -> Option<Ending> {
        self.refused.clone().map(|(peer, reason)| Ending::Refused { peer, reason })
    }
}
