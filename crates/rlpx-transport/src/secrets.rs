//! From the handshake's shared secret to a session (RLPx, "Initial Handshake").

use std::sync::Arc;

use aes::Aes256Enc;
use aes::cipher::{BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit};
use ctr::{Ctr64BE, CtrCore};
use keccak_lanes::Keccak256;
use p2p_identity::NodeId;
use zeroize::Zeroizing;

use crate::handshake::Nonce;
use crate::mac::Mac;
use crate::session::{Opener, Sealer, Session};

/// AES-256-CTR over all frames of one direction, one keystream from the first header on. It counts
/// from zero, so a counter of 64 bits, which is faster, is the same as one of 128 for 2^68 bytes.
pub(crate) type FrameCipher = Ctr64BE<Key>;

/// An AES-256 key, expanded once for both directions: that takes 1 KiB.
#[derive(Clone)]
pub(crate) struct Key(Arc<Aes256Enc>);

impl Key {
    fn new(bytes: &[u8; 32]) -> Self {
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

/// What one end contributed to the handshake.
pub(crate) struct Half<'a> {
    pub(crate) nonce: &'a Nonce,
    /// Its packet as it was on the wire, size prefix included.
    pub(crate) packet: &'a [u8],
}

/// The two secrets of a connection. Both ends have the same; wiped when dropped.
pub(crate) struct Secrets {
    pub(crate) aes: Zeroizing<[u8; 32]>,
    pub(crate) mac: Zeroizing<[u8; 32]>,
}

impl Secrets {
    /// From the ephemeral–ephemeral secret and the two nonces.
    pub(crate) fn derive(shared: &[u8; 32], initiator: &Nonce, recipient: &Nonce) -> Self {
        let nonces = Keccak256::new().chain(recipient).chain(initiator).finalize();
        let with_shared = |secret: &[u8; 32]| {
            Zeroizing::new(Keccak256::new().chain(shared).chain(secret).finalize())
        };
        let session = with_shared(&nonces);
        let aes = with_shared(&session);
        let mac = with_shared(&aes);
        Self { aes, mac }
    }

    /// The session of the end that sent `ours` and received `theirs`, in either role: a
    /// direction's MAC begins with the nonce of whoever receives in it.
    pub(crate) fn session(&self, remote: NodeId, ours: &Half<'_>, theirs: &Half<'_>) -> Session {
        let (frames, tags) = (Key::new(&self.aes), Key::new(&self.mac));
        // Both directions begin with the same keystream: the protocol is so. What protects the first
        // bytes of one direction against the other is only that they are headers and Hellos, which
        // are no secrets.
        let cipher = |key| FrameCipher::from_core(CtrCore::inner_iv_init(key, &[0; 16].into()));
        let sealing = Mac::new(tags.clone(), self.chain(theirs.nonce, ours.packet));
        let opening = Mac::new(tags, self.chain(ours.nonce, theirs.packet));
        Session {
            remote,
            sealer: Sealer::new(cipher(frames.clone()), sealing),
            opener: Opener::new(cipher(frames), opening),
        }
    }

    /// What a direction's MAC goes on from.
    fn chain(&self, nonce: &Nonce, packet: &[u8]) -> Keccak256 {
        let mut start = self.mac.clone();
        for (byte, with) in start.iter_mut().zip(nonce) {
            *byte ^= with;
        }
        Keccak256::new().chain(&*start).chain(packet)
    }
}
