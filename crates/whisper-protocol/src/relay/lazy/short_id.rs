//! Short ids of envelopes.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

/// A short id of an envelope: SipHash-2-4 of its hash, with the salt of the node that is told about the envelope.
///
/// All peers of a node use the salt of that node, so that it notices that two of them announce the same envelope. Who does
/// not know the salt cannot make two envelopes with one id; who does gains nothing by it but that one of his own envelopes
/// is taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortId(pub [u8; Self::LEN]);

impl ShortId {
    /// Number of bytes.
    pub const LEN: usize = 8;
}

/// 16 random bytes of a node, new at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; Self::LEN]);

impl Salt {
    /// Number of bytes.
    pub const LEN: usize = 16;

    /// The short id of the envelope with this hash.
    #[must_use]
    pub fn id(&self, hash: &[u8; 32]) -> ShortId {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(hash);
        ShortId(hasher.finish().to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the 32-byte message of the test vectors of SipHash's authors (`vectors.h`).
    #[test]
    fn ids_are_those_of_the_reference_implementation() {
        let count = |index: usize| u8::try_from(index).unwrap();
        let (key, hash) = (std::array::from_fn(count), std::array::from_fn(count));
        let expected = [0xce, 0x7c, 0xf2, 0x72, 0x2f, 0x51, 0x27, 0x71];
        assert_eq!(Salt(key).id(&hash), ShortId(expected));
        let other = Salt([1; 16]).id(&hash);
        assert_ne!(other, ShortId(expected), "each node has ids of its own");
    }
}
