//! `whisper-node envelope`: envelopes in hexadecimal, without a node and without a network.

mod inspect;
mod open;
mod rule_name;
mod seal;

use bytes::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use whisper_envelope::{Dialect, Envelope, SymmetricKey};

use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::{PASSWORD, Secret};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print what can be read without a key: fields, hash, size, bloom filter, and the work under every rule
    Inspect(inspect::Inspect),
    /// Open an envelope with a key and print its message
    Open(open::Open),
    /// Make an envelope: encrypt, do the proof of work, print it in hexadecimal
    Seal(Box<seal::Seal>),
}

/// An envelope.
#[derive(Args, Debug)]
pub(crate) struct EnvelopeArgs {
    /// The envelope's RLP in hexadecimal; read from standard input if missing or -
    hex: Option<String>,

    /// The version of Whisper [default: the one that the envelope can be read as]
    #[arg(long, value_name = "5|6")]
    dialect: Option<DialectName>,
}

/// A version of Whisper on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum DialectName {
    #[value(name = "5")]
    Five,
    #[value(name = "6")]
    Six,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Five => Self::V5,
            DialectName::Six => Self::V6,
        }
    }
}

impl Command {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Inspect(inspect) => inspect.run(),
            Self::Open(open) => open.run(),
            Self::Seal(seal) => seal.run().await,
        }
    }
}

impl EnvelopeArgs {
    /// Reads the envelope, as the given dialect or as the one that fits. The dialects differ in the number of fields.
    fn envelope(self) -> Result<Envelope, Failure> {
        let raw = Bytes::from(console::read_bytes(self.hex)?);
        let read = |dialect| Envelope::decode(dialect, raw.clone());
        Ok(match self.dialect {
            Some(name) => read(name.into())?,
            None => read(Dialect::V5).or_else(|_| read(Dialect::V6))?,
        })
    }
}

/// A symmetric key, given or derived from a password. Without both, from the password in the environment, or one that is
/// asked for.
fn symmetric(key: Option<Secret>, password: Option<Secret>) -> Result<SymmetricKey, Failure> {
    if let Some(key) = key {
        return symmetric_key(key.read("--sym-key", "The symmetric key, 64 hex digits")?.trim());
    }
    let password = password.unwrap_or_else(|| Secret::variable_or_ask(PASSWORD));
    Ok(SymmetricKey::from_password(password.read("--password", "Password")?.as_bytes()))
}

/// Parses a symmetric key: 64 hexadecimal digits.
pub(crate) fn symmetric_key(digits: &str) -> Result<SymmetricKey, Failure> {
    let mut key = zeroize::Zeroizing::new([0; SymmetricKey::LEN]);
    hex::decode_to_slice(digits.strip_prefix("0x").unwrap_or(digits), &mut *key)
        .map_err(Failure::SymmetricKey)?;
    Ok(SymmetricKey::from_bytes(*key))
}
