//! Secret values, wiped when they are dropped.

use zeroize::Zeroizing;

/// 32 secret bytes: a shared secret, the secret of a direction, or a key.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// The shared secrets of X25519 and of ML-KEM-768.
pub(super) struct SharedSecrets {
    pub(super) x25519: Secret,
    pub(super) kem: Secret,
}
