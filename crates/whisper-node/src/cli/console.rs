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

/// Prints lines. If the reader has closed the pipe (`| head`), that is not an error.
pub(super) fn print(lines: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{lines}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

/// Formats bytes in hexadecimal.
pub(super) fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}
