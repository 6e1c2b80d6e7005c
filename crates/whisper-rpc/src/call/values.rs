//! Cuts a stream of bytes into JSON values.
//!
//! Values follow one another with or without white space between them, as go-ethereum and its clients write them. A
//! request is an object or a list, so the brackets outside of strings say where it ends; whether what is between them
//! is JSON is for whoever reads it. Every byte is looked at once, nothing recurses, and nothing is kept but the value
//! that is being received.

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

use crate::call::request::Fault;

/// Finds where a value ends. Feeding it the bytes in other pieces does not change what it finds.
#[derive(Debug)]
pub(crate) struct Values {
    /// The most bytes of a value.
    limit: u32,
    /// How many bytes of the current value were looked at.
    seen: usize,
    /// How many brackets are open.
    depth: usize,
    text: Text,
}

/// Whether a byte stands in a string, where brackets are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Outside,
    Inside,
    /// After a backslash.
    Escaped,
}

impl Values {
    /// For values of at most `limit` bytes.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, seen: 0, depth: 0, text: Text::Outside }
    }

    /// Looks at one byte of a value; whether it is the last.
    fn step(&mut self, byte: u8) -> bool {
        self.text = match (self.text, byte) {
            (Text::Inside, b'\\') => Text::Escaped,
            (Text::Inside, b'"') => Text::Outside,
            (Text::Inside | Text::Escaped, _) => Text::Inside,
            (Text::Outside, b'"') => Text::Inside,
            (Text::Outside, b'{' | b'[') => {
                self.depth += 1;
                Text::Outside
            }
            (Text::Outside, b'}' | b']') => {
                // The first byte was an opening bracket.
                self.depth -= 1;
                return self.depth == 0;
            }
            (Text::Outside, _) => Text::Outside,
        };
        false
    }
}

impl Decoder for Values {
    type Item = Bytes;
    type Error = Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        if self.seen == 0 {
            bytes.advance(bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count());
            match bytes.first() {
                None => return Ok(None),
                Some(b'{' | b'[') => {}
                Some(_) => return Err(Error::Fault(Fault::Unreadable)),
            }
        }
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let fresh = bytes.len().min(limit);
        while self.seen < fresh {
            let last = self.step(bytes[self.seen]);
            self.seen += 1;
            if last {
                let value = bytes.split_to(self.seen).freeze();
                *self = Self::new(self.limit);
                return Ok(Some(value));
            }
        }
        match bytes.len() > limit {
            true => Err(Error::Fault(Fault::TooLarge { limit: self.limit })),
            false => Ok(None),
        }
    }

    /// Bytes that are left at the end are of a value that nobody will finish: nothing to answer.
    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        let value = self.decode(bytes)?;
        if value.is_none() {
            bytes.clear();
        }
        Ok(value)
    }
}

/// Why no more values come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What comes is no request.
    #[error("no request")]
    Fault(Fault),
    /// The connection.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = 40;

    /// The values in `text` when it comes in pieces of so many bytes, and the fault that ends it, if one does.
    fn cut(text: &str, piece: usize) -> (Vec<String>, Option<Fault>) {
        let (mut values, mut bytes, mut found) = (Values::new(LIMIT), BytesMut::new(), Vec::new());
        for piece in text.as_bytes().chunks(piece) {
            bytes.extend_from_slice(piece);
            loop {
                match values.decode(&mut bytes) {
                    Ok(Some(value)) => found.push(String::from_utf8(value.to_vec()).unwrap()),
                    Ok(None) => break,
                    Err(Error::Fault(fault)) => return (found, Some(fault)),
                    Err(Error::Io(error)) => panic!("{error}"),
                }
            }
        }
        (found, None)
    }

    #[test]
    fn values_are_found_however_they_arrive() {
        let text = "{\"a\":\"}]\\\"{\"}\n[1,[2]]{}\r\n\t [{\"b\\\\\":[]}] {";
        let want = ["{\"a\":\"}]\\\"{\"}", "[1,[2]]", "{}", "[{\"b\\\\\":[]}]"];
        for piece in 1..=text.len() {
            assert_eq!(cut(text, piece), (want.map(str::to_owned).to_vec(), None), "{piece}");
        }
    }

    #[test]
    fn what_does_not_begin_like_a_request_is_a_fault_at_once() {
        for text in ["hello", " \"{}\"", "5", "null", "]", "{}}"] {
            assert_eq!(cut(text, 1).1, Some(Fault::Unreadable), "{text}");
        }
    }

    #[test]
    fn brackets_that_do_not_match_end_a_value_all_the_same() {
        assert_eq!(cut("{]", 2), (vec!["{]".to_owned()], None));
    }

    #[test]
    fn a_value_is_as_long_as_the_limit_at_most() {
        let value = |length: usize| format!("[{}]", " ".repeat(length - 2));
        for piece in [1, 7, 100] {
            assert_eq!(cut(&value(40), piece), (vec![value(40)], None));
            assert_eq!(cut(&value(41), piece).1, Some(Fault::TooLarge { limit: 40 }));
        }
        let many = "{}".repeat(100);
        assert_eq!(cut(&many, 200).0.len(), 100);
    }

    #[test]
    fn the_end_within_a_value_is_no_error() {
        let mut bytes = BytesMut::from("{\"a\":");
        assert!(matches!(Values::new(LIMIT).decode_eof(&mut bytes), Ok(None)));
        assert!(bytes.is_empty());
    }
}
