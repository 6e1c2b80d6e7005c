//! The number of zero bits that a search looks for.

use crate::block::Digest;

/// Minimum number of zero bits at one end of a digest, read as a big-endian number of 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zeros {
    /// Minimum number of zeros above the highest set bit.
    Leading(u32),
    /// Minimum number of zeros below the lowest set bit.
    Trailing(u32),
}

impl Zeros {
    /// The bits that must be 0 in the first word of a digest (leading zeros) or in its last word (trailing zeros).
    pub(crate) fn mask(self) -> u64 {
        // The words of a state are little-endian.
        match self {
            Self::Leading(zeros) => u64::MAX.checked_shl(64 - zeros.min(64)),
            Self::Trailing(zeros) => u64::MAX.checked_shr(64 - zeros.min(64)),
        }
        .unwrap_or(0)
        .swap_bytes()
    }

    /// Whether a digest has the zeros.
    pub(crate) fn is_met_by(self, digest: &Digest) -> bool {
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
    fn counts_zeros_at_both_ends() {
        let mut digest = [0; 32];
        assert!(Zeros::Leading(256).is_met_by(&digest) && Zeros::Trailing(256).is_met_by(&digest));
        assert!(
            !Zeros::Leading(257).is_met_by(&digest) && !Zeros::Trailing(257).is_met_by(&digest)
        );
        digest[3] = 0b0001_0100;
        assert!(Zeros::Leading(27).is_met_by(&digest) && !Zeros::Leading(28).is_met_by(&digest));
        assert!(
            Zeros::Trailing(226).is_met_by(&digest) && !Zeros::Trailing(227).is_met_by(&digest)
        );
        digest[31] = 0b1000_0000;
        assert!(Zeros::Trailing(7).is_met_by(&digest) && !Zeros::Trailing(8).is_met_by(&digest));
    }

    #[test]
    fn masks_are_for_little_endian_words() {
        assert_eq!(Zeros::Leading(0).mask(), 0);
        assert_eq!(Zeros::Leading(12).mask(), 0xf0ff);
        assert_eq!(Zeros::Trailing(12).mask(), 0xff0f << 48);
        assert_eq!(Zeros::Leading(100).mask(), u64::MAX);
        assert_eq!(Zeros::Trailing(64).mask(), u64::MAX);
    }
}
