//! Reads input from arguments or standard input, and prints results.

use std::borrow::Cow;
use std::io::{self, Read as _, Write as _};

use super::failure::Failure;

/// The argument. If it is missing or `-`, all of standard input.
pub(super) fn read_text(argument: Option<String>) -> Result<String, Failure> {
    match argument {
        Some(text) if text != "-" => Ok(text),
        _ => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map_err(Failure::Input)?;
            Ok(text)
        }
    }
}

/// The bytes that [`read_text`] reads in hexadecimal. White space and a leading `0x` are ignored.
pub(super) fn read_bytes(argument: Option<String>) -> Result<Vec<u8>, Failure> {
    let mut digits = read_text(argument)?;
    digits.retain(|letter| !letter.is_whitespace());
    parse_hex(&digits)
}

/// Parses bytes in hexadecimal, with or without a leading `0x`.
pub(super) fn parse_hex(digits: &str) -> Result<Vec<u8>, Failure> {
    hex::decode(digits.strip_prefix("0x").unwrap_or(digits)).map_err(Failure::Hex)
}

/// Prints lines. This is the only place of the program that writes to standard output, but for what draws on a whole terminal.
///
/// Control characters are [escaped](harmless).
///
/// If the reader has closed the pipe (`| head`), the command has nothing left to do: it ends with
/// [`Failure::ReaderGone`], which the user does not see.
pub(super) fn print(lines: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{}", harmless(lines)).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Output(error),
    })
}

/// Prints lines in place of all that the terminal shows.
pub(super) fn print_page(lines: &str) -> Result<(), Failure> {
    let cleared = write!(io::stdout(), "\u{1b}[H\u{1b}[2J");
    cleared.map_err(Failure::Output)?;
    print(lines)
}

/// Prints lines of a node, which goes on without standard output.
pub(super) fn announce(lines: &str) {
    match print(lines) {
        Ok(()) | Err(Failure::ReaderGone) => {}
        Err(failure) => tracing::warn!("{}", failure.report()),
    }
}

/// Text for a terminal: control characters other than the ends of lines and tabs are escaped as in JSON. Peers choose names and
/// texts, and a terminal would obey what is in them.
fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| letter.is_control() && !matches!(letter, '\n' | '\t'))
}

/// A name or a text that a peer chose, in one line: control characters are escaped as in JSON, the ends of lines as well.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, char::is_control)
}

fn escaped(text: &str, is_bad: impl Fn(char) -> bool + Copy) -> Cow<'_, str> {
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let escape = |letter: char| match is_bad(letter) {
        true => format!("\\u{:04x}", u32::from(letter)),
        false => letter.to_string(),
    };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Prints a line to standard error. An error is ignored: there is no other place to report it.
pub(crate) fn print_error(line: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless(line));
}

/// Formats bytes in hexadecimal.
pub(super) fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters() {
        assert_eq!(harmless("a\tb\nc"), "a\tb\nc");
        assert_eq!(harmless("\u{1b}[2Jx\u{9b}31m\r\u{7f}"), "\\u001b[2Jx\\u009b31m\\u000d\\u007f");
        assert_eq!(one_line("a\n   do: nothing"), "a\\u000a   do: nothing");
        // A string in JSON stays the same string.
        let json = serde_json::to_string("\u{9b}31m").unwrap();
        assert_eq!(serde_json::from_str::<String>(&harmless(&json)).unwrap(), "\u{9b}31m");
    }
}
