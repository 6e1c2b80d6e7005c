//! Converts text to bytes.

use alloc::vec::Vec;

use alloy_rlp::Header;

use super::{TextError, TextErrorKind as Kind};
use crate::{Encodable, MAX_DEPTH};

/// The encoding of the item that `text` describes, in the grammar of [this module](self::super).
///
/// It reverses [`dump`](super::dump).
///
/// Costs one pass over the text, and one copy of a byte for each list around it. Lists, and so the recursion, are at
/// most [`MAX_DEPTH`] deep.
///
/// # Errors
///
/// [`TextError`].
///
/// ```
/// use rlp_codec::text;
///
/// let hello = text::parse(r#"[5, "x", [["shh", 6]], 30303, 0x]"#)?;
/// assert_eq!(hello, [0xcd, 5, b'x', 0xc6, 0xc5, 0x83, b's', b'h', b'h', 6, 0x82, 0x76, 0x5f, 0x80]);
/// let error = text::parse("[5, 07]").unwrap_err();
/// assert_eq!(error.to_string(), "a number with a leading zero at byte 4");
/// # Ok::<_, text::TextError>(())
/// ```
pub fn parse(text: &str) -> Result<Vec<u8>, TextError> {
    let mut cursor = Cursor { text: text.as_bytes(), at: 0 };
    let mut out = Vec::new();
    cursor.item(0, &mut out)?;
    match cursor.peek() {
        None => Ok(out),
        Some(_) => Err(Kind::Trailing.at(cursor.at)),
    }
}

/// A position in a text.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Skips white space and returns the next byte without taking it.
    fn peek(&mut self) -> Option<u8> {
        self.at += self.run(|byte| byte.is_ascii_whitespace()).len();
        self.text.get(self.at).copied()
    }

    /// The longest run of bytes from here on for which `accept` is true.
    fn run(&self, accept: impl Fn(&u8) -> bool) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| !accept(byte)).unwrap_or(rest.len());
        &rest[..end]
    }

    /// Reads an item with `depth` lists around it and appends its encoding to `out`.
    fn item(&mut self, depth: usize, out: &mut Vec<u8>) -> Result<(), TextError> {
        match self.peek() {
            Some(b'[') => return self.list(depth, out),
            Some(b'"') => self.string()?.as_slice().encode(out),
            Some(b'0') if self.text.get(self.at + 1) == Some(&b'x') => {
                self.bytes()?.as_slice().encode(out);
            }
            Some(b'0'..=b'9') => self.number()?.encode(out),
            _ => return Err(Kind::NoItem.at(self.at)),
        }
        Ok(())
    }

    fn list(&mut self, depth: usize, out: &mut Vec<u8>) -> Result<(), TextError> {
        if depth >= MAX_DEPTH {
            return Err(Kind::TooDeep.at(self.at));
        }
        self.at += 1;
        let mut elements = Vec::new();
        while self.in_list()? != b']' {
            self.item(depth + 1, &mut elements)?;
            match self.in_list()? {
                b',' => self.at += 1,
                b']' => {}
                _ => return Err(Kind::NoComma.at(self.at)),
            }
        }
        self.at += 1;
        Header { list: true, payload_length: elements.len() }.encode(out);
        out.extend_from_slice(&elements);
        Ok(())
    }

    /// The next byte inside a list.
    fn in_list(&mut self) -> Result<u8, TextError> {
        self.peek().ok_or(Kind::OpenList.at(self.text.len()))
    }

    fn string(&mut self) -> Result<Vec<u8>, TextError> {
        self.at += 1;
        let mut string = Vec::new();
        loop {
            let plain = self.run(|&byte| byte != b'"' && byte != b'\\' && !byte.is_ascii_control());
            string.extend_from_slice(plain);
            self.at += plain.len();
            match self.text.get(self.at) {
                None => return Err(Kind::OpenString.at(self.at)),
                Some(b'"') => break,
                Some(b'\\') => match self.text.get(self.at + 1) {
                    Some(&escaped @ (b'"' | b'\\')) => string.push(escaped),
                    _ => return Err(Kind::Escape.at(self.at)),
                },
                Some(_) => return Err(Kind::Control.at(self.at)),
            }
            self.at += 2;
        }
        self.at += 1;
        Ok(string)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, TextError> {
        self.at += 2;
        let digits = self.run(u8::is_ascii_hexdigit);
        self.at += digits.len();
        let (pairs, []) = digits.as_chunks() else {
            return Err(Kind::HalfByte.at(self.at));
        };
        Ok(pairs.iter().map(|[high, low]| value(*high) << 4 | value(*low)).collect())
    }

    fn number(&mut self) -> Result<u128, TextError> {
        let digits = self.run(u8::is_ascii_digit);
        if let [b'0', _, ..] = digits {
            return Err(Kind::LeadingZero.at(self.at));
        }
        let add = |number: u128, digit: &u8| {
            number.checked_mul(10)?.checked_add(u128::from(value(*digit)))
        };
        let number = digits.iter().try_fold(0, add).ok_or(Kind::Overflow.at(self.at))?;
        self.at += digits.len();
        Ok(number)
    }
}

/// The value of a hexadecimal digit.
fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
