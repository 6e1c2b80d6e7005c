//! Splits a stream of bytes into JSON values.
//!
//! White space between two values is optional, as in go-ethereum and its clients. A request is an object or a list, so
//! the brackets outside of strings show where it ends. The content is not checked here. Every byte is examined once,
//! there is no recursion, and only the value that is being received is buffered.

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

use crate::call::request::RequestError;

/// Finds the ends of values. The result does not depend on the pieces in which the bytes arrive.
#[derive(Debug)]
pub(crate) struct ValueSplitter {
    /// Maximum length of a value, in bytes.
    limit: u32,
    /// Number of examined bytes of the current value.
    seen: usize,
    /// Number of open brackets.
    depth: usize,
    string: StringState,
}

/// Whether the next byte is inside a string, where brackets do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StringState {
    Outside,
    Inside,
    /// After a backslash.
    Escaped,
}

impl ValueSplitter {
    /// A splitter for values of at most `limit` bytes.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, seen: 0, depth: 0, string: StringState::Outside }
    }

    /// Examines one byte of a value. Returns whether it is the last one.
    fn examine(&mut self, byte: u8) -> bool {
        self.string = match (self.string, byte) {
            (StringState::Inside, b'\\') => StringState::Escaped,
            (StringState::Inside, b'"') => StringState::Outside,
            (StringState::Inside | StringState::Escaped, _) => StringState::Inside,
            (StringState::Outside, b'"') => StringState::Inside,
            (StringState::Outside, b'{' | b'[') => {
                self.depth += 1;
                StringState::Outside
            }
            (StringState::Outside, b'}' | b']') => {
                // Cannot underflow: the first byte was an opening bracket.
                self.depth -= 1;
                return self.depth == 0;
            }
            (StringState::Outside, _) => StringState::Outside,
        };
        false
    }
}

impl Decoder for ValueSplitter {
    type Item = Bytes;
    type Error = SplitError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Bytes>, SplitError> {
        if self.seen == 0 {
            bytes.advance(bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count());
            match bytes.first() {
                None => return Ok(None),
                Some(b'{' | b'[') => {}
                Some(_) => return Err(SplitError::Request(RequestError::Unreadable)),
            }
        }
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let fresh = bytes.len().min(limit);
        while self.seen < fresh {
            let last = self.examine(bytes[self.seen]);
            self.seen += 1;
            if last {
                let value = bytes.split_to(self.seen).freeze();
                *self = Self::new(self.limit);
                return Ok(Some(value));
            }
        }
        match bytes.len() > limit {
            true => Err(SplitError::Request(RequestError::TooLarge { limit: self.limit })),
            false => Ok(None),
        }
    }

    /// Drops bytes that are left at the end: they belong to a value that will not be completed.
    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Bytes>, SplitError> {
        let value = self.decode(bytes)?;
        if value.is_none() {
            bytes.clear();
        }
        Ok(value)
    }
}

/// Why there are no more values.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SplitError {
    /// The bytes are not a request.
    #[error("not a request")]
    Request(RequestError),
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 40;

    /// Splits `text`, which arrives in pieces of `piece` bytes. Returns the values, and the error that ended it.
    fn split(text: &str, piece: usize) -> (Vec<String>, Option<RequestError>) {
        let (mut values, mut bytes, mut found) =
            (ValueSplitter::new(LIMIT), BytesMut::new(), Vec::new());
        for piece in text.as_bytes().chunks(piece) {
            bytes.extend_from_slice(piece);
            loop {
                match values.decode(&mut bytes) {
                    Ok(Some(value)) => found.push(String::from_utf8(value.to_vec()).unwrap()),
                    Ok(None) => break,
                    Err(SplitError::Request(error)) => return (found, Some(error)),
                    Err(SplitError::Io(error)) => panic!("{error}"),
                }
            }
        }
        (found, None)
    }

    #[test]
    fn values_are_found_in_pieces_of_any_length() {
        let text = "{\"a\":\"}]\\\"{\"}\n[1,[2]]{}\r\n\t [{\"b\\\\\":[]}] {";
        let want = ["{\"a\":\"}]\\\"{\"}", "[1,[2]]", "{}", "[{\"b\\\\\":[]}]"];
        for piece in 1..=text.len() {
            assert_eq!(split(text, piece), (want.map(str::to_owned).to_vec(), None), "{piece}");
        }
    }

    #[test]
    fn an_invalid_first_byte_is_an_error_at_once() {
        for text in ["hello", " \"{}\"", "5", "null", "]", "{}}"] {
            assert_eq!(split(text, 1).1, Some(RequestError::Unreadable), "{text}");
        }
    }

    #[test]
    fn mismatched_brackets_end_a_value() {
        assert_eq!(split("{]", 2), (vec!["{]".to_owned()], None));
    }

    #[test]
    fn a_value_longer_than_the_limit_is_an_error() {
        let value = |length: usize| format!("[{}]", " ".repeat(length - 2));
        for piece in [1, 7, 100] {
            assert_eq!(split(&value(40), piece), (vec![value(40)], None));
            assert_eq!(split(&value(41), piece).1, Some(RequestError::TooLarge { limit: 40 }));
        }
        let many = "{}".repeat(100);
        assert_eq!(split(&many, 200).0.len(), 100);
    }

    #[test]
    fn the_end_of_the_stream_inside_a_value_is_no_error() {
        let mut bytes = BytesMut::from("{\"a\":");
        assert!(matches!(ValueSplitter::new(LIMIT).decode_eof(&mut bytes), Ok(None)));
        assert!(bytes.is_empty());
    }
}
