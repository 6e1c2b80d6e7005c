//! Bytes and texts that the offline commands are given, and what they print.

use std::io::{self, Read as _, Write as _};

use super::failure::Failure;

/// The argument, or all of standard input where there is none, or where it is `-`.
pub(super) fn text(argument: Option<String>) -> Result<String, Failure> {
    match argument {
        Some(text) if text != "-" => Ok(text),
        _ => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map_err(Failure::Input)?;
            Ok(text)
        }
    }
}

/// The bytes that [`text`] writes in hexadecimal. White space and a leading `0x` are ignored.
pub(super) fn bytes(argument: Option<String>) -> Result<Vec<u8>, Failure> {
    let mut digits = text(argument)?;
    digits.retain(|letter| !letter.is_whitespace());
    hex::decode(digits.strip_prefix("0x").unwrap_or(&digits)).map_err(Failure::Hex)
}

/// Prints lines. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(lines: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{lines}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

/// Bytes as they are printed.
pub(super) fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}
