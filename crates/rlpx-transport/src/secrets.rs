//! Derives a session from the shared secret of a handshake (RLPx, "Initial Handshake").

use keccak_lanes::Keccak256;
use p2p_identity::NodeId;
use zeroize::Zeroizing;

use crate::handshake::Nonce;
use crate::key::Key;
use crate::keystream::Keystream;
use crate::mac::Mac;
use crate::session::{FrameOpener, FrameSealer, Session};

/// What one side contributed to the handshake.
pub(crate) struct Half<'a> {
    pub(crate) nonce: &'a Nonce,
    /// Its packet as sent, with the size prefix.
    pub(crate) packet: &'a [u8],
}

/// The two secrets of a connection. Both sides derive the same; wiped when dropped.
pub(crate) struct Secrets {
    pub(crate) aes: Zeroizing<[u8; 32]>,
    pub(crate) mac: Zeroizing<[u8; 32]>,
}

impl Secrets {
    /// Derives them from the shared secret of the ephemeral keys and the two nonces.
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

    /// The session of the side that sent `ours` and received `theirs`, in either role. The MAC of a direction
    /// begins with the receiver's nonce.
    pub(crate) fn session(&self, remote: NodeId, ours: &Half<'_>, theirs: &Half<'_>) -> Session {
        let (frames, tags) = (Key::new(&self.aes), Key::new(&self.mac));
        let sealing = Mac::new(tags.clone(), self.chain(theirs.nonce, ours.packet));
        let opening = Mac::new(tags, self.chain(ours.nonce, theirs.packet));
        Session {
            remote,
            // The protocol uses the same keystream for both directions. It does little harm only because
            // the first bytes are headers and Hellos, which are not secret.
            sealer: FrameSealer::new(Keystream::new(frames.clone()), sealing).into(),
            opener: FrameOpener::new(Keystream::new(frames), opening).into(),
        }
    }

    /// The initial MAC state of a direction.
    fn chain(&self, nonce: &Nonce, packet: &[u8]) -> Keccak256 {
        let mut start = self.mac.clone();
        for (byte, with) in start.iter_mut().zip(nonce) {
            *byte ^= with;
        }
        Keccak256::new().chain(&*start).chain(packet)
    }
}
