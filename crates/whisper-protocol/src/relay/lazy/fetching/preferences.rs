//! Which peers are asked to push: those that were first most often.

use super::asked_peer::AskedPeer;
use crate::relay::lazy::policy::push_limits;

/// How much less an envelope counts than the one after it, so that the last hundred or so count.
const FADE: f64 = 0.97;

/// The peers are chosen again after this many envelopes.
const CHOOSE_EVERY: u32 = 8;

/// Scores are counted in another unit when an envelope counts this much.
const MAX_WEIGHT: f64 = 1e9;

/// A peer takes the place of another one when it was first this much more often, ...
const BETTER: f64 = 1.5;

/// ... and by this many envelopes. Of a peer that is first with every third one, eleven count.
const MARGIN: f64 = 1.0;

/// How much being first counts.
#[derive(Debug)]
pub(super) struct Preferences {
    /// What the next envelope counts: more than all before, so that these need not be changed.
    weight: f64,
    since_chosen: u32,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { weight: 1.0, since_chosen: 0 }
    }
}

impl Preferences {
    /// A peer was the first to send an envelope. Returns the peers that are to be told something new.
    pub(super) fn handle_first(
        &mut self,
        peers: &mut [Option<AskedPeer>],
        from: usize,
    ) -> Vec<usize> {
        let Some(Some(first)) = peers.get_mut(from) else { return Vec::new() };
        first.handle_first(self.weight);
        self.weight /= FADE;
        if self.weight > MAX_WEIGHT {
            let factor = self.weight.recip();
            peers.iter_mut().flatten().for_each(|peer| peer.rescale(factor));
            self.weight = 1.0;
        }
        self.since_chosen += 1;
        if self.since_chosen < CHOOSE_EVERY {
            return Vec::new();
        }
        self.choose(peers)
    }

    /// Chooses the peers that are to push. Returns those that are to be told something new.
    pub(super) fn choose(&mut self, peers: &mut [Option<AskedPeer>]) -> Vec<usize> {
        self.since_chosen = 0;
        update_limits(peers, self.weight)
    }
}

fn update_limits(peers: &mut [Option<AskedPeer>], weight: f64) -> Vec<usize> {
    let count = peers.iter().flatten().count();
    let limits = push_limits(count);
    let mut order: Vec<(usize, f64)> = Vec::new();
    for (index, peer) in peers.iter().enumerate() {
        if let Some(peer) = peer.as_ref().filter(|peer| peer.score() > 0.0 && peer.is_reliable()) {
            // One that pushes keeps its place unless another one is clearly better.
            let places = limits.iter().filter(|limit| **limit <= peer.limit()).count();
            let keeps = (0..places).fold(peer.score(), |score, _| score * BETTER + MARGIN * weight);
            order.push((index, keeps));
        }
    }
    order.sort_by(|one, other| other.1.total_cmp(&one.1));
    let mut told = Vec::new();
    for (index, peer) in peers.iter_mut().enumerate() {
        let place = order.iter().position(|(chosen, _)| *chosen == index);
        let limit = place.and_then(|place| limits.get(place)).map_or(0, |limit| *limit);
        if let Some(peer) = peer
            && peer.limit() != limit
            && peer.set_limit(limit)
        {
            told.push(index);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Peers that were first so often.
    fn peers(firsts: &[usize]) -> Vec<Option<AskedPeer>> {
        let peer = |firsts: &usize| {
            let mut peer = AskedPeer::default();
            peer.handle_first(*firsts as f64);
            Some(peer)
        };
        firsts.iter().map(peer).collect()
    }

    fn limits(peers: &[Option<AskedPeer>]) -> Vec<u32> {
        peers.iter().flatten().map(AskedPeer::limit).collect()
    }

    #[test]
    fn those_that_were_first_most_often_are_asked_to_push() {
        let mut peers = peers(&[1, 7, 0, 3, 5, 0]);
        assert_eq!(update_limits(&mut peers, 1.0), [1, 3, 4]);
        assert_eq!(limits(&peers), [0, 16 * 1024, 0, 512, 4 * 1024, 0]);
        assert_eq!(update_limits(&mut peers, 1.0), [0; 0], "nothing has changed");
    }

    #[test]
    fn a_peer_is_replaced_by_one_that_is_clearly_better() {
        let mut peers = peers(&[3, 3, 3, 4, 0]);
        peers[3] = Some(AskedPeer::default());
        let _ = update_limits(&mut peers, 1.0);
        peers
            .iter_mut()
            .flatten()
            .for_each(|peer| assert!(peer.take_limit().is_some() || peer.limit() == 0));
        let mut better = AskedPeer::default();
        better.handle_first(5.0);
        peers[3] = Some(better);
        assert_eq!(update_limits(&mut peers, 1.0), [0; 0], "not clearly");
        peers[3].as_mut().unwrap().handle_first(1.0);
        assert_eq!(update_limits(&mut peers, 1.0), [2, 3]);
        assert_eq!(limits(&peers), [16 * 1024, 4 * 1024, 0, 512, 0]);
    }

    #[test]
    fn few_peers_push_everything_without_being_asked() {
        let mut four = peers(&[1, 1, 1, 1]);
        assert_eq!(update_limits(&mut four, 1.0), [0; 0]);
        let mut many = peers(&[1; 13]);
        assert_eq!(update_limits(&mut many, 1.0).len(), 3);
    }

    #[test]
    fn what_was_long_ago_counts_little() {
        let (mut preferences, mut peers) = (Preferences::default(), peers(&[0; 13]));
        let mut be_first = |from: usize, times: usize| {
            (0..times).for_each(|_| drop(preferences.handle_first(&mut peers, from)));
            peers.iter().flatten().map(AskedPeer::limit).collect::<Vec<_>>()
        };
        let limits = be_first(0, 1000);
        assert_eq!(limits[..3], [4 * 1024, 0, 0]);
        be_first(1, 100);
        be_first(2, 100);
        let limits = be_first(3, 100);
        assert_eq!(limits[..4], [0, 512, 512, 4 * 1024], "the first one was long ago");
    }
}
