//! Partial topics, the first bytes of topics, for shh/5 filters.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::Topic;

/// The first one to four bytes of a topic: in a shh/5 filter it matches every topic that begins with them.
///
/// It occurs in filters only: an envelope always has a whole [`Topic`]. With four bytes it matches one topic.
///
/// The text form is `0x` and two, four, six or eight hex digits.
///
/// ```
/// use whisper_envelope::{PartialTopic, Topic};
///
/// let wanted: PartialTopic = "0x6e65".parse()?;
/// assert!(wanted.matches(Topic(*b"news")));
/// assert!(!wanted.matches(Topic(*b"nice")));
/// assert_eq!(wanted.whole(), None);
/// # Ok::<_, whisper_envelope::PartialTopicError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartialTopic {
    /// The bytes, followed by zeros.
    bytes: [u8; 4],
    /// 1 to 4.
    len: usize,
}

/// The error for bytes or a text that is not a partial topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PartialTopicError {
    /// No bytes, or more than a topic has.
    #[error("a partial topic has 1 to 4 bytes, not {len}")]
    Length {
        /// Their number.
        len: usize,
    },
    /// A text that is not `0x` and pairs of hex digits.
    #[error("a partial topic is 0x and 2 to 8 hex digits")]
    Text,
}

impl PartialTopic {
    /// The topics that begin with `bytes`.
    ///
    /// # Errors
    ///
    /// [`PartialTopicError::Length`].
    pub fn new(bytes: &[u8]) -> Result<Self, PartialTopicError> {
        let len = bytes.len();
        let mut padded = [0; 4];
        match padded.get_mut(..len) {
            Some(beginning) if len > 0 => beginning.copy_from_slice(bytes),
            _ => return Err(PartialTopicError::Length { len }),
        }
        Ok(Self { bytes: padded, len })
    }

    /// The bytes with which a topic must begin.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Whether `topic` begins with it.
    #[must_use]
    pub fn matches(&self, topic: Topic) -> bool {
        topic.0.starts_with(self.as_bytes())
    }

    /// The only matching topic, if it has all four bytes. It can be looked up instead of compared.
    #[must_use]
    pub fn whole(&self) -> Option<Topic> {
        (self.len == self.bytes.len()).then_some(Topic(self.bytes))
    }
}

impl From<Topic> for PartialTopic {
    fn from(topic: Topic) -> Self {
        Self { bytes: topic.0, len: topic.0.len() }
    }
}

impl FromStr for PartialTopic {
    type Err = PartialTopicError;

    fn from_str(text: &str) -> Result<Self, PartialTopicError> {
        let digits = text.strip_prefix("0x").ok_or(PartialTopicError::Text)?;
        // Longer texts are not decoded.
        if digits.len() > 8 {
            return Err(PartialTopicError::Length { len: digits.len().div_ceil(2) });
        }
        Self::new(&hex::decode(digits).map_err(|_| PartialTopicError::Text)?)
    }
}

impl fmt::Display for PartialTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.as_bytes()))
    }
}

impl fmt::Debug for PartialTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartialTopic({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_begin_with_the_bytes_match() {
        let topic = Topic([0xde, 0xad, 0x00, 0x00]);
        for (bytes, matches) in [
            (&[0xde][..], true),
            (&[0xde, 0xad], true),
            (&[0xde, 0xad, 0x00], true),
            (&[0xde, 0xad, 0x00, 0x00], true),
            (&[0xad], false),
            (&[0xde, 0xad, 0x01], false),
            (&[0xde, 0xad, 0x00, 0x01], false),
        ] {
            let partial = PartialTopic::new(bytes).unwrap();
            assert_eq!(partial.matches(topic), matches, "{partial}");
            assert_eq!(partial.to_string().parse(), Ok(partial));
        }
        assert_eq!(PartialTopic::from(topic).whole(), Some(topic));
        // Trailing zeros make a difference.
        assert_ne!(PartialTopic::new(&[0xde]), PartialTopic::new(&[0xde, 0x00]));
    }

    #[test]
    fn what_is_not_a_partial_topic() {
        assert_eq!(PartialTopic::new(&[]), Err(PartialTopicError::Length { len: 0 }));
        assert_eq!(PartialTopic::new(&[1; 5]), Err(PartialTopicError::Length { len: 5 }));
        let parse = |text: &str| text.parse::<PartialTopic>().unwrap_err();
        assert_eq!(parse("0x"), PartialTopicError::Length { len: 0 });
        assert_eq!(parse("0x1122334455"), PartialTopicError::Length { len: 5 });
        for text in ["", "11", "0x1", "0xgg", "0X11"] {
            assert_eq!(parse(text), PartialTopicError::Text, "{text}");
        }
    }
}
