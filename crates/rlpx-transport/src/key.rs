//! The keys of a session.

use std::sync::Arc;

use aes::Aes256Enc;
use aes::cipher::{BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit};

/// An AES-256 key, expanded once for both directions: an expanded key has 1 KiB.
#[derive(Clone)]
pub(crate) struct Key(Arc<Aes256Enc>);

impl Key {
    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        Self(Arc::new(Aes256Enc::new(bytes.into())))
    }
}

impl BlockSizeUser for Key {
    type BlockSize = <Aes256Enc as BlockSizeUser>::BlockSize;
}

impl BlockCipherEncrypt for Key {
    #[inline]
    fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = Self::BlockSize>) {
        self.0.encrypt_with_backend(f);
    }
}
