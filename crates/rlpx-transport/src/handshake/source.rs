//! Where a handshake takes from what must be new in it, and what need not be computed again.

use p2p_identity::{PublicKey, SecretKey, ecies};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{Nonce, Stock};

/// What an end makes anew for every handshake. Whoever had it could read the connection later on.
pub(super) struct Fresh {
    /// In a box, so that it is at one place in memory until it is wiped there.
    pub(super) key: Box<SecretKey>,
    pub(super) nonce: Nonce,
}

/// A random generator, and a stock where there is one.
pub(super) struct Source<'a, R: ?Sized> {
    pub(super) stock: Option<&'a Stock>,
    pub(super) rng: &'a mut R,
}

impl<R: CryptoRng + ?Sized> Source<'_, R> {
    pub(super) fn fresh(&mut self) -> Fresh {
        Fresh { key: self.key(), nonce: self.bytes() }
    }

    /// The secret of the two static keys.
    pub(super) fn static_secret(
        &self,
        local: &SecretKey,
        remote: &PublicKey,
    ) -> Zeroizing<[u8; 32]> {
        let known = self.stock.and_then(|stock| stock.secret(&remote.id()));
        known.map_or_else(|| local.ecdh(remote), |secret| Zeroizing::clone(&secret))
    }

    /// An ECIES box for the holder of the key `to`.
    pub(super) fn seal(&mut self, to: &PublicKey, plaintext: &[u8], shared_mac: &[u8]) -> Vec<u8> {
        let (ephemeral, iv) = (self.key(), self.bytes());
        ecies::seal_with(&ephemeral, iv, to, plaintext, shared_mac)
    }

    /// A number of zeros for padding: 100 to 299.
    pub(super) fn padding(&mut self) -> usize {
        100 + self.rng.next_u32() as usize % 200
    }

    /// A key that nobody has used and nobody else will.
    fn key(&mut self) -> Box<SecretKey> {
        let made_ahead = self.stock.and_then(Stock::take_key);
        made_ahead.unwrap_or_else(|| Box::new(SecretKey::random(self.rng)))
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}
