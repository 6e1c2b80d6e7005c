//! Which topics a peer wants, roughly, in 512 bits.

use std::fmt;

use thiserror::Error;

use crate::Topic;

/// A Bloom filter over topics (EIP-627): what a peer announces so that it is sent less.
///
/// Each topic sets up to three of 512 bits. A node announces the union over the topics it listens
/// to, and a peer sends it an envelope if the envelope's own bloom (the *sample*) is
/// [contained](Self::contains) in that.
///
/// Bit `n` is in byte `n / 8`, at `1 << (n % 8)`. Parity counts bits from the other end of a byte:
/// blooms cannot be exchanged with it.
///
/// # Two forms of one topic
///
/// go-ethereum and Status assign a byte where they should set a bit, so a topic whose bits share a
/// byte loses some of them: [`of_overwriting`](Self::of_overwriting) repeats that, [`of`](Self::of)
/// is the specified form and always contains the other.
///
/// - The *filter* that a node announces: [`of`](Self::of). It lets both forms through.
/// - The *sample* of an envelope to be sent or accepted: [`of_overwriting`](Self::of_overwriting).
///   In the specified form it would fail against the filter of a go-ethereum peer that wants exactly
///   this topic.
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

/// Bytes that are no bloom: the length is not 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a bloom has {} bytes, not {len}", Bloom::LEN)]
pub struct BloomError {
    /// How many bytes there were.
    pub len: usize,
}

impl Bloom {
    /// Bytes of a bloom.
    pub const LEN: usize = 64;
    /// Wants every topic: a full node.
    pub const FULL: Self = Self([0xff; Self::LEN]);
    /// Wants no topic.
    pub const EMPTY: Self = Self([0; Self::LEN]);

    /// The bloom of one topic, as EIP-627 specifies it.
    #[must_use]
    pub const fn of(topic: Topic) -> Self {
        let mut bloom = Self::EMPTY;
        let mut i = 0;
        while i < 3 {
            let (byte, bit) = place(topic, i);
            bloom.0[byte] |= bit;
            i += 1;
        }
        bloom
    }

    /// The bloom of one topic as go-ethereum and Status compute it: of bits that share a byte only
    /// the last one survives, which concerns 4 % of all topics.
    #[must_use]
    pub const fn of_overwriting(topic: Topic) -> Self {
        let mut bloom = Self::EMPTY;
        let mut i = 0;
        while i < 3 {
            let (byte, bit) = place(topic, i);
            bloom.0[byte] = bit;
            i += 1;
        }
        bloom
    }

    /// Whether every bit of `sample` is set here too: whether a peer that announced `self` wants an
    /// envelope whose bloom is `sample`.
    #[must_use]
    pub fn contains(&self, sample: &Self) -> bool {
        self.0.iter().zip(&sample.0).all(|(filter, sample)| sample & !filter == 0)
    }

    /// The bits of both: what a node announces that wants the topics of each.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        for (mine, other) in self.0.iter_mut().zip(other.0) {
            *mine |= other;
        }
        self
    }
}

/// The byte and the bit in it of the topic's `i`th index (0, 1, 2): `topic[i]`, plus 256 if bit `i`
/// of `topic[3]` is set.
const fn place(topic: Topic, i: usize) -> (usize, u8) {
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
