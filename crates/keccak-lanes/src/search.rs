//! The search for a nonce behind a given prefix.

use crate::{Digest, Keccak256, scan::Run};

/// How many zero bits a digest must have at one end, taken as a big-endian number of 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zeros {
    /// At least so many before the highest set bit.
    Leading(u32),
    /// At least so many after the lowest set bit.
    Trailing(u32),
}

/// Keccak-256 of a prefix followed by a nonce, for one nonce after the other.
///
/// The nonce takes 8 bytes, big-endian. What comes before it is absorbed once, so that a nonce costs one
/// permutation whatever the length of the prefix (two only where the nonce fills a block to its end, behind
/// a prefix of 128 bytes modulo 136). The kernel is the one of the prefix, and tries as many nonces side by
/// side as it has lanes. Of the first round it computes what the nonce changes, of the last one only the
/// word that the zeros are counted in.
///
/// ```
/// use keccak_lanes::{Keccak256, Search, Zeros, keccak256};
///
/// let search = Search::after(&Keccak256::new().chain(b"proof of work: "));
/// let nonce = search.find(Zeros::Leading(12), 0, 1 << 20).ok_or("none of so many")?;
///
/// let digest = keccak256(&[&b"proof of work: "[..], &nonce.to_be_bytes()].concat());
/// assert_eq!(digest, search.digest(nonce));
/// assert!(digest[0] == 0 && digest[1] < 0x10);
/// # Ok::<_, &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct Search {
    prefix: Keccak256,
}

impl Search {
    /// The search for a nonce behind what `prefix` has absorbed.
    #[must_use]
    pub fn after(prefix: &Keccak256) -> Self {
        Self { prefix: prefix.clone() }
    }

    /// The digest of the prefix and this nonce.
    #[must_use]
    pub fn digest(&self, nonce: u64) -> Digest {
        self.prefix.clone().chain(&nonce.to_be_bytes()).finalize()
    }

    /// The first nonce with these zeros, of the `count` from `start` on; after the largest number comes 0.
    ///
    /// Tries them in order, all of them if none has the zeros. On average one in `2^zeros` does, and none
    /// ever has more than 256. A call costs about as much as ten nonces beside those that it tries.
    #[must_use]
    pub fn find(&self, zeros: Zeros, start: u64, count: u64) -> Option<u64> {
        let (mut first, mut count) = (start, count);
        while count > 0 {
            let (state, filled) = self.prefix.parts();
            let (run, end) = Run::with(first, *state, filled);
            let last = first + (end - first).min(count - 1);
            let found = self.prefix.kernel().scan(&run, zeros, first, last);
            let tried = found.unwrap_or(last);
            // Of more than 64 zeros the kernels see the first 64.
            if found.is_some() && zeros.are_in(&self.digest(tried)) {
                return found;
            }
            count -= tried - first + 1;
            first = tried.wrapping_add(1);
        }
        None
    }
}

impl Zeros {
    /// The bits that must be 0 in the first word of a digest (for leading zeros) or its last.
    pub(crate) fn mask(self) -> u64 {
        // The words of a state are little-endian.
        match self {
            Self::Leading(zeros) => u64::MAX.checked_shl(64 - zeros.min(64)),
            Self::Trailing(zeros) => u64::MAX.checked_shr(64 - zeros.min(64)),
        }
        .unwrap_or(0)
        .swap_bytes()
    }

    /// Whether a digest has them.
    fn are_in(self, digest: &Digest) -> bool {
        let (high, low) = digest.split_at(16);
        let number =
            |half: &[u8]| half.iter().fold(0u128, |all, byte| all << 8 | u128::from(*byte));
        let (high, low) = (number(high), number(low));
        match self {
            Self::Leading(zeros) if high == 0 => 128 + low.leading_zeros() >= zeros,
            Self::Leading(zeros) => high.leading_zeros() >= zeros,
            Self::Trailing(zeros) if low == 0 => 128 + high.trailing_zeros() >= zeros,
            Self::Trailing(zeros) => low.trailing_zeros() >= zeros,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Zeros;

    #[test]
    fn zeros_at_both_ends() {
        let mut digest = [0; 32];
        assert!(Zeros::Leading(256).are_in(&digest) && Zeros::Trailing(256).are_in(&digest));
        assert!(!Zeros::Leading(257).are_in(&digest) && !Zeros::Trailing(257).are_in(&digest));
        digest[3] = 0b0001_0100;
        assert!(Zeros::Leading(27).are_in(&digest) && !Zeros::Leading(28).are_in(&digest));
        assert!(Zeros::Trailing(226).are_in(&digest) && !Zeros::Trailing(227).are_in(&digest));
        digest[31] = 0b1000_0000;
        assert!(Zeros::Trailing(7).are_in(&digest) && !Zeros::Trailing(8).are_in(&digest));
    }

    #[test]
    fn masks_are_of_little_endian_words() {
        assert_eq!(Zeros::Leading(0).mask(), 0);
        assert_eq!(Zeros::Leading(12).mask(), 0xf0ff);
        assert_eq!(Zeros::Trailing(12).mask(), 0xff0f << 48);
        assert_eq!(Zeros::Leading(100).mask(), u64::MAX);
        assert_eq!(Zeros::Trailing(64).mask(), u64::MAX);
    }
}
