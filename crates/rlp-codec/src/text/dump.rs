//! From bytes to text.

use alloc::string::String;

use crate::{
    Error, Item, Limits,
    walk::{Step, walk},
};

/// What looks like text but is shorter is more likely a number.
const SHORTEST_TEXT: usize = 3;

/// The text of `input`, which is one item: the form that [`parse`](super::parse) reads.
///
/// A byte string is written in hexadecimal (`0x0400`), or in quotes if it is printable ASCII of at
/// least three bytes; the empty one is `0x`. A list has a line for each element, indented by two
/// blanks for each list around it; the empty one is `[]`. There is no line end at the end.
///
/// A text is at most some 64 times as long as its input: an indentation for each byte.
///
/// # Errors
///
/// If `input` is not one item of canonical RLP all through, or lists nest deeper than
/// [`MAX_DEPTH`](crate::MAX_DEPTH); at which byte.
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
    let mut page = Page { text: String::new(), depth: 0, just_opened: false };
    walk(Item::parse(input)?, Limits::default(), |step| page.write(step))?;
    Ok(page.text)
}

struct Page {
    text: String,
    /// How many lists are open.
    depth: usize,
    /// Whether the last step was the beginning of a list.
    just_opened: bool,
}

impl Page {
    fn write(&mut self, step: Step<'_>) {
        match step {
            Step::Bytes(bytes) => {
                self.new_line();
                self.write_bytes(bytes);
                self.end_item();
            }
            Step::Open => {
                self.new_line();
                self.text.push('[');
                self.depth += 1;
            }
            Step::Close => {
                self.depth -= 1;
                if !self.just_opened {
                    self.new_line();
                }
                self.text.push(']');
                self.end_item();
            }
        }
        self.just_opened = matches!(step, Step::Open);
    }

    /// Begins a line, except for the item that is the whole.
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
        if bytes.len() >= SHORTEST_TEXT && bytes.iter().all(printable) {
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
