//! Reads input from arguments or standard input, and prints results.

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

/// Prints lines. This is the only place of the program that writes to standard output.
///
/// If the reader has closed the pipe (`| head`), the command has nothing left to do: it ends with
/// [`Failure::ReaderGone`], which the user does not see.
pub(super) fn print(lines: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{lines}").map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Output(error),
    })
}

/// Prints lines of a node, which goes on without standard output.
pub(super) fn announce(lines: &str) {
    match print(lines) {
        Ok(()) | Err(Failure::ReaderGone) => {}
        Err(failure) => tracing::warn!("{}", failure.report()),
    }
}

/// Prints a line to standard error. An error is ignored: there is no other place to report it.
pub(crate) fn print_error(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Formats bytes in hexadecimal.
pub(super) fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}
