//! From the handshake's shared secret to a session (RLPx, "Initial Handshake").

use aes::Aes256Enc;
use aes::cipher::KeyIvInit;
use ctr::Ctr64BE;
use keccak_lanes::Keccak256;
use p2p_identity::NodeId;
use zeroize::Zeroizing;

use crate::handshake::Nonce;
use crate::mac::Mac;
use crate::session::{Opener, Sealer, Session};

/// AES-256-CTR over all frames of one direction, one keystream from the first header on. It counts
/// from zero, so a counter of 64 bits, which is faster, is the same as one of 128 for 2^68 bytes.
pub(crate) type FrameCipher = Ctr64BE<Aes256Enc>;

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
        Session {
            remote,
            sealer: Sealer::new(self.cipher(), self.chain(theirs.nonce, ours.packet)),
            opener: Opener::new(self.cipher(), self.chain(ours.nonce, theirs.packet)),
        }
    }

    /// Both directions begin with the same keystream: the protocol is so. What protects the first
    /// bytes of one direction against the other is only that they are headers and Hellos, which
    /// are no secrets.
    fn cipher(&self) -> FrameCipher {
        FrameCipher::new((&*self.aes).into(), &[0; 16].into())
    }

    fn chain(&self, nonce: &Nonce, packet: &[u8]) -> Mac {
        let mut start = self.mac.clone();
        for (byte, with) in start.iter_mut().zip(nonce) {
            *byte ^= with;
        }
        Mac::new(&self.mac, Keccak256::new().chain(&*start).chain(packet))
    }
}
