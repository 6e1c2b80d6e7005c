//! Topics, by which envelopes are routed.

mod partial;

use std::{fmt, str::FromStr};

use keccak_lanes::keccak256;
use thiserror::Error;

pub use partial::{PartialTopic, PartialTopicError};

/// The topic of an envelope: four bytes, not encrypted.
///
/// Relays compare it with the blooms of their peers; recipients use it to select the keys to try. The sender
/// chooses it, and it proves nothing. A message without a topic has all zeros.
///
/// The text form is `0x` and eight hex digits.
///
/// ```
/// use whisper_envelope::Topic;
///
/// let topic: Topic = "0xdeadbeef".parse()?;
/// assert_eq!(topic, Topic([0xde, 0xad, 0xbe, 0xef]));
/// assert_eq!(topic.to_string(), "0xdeadbeef");
/// # Ok::<_, whisper_envelope::TopicError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub [u8; 4]);

/// The error for a text that is not a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a topic is 0x and 8 hex digits")]
pub struct TopicError;

impl Topic {
    /// The topic that applications use by convention for a name: the first four bytes of its Keccak-256 hash.
    ///
    /// ```
    /// use whisper_envelope::Topic;
    ///
    /// assert_eq!(Topic::of_name("weather").to_string(), "0x00840d14");
    /// ```
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let [a, b, c, d, ..] = keccak256(name.as_bytes());
        Self([a, b, c, d])
    }
}

impl From<[u8; 4]> for Topic {
    fn from(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        let digits = text.strip_prefix("0x").ok_or(TopicError)?;
        let mut topic = Self::default();
        hex::decode_to_slice(digits, &mut topic.0).map_err(|_| TopicError)?;
        Ok(topic)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_topic() {
        for text in ["", "0x", "deadbeef", "0xdeadbe", "0xdeadbeefff", "0xdeadbeeg", "0Xdeadbeef"] {
            assert_eq!(text.parse::<Topic>(), Err(TopicError), "{text}");
        }
    }

    #[test]
    fn text_keeps_leading_zeros() {
        let topic = Topic([0, 0, 1, 2]);
        assert_eq!(topic.to_string(), "0x00000102");
        assert_eq!(topic.to_string().parse(), Ok(topic));
    }
}
