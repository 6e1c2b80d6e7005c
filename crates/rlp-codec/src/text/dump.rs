//! Converts bytes to text.

use alloc::string::String;

use crate::{
    Error, Item, Limits,
    walk::{Token, walk},
};

/// Minimum length of a quoted string in bytes: shorter printable bytes are more likely a number.
const MIN_QUOTED_LEN: usize = 3;

/// The text of `input`, which is one item: the form that [`parse`](super::parse) reads.
///
/// A byte string is written in hexadecimal (`0x0400`), or in quotes if it is printable ASCII of at least three bytes;
/// the empty one is `0x`. A list has a line for each element, indented by two spaces per level; the empty one is `[]`.
/// The text does not end with a newline.
///
/// The text is at most about 64 times as long as the input, because of the indentation.
///
/// # Errors
///
/// `input` is not one item of canonical RLP, or lists are nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
///
/// ```
/// use rlp_codec::{ErrorKind, text};
///
/// let input = [0xc8, 5, 0xc4, 0x83, b's', b'h', b'h', 0xc0, 0x80];
/// assert_eq!(text::dump(&input)?, "[\n  0x05,\n  [\n    \"shh\",\n  ],\n  [],\n  0x,\n]");
/// assert_eq!(text::dump(&input[..5]), Err(ErrorKind::Truncated.at(0)));
/// # Ok::<_, rlp_codec::Error>(())
/// ```
pub fn dump(input: &[u8]) -> Result<String, Error> {
    let mut writer = TextWriter { text: String::new(), depth: 0, just_opened: false };
    walk(Item::parse(input)?, Limits::default(), |token| writer.write(token))?;
    Ok(writer.text)
}

struct TextWriter {
    text: String,
    /// Number of open lists.
    depth: usize,
    /// Whether the last token was the beginning of a list.
    just_opened: bool,
}

impl TextWriter {
    fn write(&mut self, token: Token<'_>) {
        match token {
            Token::Bytes(bytes) => {
                self.new_line();
                self.write_bytes(bytes);
                self.end_item();
            }
            Token::Open => {
                self.new_line();
                self.text.push('[');
                self.depth += 1;
            }
            Token::Close => {
                self.depth -= 1;
                if !self.just_opened {
                    self.new_line();
                }
                self.text.push(']');
                self.end_item();
            }
        }
        self.just_opened = matches!(token, Token::Open);
    }

    /// Begins a line, except for the outermost item.
    fn new_line(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
            (0..self.depth).for_each(|_| self.text.push_str("  "));
        }
    }

    fn end_item(&mut self) {
        if self.depth > 0 {
            self.text.push(',');
        }
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        let printable = |byte: &u8| matches!(byte, b' '..=b'~');
        if bytes.len() >= MIN_QUOTED_LEN && bytes.iter().all(printable) {
            self.text.push('"');
            for &byte in bytes {
                if matches!(byte, b'"' | b'\\') {
                    self.text.push('\\');
                }
                self.text.push(char::from(byte));
            }
            self.text.push('"');
        } else {
            self.text.push_str("0x");
            for &byte in bytes {
                self.text.push(digit(byte >> 4));
                self.text.push(digit(byte & 0x0f));
            }
        }
    }
}

/// The hexadecimal digit of a number below 16.
fn digit(number: u8) -> char {
    char::from(if number < 10 { b'0' + number } else { b'a' - 10 + number })
}
