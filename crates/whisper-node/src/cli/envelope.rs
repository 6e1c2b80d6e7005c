//! `whisper-node envelope`: envelopes in hexadecimal, without a node and without a network.

mod inspect;
mod open;
mod seal;

use bytes::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use whisper_envelope::{Dialect, Envelope, SymmetricKey};

use super::failure::Failure;
use super::input;

/// The offline tools for envelopes.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print all that an envelope shows to everybody: fields, hash, size, bloom, and its work under every rule
    Inspect(Input),
    /// Open an envelope with a key and print what it says
    Open(open::Open),
    /// Make an envelope: encrypt, do the proof of work, print it in hexadecimal
    Seal(Box<seal::Seal>),
}

/// An envelope.
#[derive(Args, Debug)]
pub(crate) struct Input {
    /// The envelope's RLP in hexadecimal; read from standard input if missing or -
    hex: Option<String>,

    /// The version of Whisper that it is of [default: the one whose form it has]
    #[arg(long, value_name = "5|6")]
    dialect: Option<Version>,
}

/// A version of Whisper on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Version {
    #[value(name = "5")]
    Five,
    #[value(name = "6")]
    Six,
}

impl From<Version> for Dialect {
    fn from(version: Version) -> Self {
        match version {
            Version::Five => Self::V5,
            Version::Six => Self::V6,
        }
    }
}

/// Does it.
pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Inspect(input) => input::print(&inspect::describe(&input.envelope()?)),
        Command::Open(open) => open.run(),
        Command::Seal(seal) => seal.run().await,
    }
}

impl Input {
    /// The envelope, of the dialect asked for or else of the one that it can be read in: they differ
    /// in the number of fields.
    fn envelope(self) -> Result<Envelope, Failure> {
        let raw = Bytes::from(input::bytes(self.hex)?);
        let read = |dialect| Envelope::decode(dialect, raw.clone());
        Ok(match self.dialect {
            Some(version) => read(version.into())?,
            None => read(Dialect::V5).or_else(|_| read(Dialect::V6))?,
        })
    }
}

/// A symmetric key: 64 hexadecimal digits.
fn symmetric(digits: &str) -> Result<SymmetricKey, Failure> {
    let mut key = zeroize::Zeroizing::new([0; SymmetricKey::LEN]);
    hex::decode_to_slice(digits.strip_prefix("0x").unwrap_or(digits), &mut *key)
        .map_err(Failure::SymmetricKey)?;
    Ok(SymmetricKey::from_bytes(*key))
}
