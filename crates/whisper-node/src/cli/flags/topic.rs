//! Topics on the command line.

use whisper_envelope::Topic;

/// A topic: 0x and 8 hex digits, or a name.
pub(crate) fn topic(text: &str) -> Result<Topic, String> {
    match text {
        digits if digits.starts_with("0x") => {
            digits.parse().map_err(|error: whisper_envelope::TopicError| error.to_string())
        }
        "" => Err("the topic is empty".to_owned()),
        name => Ok(Topic::of_name(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_given_by_a_name_or_by_its_bytes() {
        assert_eq!(topic("0x6e657773"), Ok(Topic(*b"news")));
        assert_eq!(topic("news"), Ok(Topic::of_name("news")));
        for bad in ["0x6e65", "0x6e6577730a", "0xzzzzzzzz", ""] {
            assert!(topic(bad).is_err(), "{bad}");
        }
    }
}
