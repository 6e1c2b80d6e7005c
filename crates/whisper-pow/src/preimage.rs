//! Hashes of nonces. Everything before the nonce is absorbed once.

use keccak_lanes::{Digest, Keccak256, Search};
use whisper_envelope::Unsealed;

use crate::{Preimage, Zeros};

/// The state of Keccak-256 before the nonce.
#[derive(Clone, Debug)]
pub(crate) struct Midstate {
    search: Search,
    zeros: Zeros,
}

impl Midstate {
    pub(crate) fn new(preimage: Preimage, zeros: Zeros, unsealed: &Unsealed) -> Self {
        Self { search: Search::after(&before_nonce(preimage, unsealed)), zeros }
    }

    /// Number of zero bits that count in the hash of `nonce`: 0 to 256.
    pub(crate) fn zeros(&self, nonce: u64) -> u32 {
        self.zeros.count(&self.search.digest(nonce))
    }

    /// The first of `count` nonces from `start` on with at least `enough` zero bits in its hash.
    pub(crate) fn find(&self, enough: u32, start: u64, count: u64) -> Option<u64> {
        let zeros = match self.zeros {
            Zeros::Leading => keccak_lanes::Zeros::Leading(enough),
            Zeros::Trailing => keccak_lanes::Zeros::Trailing(enough),
        };
        self.search.find(zeros, start, count)
    }
}

/// The state that has absorbed everything before the nonce.
pub(crate) fn before_nonce(preimage: Preimage, unsealed: &Unsealed) -> Keccak256 {
    let rlp = unsealed.preimage();
    let plain = Keccak256::new().chain(rlp.header()).chain(rlp.body());
    match preimage {
        Preimage::Plain => plain,
        Preimage::Hashed => Keccak256::new().chain(&plain.finalize()).chain(&[0; 24]),
    }
}

impl Zeros {
    /// Number of zero bits of a hash that count: 0 to 256.
    pub(crate) fn count(self, hash: &Digest) -> u32 {
        match self {
            Self::Leading => leading_zeros(hash),
            Self::Trailing => trailing_zeros(hash),
        }
    }
}

fn leading_zeros(hash: &Digest) -> u32 {
    let (high, low) = halves(hash);
    if high == 0 { 128 + low.leading_zeros() } else { high.leading_zeros() }
}

fn trailing_zeros(hash: &Digest) -> u32 {
    let (high, low) = halves(hash);
    if low == 0 { 128 + high.trailing_zeros() } else { low.trailing_zeros() }
}

/// The hash as a number of 256 bits, in two halves.
fn halves(hash: &Digest) -> (u128, u128) {
    let (mut high, mut low) = ([0; 16], [0; 16]);
    high.copy_from_slice(&hash[..16]);
    low.copy_from_slice(&hash[16..]);
    (u128::from_be_bytes(high), u128::from_be_bytes(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_at_both_ends() {
        let mut hash = [0; 32];
        assert_eq!((leading_zeros(&hash), trailing_zeros(&hash)), (256, 256));
        hash[3] = 0b0001_0100;
        assert_eq!((leading_zeros(&hash), trailing_zeros(&hash)), (27, 226));
        hash[31] = 0b1000_0000;
        assert_eq!((leading_zeros(&hash), trailing_zeros(&hash)), (27, 7));
        assert_eq!((leading_zeros(&[0xff; 32]), trailing_zeros(&[0xff; 32])), (0, 0));
    }
}
