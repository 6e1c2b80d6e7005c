//! The keystream of one direction (RLPx, "Framing").

use aes::cipher::{InnerIvInit, StreamCipherCore, inout::InOutBuf};
use ctr::{CtrCore, flavors::Ctr64BE};
use zeroize::Zeroizing;

use crate::key::Key;

/// The keystream is made in batches of this size, unless a larger part is needed at once.
///
/// Each call of the cipher has a fixed cost: the code for 512-bit registers first copies the expanded key into 15 of
/// them, which takes as long as 20 blocks. A small frame needs two calls, for a few blocks each.
const BATCH_BYTES: usize = 512;

/// AES-256-CTR over all frames of one direction.
///
/// The counter starts at zero: one of 64 bits, which is faster, equals one of 128 bits for the first 2^68 bytes.
pub(crate) struct Keystream {
    cipher: CtrCore<Key, Ctr64BE>,
    batch: Zeroizing<[u8; BATCH_BYTES]>,
    /// Number of bytes of the batch that are used.
    used: usize,
}

impl Keystream {
    pub(crate) fn new(key: Key) -> Self {
        let cipher = CtrCore::inner_iv_init(key, &[0; 16].into());
        Self { cipher, batch: Zeroizing::new([0; BATCH_BYTES]), used: BATCH_BYTES }
    }

    /// Encrypts or decrypts the next bytes of the direction.
    pub(crate) fn apply(&mut self, data: &mut [u8]) {
        self.apply_inout(data.into());
    }

    /// Encrypts the next bytes of the direction from `input` to `output`, which has the same size.
    pub(crate) fn apply_to(&mut self, input: &[u8], output: &mut [u8]) {
        if let Ok(data) = InOutBuf::new(input, output) {
            self.apply_inout(data);
        }
    }

    fn apply_inout(&mut self, data: InOutBuf<'_, '_, u8>) {
        let at_hand = data.len().min(BATCH_BYTES - self.used);
        let (first, mut rest) = data.split_at(at_hand);
        self.xor(first);
        if rest.len() >= BATCH_BYTES {
            let (blocks, tail) = rest.into_chunks();
            self.cipher.apply_keystream_blocks_inout(blocks);
            rest = tail;
        }
        if !rest.is_empty() {
            self.refill();
            self.xor(rest);
        }
    }

    /// Applies bytes of the batch, which has at least as many.
    fn xor(&mut self, mut data: InOutBuf<'_, '_, u8>) {
        let end = self.used + data.len();
        data.xor_in2out(&self.batch[self.used..end]);
        self.used = end;
    }

    fn refill(&mut self) {
        self.batch.fill(0);
        let (blocks, _) = InOutBuf::from(&mut self.batch[..]).into_chunks();
        self.cipher.apply_keystream_blocks_inout(blocks);
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use aes::Aes256;
    use aes::cipher::{KeyIvInit, StreamCipher};
    use proptest::prelude::*;

    use super::{BATCH_BYTES, Key, Keystream};

    proptest! {
        /// Frames of any sizes get the keystream of the cipher, without gaps.
        #[test]
        fn pieces_of_all_sizes_continue_the_keystream(
            sizes in proptest::collection::vec(0..3 * BATCH_BYTES, 0..20),
            key: [u8; 32],
        ) {
            let mut oracle = ctr::Ctr128BE::<Aes256>::new(&key.into(), &[0; 16].into());
            let mut in_place = Keystream::new(Key::new(&key));
            let mut copying = Keystream::new(Key::new(&key));
            for size in sizes {
                let plain = vec![0x5a; size];
                let (mut expected, mut piece, mut copy) =
                    (plain.clone(), plain.clone(), vec![0; size]);
                oracle.apply_keystream(&mut expected);
                in_place.apply(&mut piece);
                copying.apply_to(&plain, &mut copy);
                prop_assert_eq!(&piece, &expected);
                prop_assert_eq!(copy, expected);
            }
        }
    }
}
