//! Bloom filters: the topics that a peer wants, approximated in 512 bits.

use std::fmt;

use thiserror::Error;

use crate::Topic;

/// A Bloom filter over topics (EIP-627): a peer announces it to receive fewer envelopes.
///
/// Each topic sets up to three of 512 bits. A node announces the union over its topics. A peer sends it an
/// envelope if the envelope's own bloom (the *sample*) is [contained](Self::contains) in the announced one.
///
/// Bit `n` is `1 << (n % 8)` in byte `n / 8`. Parity counts the bits of a byte in the other direction, so
/// blooms cannot be exchanged with it.
///
/// # Two forms of one topic
///
/// go-ethereum and Status assign a byte instead of setting a bit, so a topic with several bits in one byte
/// keeps only the last. [`of_overwriting`](Self::of_overwriting) computes this form; [`of`](Self::of) is the
/// specified form and always contains the other.
///
/// - Use [`of`](Self::of) for the *filter* that a node announces: it matches both forms.
/// - Use [`of_overwriting`](Self::of_overwriting) for the *sample* of an envelope to be sent or accepted. The
///   specified form would not match the filter of a go-ethereum peer that wants exactly this topic.
///
/// ```
/// use whisper_envelope::{Bloom, Topic};
///
/// let wanted = Bloom::of(Topic(*b"news")).union(Bloom::of(Topic(*b"chat")));
/// assert!(wanted.contains(&Bloom::of_overwriting(Topic(*b"chat"))));
/// assert!(!wanted.contains(&Bloom::of_overwriting(Topic(*b"spam"))));
/// assert!(Bloom::FULL.contains(&wanted));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bloom(pub [u8; Self::LEN]);

/// The error for a bloom whose length is not 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a bloom has {} bytes, not {len}", Bloom::LEN)]
pub struct BloomError {
    /// Its length in bytes.
    pub len: usize,
}

impl Bloom {
    /// Length of a bloom in bytes.
    pub const LEN: usize = 64;
    /// All topics: the bloom of a full node.
    pub const FULL: Self = Self([0xff; Self::LEN]);
    /// No topics.
    pub const EMPTY: Self = Self([0; Self::LEN]);

    /// The bloom of one topic, as EIP-627 specifies it.
    #[must_use]
    pub const fn of(topic: Topic) -> Self {
        let mut bloom = Self::EMPTY;
        let mut i = 0;
        while i < 3 {
            let (byte, bit) = bit_position(topic, i);
            bloom.0[byte] |= bit;
            i += 1;
        }
        bloom
    }

    /// The bloom of one topic as go-ethereum and Status compute it: only the last of several bits in one byte
    /// is set. This differs from [`of`](Self::of) for 4 % of all topics.
    #[must_use]
    pub const fn of_overwriting(topic: Topic) -> Self {
        let mut bloom = Self::EMPTY;
        let mut i = 0;
        while i < 3 {
            let (byte, bit) = bit_position(topic, i);
            bloom.0[byte] = bit;
            i += 1;
        }
        bloom
    }

    /// Whether every bit of `sample` is set here too: a peer that announced `self` wants an envelope with the
    /// bloom `sample`.
    #[must_use]
    pub fn contains(&self, sample: &Self) -> bool {
        self.0.iter().zip(&sample.0).all(|(filter, sample)| sample & !filter == 0)
    }

    /// Whether a peer that announced `self` wants an envelope with this topic: whether `self` contains its
    /// [`of_overwriting`](Self::of_overwriting), which is not made for it.
    #[must_use]
    pub const fn matches(&self, topic: Topic) -> bool {
        let bits = [bit_position(topic, 0), bit_position(topic, 1), bit_position(topic, 2)];
        let mut i = 0;
        while i < 3 {
            let (byte, bit) = bits[i];
            let is_overwritten = i < 2 && bits[2].0 == byte || i == 0 && bits[1].0 == byte;
            if !is_overwritten && self.0[byte] & bit == 0 {
                return false;
            }
            i += 1;
        }
        true
    }

    /// The bits of both: the topics of either bloom.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        for (mine, other) in self.0.iter_mut().zip(other.0) {
            *mine |= other;
        }
        self
    }
}

/// The byte, and the bit in it, of the topic's `i`th index (0, 1, 2). The index is `topic[i]`, plus 256 if bit
/// `i` of `topic[3]` is set.
const fn bit_position(topic: Topic, i: usize) -> (usize, u8) {
    let index = topic.0[i] as usize + if topic.0[3] & (1 << i) == 0 { 0 } else { 256 };
    (index / 8, 1 << (index % 8))
}

impl TryFrom<&[u8]> for Bloom {
    type Error = BloomError;

    fn try_from(bytes: &[u8]) -> Result<Self, BloomError> {
        bytes.try_into().map(Self).map_err(|_| BloomError { len: bytes.len() })
    }
}

/// The 128 hex digits, without a prefix.
impl fmt::Display for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits: u32 = self.0.iter().map(|byte| byte.count_ones()).sum();
        write!(f, "Bloom({bits} bits)")
    }
}
