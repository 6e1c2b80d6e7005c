//! The running MAC of one direction (RLPx, "MAC").

use aes::cipher::BlockCipherEncrypt;
use keccak_lanes::Keccak256;
use subtle::ConstantTimeEq;

use crate::secrets::Key;

/// Number of bytes of a digest that are sent, and that the next step uses.
pub(crate) const TAG_SIZE: usize = 16;

/// The MAC of a header or a body.
///
/// It does not implement `PartialEq`: a comparison that stops at the first wrong byte would help an attacker
/// to forge a tag.
#[derive(Clone, Copy)]
pub(crate) struct Tag([u8; TAG_SIZE]);

impl Tag {
    pub(crate) const fn bytes(&self) -> &[u8; TAG_SIZE] {
        &self.0
    }

    /// Whether the received tag equals this one, in constant time.
    #[must_use]
    pub(crate) fn matches(&self, received: &[u8]) -> bool {
        self.0.ct_eq(received).into()
    }
}

/// The MAC of one direction: a Keccak-256 state that has absorbed everything sent in it so far.
pub(crate) struct Mac {
    state: Keccak256,
    cipher: Key,
    /// The first half of the state's digest. Each step begins with the tag of the step before, so three digests
    /// per frame are enough.
    tag: Tag,
}

impl Mac {
    /// Continues from `state`, which has absorbed the nonce and the handshake packet.
    pub(crate) fn new(cipher: Key, state: Keccak256) -> Self {
        let tag = peek(&state);
        Self { state, cipher, tag }
    }

    /// The tag of an encrypted frame header.
    pub(crate) fn header(&mut self, header: &[u8; 16]) -> Tag {
        self.step(header)
    }

    /// Absorbs a piece of an encrypted frame body with its padding.
    pub(crate) fn absorb(&mut self, piece: &[u8]) {
        self.state.update(piece);
    }

    /// The tag of the frame body whose pieces were absorbed since its header.
    pub(crate) fn body(&mut self) -> Tag {
        self.tag = peek(&self.state);
        let seed = self.tag;
        self.step(&seed.0)
    }

    fn step(&mut self, input: &[u8; TAG_SIZE]) -> Tag {
        let mut seed = self.tag.0.into();
        self.cipher.encrypt_block(&mut seed);
        for (byte, with) in seed.iter_mut().zip(input) {
            *byte ^= with;
        }
        self.state.update(&seed);
        self.tag = peek(&self.state);
        self.tag
    }

    /// The full digest of everything absorbed and of `data`, as the test vectors contain it.
    #[cfg(test)]
    pub(crate) fn digest_after(&self, data: &[u8]) -> keccak_lanes::Digest {
        self.state.clone().chain(data).finalize()
    }
}

fn peek(state: &Keccak256) -> Tag {
    let mut tag = [0; TAG_SIZE];
    tag.copy_from_slice(&state.digest()[..TAG_SIZE]);
    Tag(tag)
}
