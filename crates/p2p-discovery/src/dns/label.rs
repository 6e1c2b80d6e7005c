//! The name of an entry: the beginning of its hash.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use keccak_lanes::keccak256;

/// How many bytes of the Keccak-256 others may leave: fewer would make forgeries cheap.
const MIN: usize = 12;
/// How many bytes of the Keccak-256 a name has that is made here.
const MADE: usize = 16;
const MAX: usize = 32;

/// The name of an entry of a DNS list: the first bytes of the Keccak-256 of its text, as a DNS label
/// in base32 without padding.
///
/// EIP-1459 calls the hash abbreviated and gives no length. Names made here have 16 bytes (26
/// letters), as everybody's; read are names of 12 to 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    bytes: [u8; MAX],
    len: usize,
}

impl Label {
    /// How many letters a name has that is made here.
    pub const LETTERS: usize = 26;

    /// The name of the entry with this text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut bytes = keccak256(text.as_bytes());
        bytes[MADE..].fill(0);
        Self { bytes, len: MADE }
    }

    /// Reads the letters; `None` if they are not base32 (capitals, no padding) of 12 to 32 bytes.
    #[must_use]
    pub fn parse(letters: &str) -> Option<Self> {
        let len = BASE32_NOPAD.decode_len(letters.len()).ok()?;
        if !(MIN..=MAX).contains(&len) {
            return None;
        }
        let mut bytes = [0; MAX];
        BASE32_NOPAD.decode_mut(letters.as_bytes(), &mut bytes[..len]).ok()?;
        Some(Self { bytes, len })
    }

    /// Whether this is the name of the entry with that text.
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
    fn names_of_other_lengths_are_read_and_compared() {
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
