//! Keys and random bytes for a handshake.

use p2p_identity::{PublicKey, SecretKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{Nonce, Stock};
use crate::curve;

/// The ephemeral key and the nonce of one handshake. They must stay secret: the connection could be decrypted
/// with them.
pub(super) struct Fresh {
    /// In a box, so that it stays at one place in memory until it is wiped.
    pub(super) key: Box<SecretKey>,
    pub(super) nonce: Nonce,
}

/// A random generator and, optionally, a stock.
pub(crate) struct KeySource<'a, R: ?Sized> {
    pub(crate) stock: Option<&'a Stock>,
    pub(crate) rng: &'a mut R,
}

impl Fresh {
    /// The shared secret of the ephemeral keys.
    pub(super) fn agree(&self, remote: &PublicKey) -> Zeroizing<[u8; 32]> {
        curve::agree(&self.key, remote)
    }
}

impl<R: CryptoRng + ?Sized> KeySource<'_, R> {
    pub(super) fn fresh(&mut self) -> Fresh {
        Fresh { key: self.key(), nonce: self.bytes() }
    }

    /// The shared secret of the static keys.
    pub(super) fn static_secret(
        &self,
        local: &SecretKey,
        remote: &PublicKey,
    ) -> Zeroizing<[u8; 32]> {
        let known = self.stock.and_then(|stock| stock.secret(&remote.id()));
        known.map_or_else(|| curve::agree(local, remote), |secret| Zeroizing::clone(&secret))
    }

    /// An ECIES box for the holder of the key `to`.
    pub(super) fn seal(&mut self, to: &PublicKey, plaintext: &[u8], shared_mac: &[u8]) -> Vec<u8> {
        let (ephemeral, iv) = (self.key(), self.bytes());
        curve::seal(&ephemeral, iv, to, plaintext, shared_mac)
    }

    /// Number of zeros for padding: 100 to 299.
    pub(super) fn padding(&mut self) -> usize {
        100 + self.rng.next_u32() as usize % 200
    }

    /// A key that is used once.
    fn key(&mut self) -> Box<SecretKey> {
        let made_ahead = self.stock.and_then(Stock::take_key);
        made_ahead.unwrap_or_else(|| Box::new(curve::new_key(self.rng)))
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}
