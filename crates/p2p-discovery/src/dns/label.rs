//! The DNS label of an entry: the beginning of its hash.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use keccak_lanes::keccak256;

/// Minimum number of hash bytes in a label that is read. Fewer would make forgeries cheap.
const MIN_LEN: usize = 12;
/// Number of hash bytes in a label that is made.
const MADE_LEN: usize = 16;
/// Maximum number of hash bytes: all of them.
const MAX_LEN: usize = 32;

/// The DNS label of an entry: the first bytes of the Keccak-256 of its text, in base32 without padding.
///
/// EIP-1459 does not say how long the abbreviated hash is. Labels made here have 16 bytes (26 letters),
/// like those of all known implementations. Labels of 12 to 32 bytes can be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Label {
    /// Number of letters in a label that is made.
    pub const LETTERS: usize = 26;

    /// The label of the entry with this text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut bytes = keccak256(text.as_bytes());
        bytes[MADE_LEN..].fill(0);
        Self { bytes, len: MADE_LEN }
    }

    /// Reads a label. `None` if it is not base32 (capitals, no padding) of 12 to 32 bytes.
    #[must_use]
    pub fn parse(letters: &str) -> Option<Self> {
        let len = BASE32_NOPAD.decode_len(letters.len()).ok()?;
        if !(MIN_LEN..=MAX_LEN).contains(&len) {
            return None;
        }
        let mut bytes = [0; MAX_LEN];
        BASE32_NOPAD.decode_mut(letters.as_bytes(), &mut bytes[..len]).ok()?;
        Some(Self { bytes, len })
    }

    /// Whether this is the label of the entry with this text.
    #[must_use]
    pub fn names(&self, text: &str) -> bool {
        keccak256(text.as_bytes()).starts_with(&self.bytes[..self.len])
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.bytes[..self.len]))
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_other_lengths_are_read_and_compared() {
        let text = "enrtree-branch:";
        let hash = keccak256(text.as_bytes());
        for len in [12, 16, 20, 32] {
            let letters = BASE32_NOPAD.encode(&hash[..len]);
            let label = Label::parse(&letters).unwrap();
            assert!(label.names(text) && !label.names("enrtree-branch:x"));
            assert_eq!(label.to_string(), letters);
        }
        assert_eq!(Label::parse(&Label::of(text).to_string()), Some(Label::of(text)));
        assert_eq!(Label::of(text).to_string().len(), Label::LETTERS);
        for len in [0, 11] {
            assert_eq!(Label::parse(&BASE32_NOPAD.encode(&hash[..len])), None);
        }
        assert_eq!(Label::parse(&BASE32_NOPAD.encode(&[7; 33])), None);
        assert_eq!(Label::parse(&Label::of(text).to_string().to_lowercase()), None);
    }
}
