//! The bundles that one peer was sent and has not acknowledged.

use std::collections::VecDeque;

/// Maximum number of bundles that are remembered for one peer.
const MAX_BUNDLES: usize = 128;

/// Maximum number of envelopes in them.
const MAX_ENVELOPES: usize = 4096;

type Hash = [u8; 32];

/// The bundles that one peer was sent and has not acknowledged, by hash. When there are too many, the oldest is
/// forgotten.
#[derive(Debug, Default)]
pub(crate) struct UnconfirmedBundles {
    /// In the order of sending, in which they are also acknowledged.
    bundles: VecDeque<(Hash, Vec<Hash>)>,
    envelopes: usize,
}

impl UnconfirmedBundles {
    /// A bundle of these envelopes is about to be sent.
    pub(crate) fn handle_sent(&mut self, bundle: Hash, envelopes: Vec<Hash>) {
        self.envelopes += envelopes.len();
        self.bundles.push_back((bundle, envelopes));
        while self.bundles.len() > MAX_BUNDLES || self.envelopes > MAX_ENVELOPES {
            let Some((_, forgotten)) = self.bundles.pop_front() else { return };
            self.envelopes -= forgotten.len();
        }
    }

    /// The peer refused an envelope of a bundle: the envelope will not count as acknowledged. Returns whether the peer was
    /// sent that envelope in that bundle.
    pub(crate) fn handle_refused(&mut self, bundle: &Hash, envelope: &Hash) -> bool {
        let Some((_, envelopes)) = self.bundles.iter_mut().find(|(hash, _)| hash == bundle) else {
            return false;
        };
        let before = envelopes.len();
        envelopes.retain(|hash| hash != envelope);
        self.envelopes -= before - envelopes.len();
        before > envelopes.len()
    }

    /// The peer acknowledged a bundle. Returns the envelopes that it accepted; `None` if it was sent no such bundle, or too
    /// long ago.
    pub(crate) fn handle_ack(&mut self, bundle: &Hash) -> Option<Vec<Hash>> {
        let index = self.bundles.iter().position(|(hash, _)| hash == bundle)?;
        let (_, envelopes) = self.bundles.remove(index)?;
        self.envelopes -= envelopes.len();
        Some(envelopes)
    }

    /// Whether the bundle is remembered.
    pub(crate) fn contains(&self, bundle: &Hash) -> bool {
        self.bundles.iter().any(|(hash, _)| hash == bundle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_envelope_is_not_acknowledged() {
        let mut unconfirmed = UnconfirmedBundles::default();
        unconfirmed.handle_sent([1; 32], vec![[10; 32], [11; 32], [12; 32]]);
        assert!(unconfirmed.contains(&[1; 32]) && !unconfirmed.contains(&[2; 32]));
        assert!(unconfirmed.handle_refused(&[1; 32], &[11; 32]));
        assert!(!unconfirmed.handle_refused(&[1; 32], &[11; 32]), "once");
        assert!(!unconfirmed.handle_refused(&[2; 32], &[12; 32]), "an unknown bundle");
        assert_eq!(unconfirmed.handle_ack(&[1; 32]), Some(vec![[10; 32], [12; 32]]));
        assert_eq!(unconfirmed.handle_ack(&[1; 32]), None, "once");
        assert_eq!(unconfirmed.envelopes, 0);
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let name = |number: usize| [u8::try_from(number).unwrap(); 32];
        let mut unconfirmed = UnconfirmedBundles::default();
        for number in 0..=MAX_BUNDLES {
            unconfirmed.handle_sent(name(number), vec![[0; 32]]);
        }
        assert_eq!((unconfirmed.bundles.len(), unconfirmed.envelopes), (MAX_BUNDLES, MAX_BUNDLES));
        assert_eq!(unconfirmed.handle_ack(&name(0)), None);
        unconfirmed.handle_sent([0xff; 32], vec![[0; 32]; MAX_ENVELOPES - 10]);
        assert_eq!(unconfirmed.envelopes, MAX_ENVELOPES);
        assert_eq!(unconfirmed.handle_ack(&name(MAX_BUNDLES)), Some(vec![[0; 32]]));
        unconfirmed.handle_sent([0xfe; 32], vec![[0; 32]; MAX_ENVELOPES + 1]);
        assert_eq!((unconfirmed.bundles.len(), unconfirmed.envelopes), (0, 0));
    }
}
