//! The running MAC of one direction (RLPx, "MAC").

use aes::Block;
use aes::cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser,
};
use keccak_lanes::Keccak256;
use subtle::ConstantTimeEq;

use crate::key::Key;

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
    /// The encrypted tag of the last body, which the next header's tag depends on. It is made together with the body's
    /// tag: one call of the cipher for two blocks, because its fixed cost is higher than that of a block.
    header_mask: Block,
}

impl Mac {
    /// Continues from `state`, which has absorbed the nonce and the handshake packet.
    pub(crate) fn new(cipher: Key, state: Keccak256) -> Self {
        let mut header_mask = peek(&state).0.into();
        cipher.encrypt_block(&mut header_mask);
        Self { state, cipher, header_mask }
    }

    /// The tag of an encrypted frame header.
    pub(crate) fn header(&mut self, header: &[u8; 16]) -> Tag {
        step(&mut self.state, &self.header_mask, header)
    }

    /// Absorbs a piece of an encrypted frame body with its padding.
    pub(crate) fn absorb(&mut self, piece: &[u8]) {
        self.state.update(piece);
    }

    /// The tag of the frame body whose pieces were absorbed since its header.
    pub(crate) fn body(&mut self) -> Tag {
        let Self { state, cipher, header_mask } = self;
        let mut tag = peek(state);
        cipher.encrypt_with_backend(Body { state, tag: &mut tag, header_mask });
        tag
    }

    /// The full digest of everything absorbed and of `data`, as the test vectors contain it.
    #[cfg(test)]
    pub(crate) fn digest_after(&self, data: &[u8]) -> keccak_lanes::Digest {
        self.state.clone().chain(data).finalize()
    }
}

/// The end of a body, as the cipher runs it: it encrypts two blocks.
struct Body<'a> {
    state: &'a mut Keccak256,
    /// The digest that the body's tag depends on; then the tag.
    tag: &'a mut Tag,
    header_mask: &'a mut Block,
}

impl BlockSizeUser for Body<'_> {
    type BlockSize = <Key as BlockSizeUser>::BlockSize;
}

impl BlockCipherEncClosure for Body<'_> {
    #[inline]
    fn call<B: BlockCipherEncBackend<BlockSize = Self::BlockSize>>(self, cipher: &B) {
        let seed = *self.tag;
        let mut mask = seed.0.into();
        cipher.encrypt_block_inplace(&mut mask);
        *self.tag = step(self.state, &mask, &seed.0);
        *self.header_mask = self.tag.0.into();
        cipher.encrypt_block_inplace(self.header_mask);
    }
}

/// Absorbs `input`, masked, and returns the tag. Each step begins with the tag of the step before, so three digests
/// for each frame are enough.
fn step(state: &mut Keccak256, mask: &Block, input: &[u8; TAG_SIZE]) -> Tag {
    let mut masked = *input;
    for (byte, with) in masked.iter_mut().zip(mask) {
        *byte ^= with;
    }
    state.update(&masked);
    peek(state)
}

fn peek(state: &Keccak256) -> Tag {
    let mut tag = [0; TAG_SIZE];
    tag.copy_from_slice(&state.digest()[..TAG_SIZE]);
    Tag(tag)
}
