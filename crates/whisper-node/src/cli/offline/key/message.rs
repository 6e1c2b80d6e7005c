//! Messages that are signed, and who has signed them.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use keccak_lanes::Keccak256;
use p2p_identity::{PublicKey, Signature};
use serde::Serialize;

use crate::cli::console::{hex, parse_hex};
use crate::cli::failure::Failure;
use crate::cli::flags::Output;

/// What is signed.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct MessageArgs {
    /// The message as text
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,

    /// The message in hexadecimal
    #[arg(long, value_name = "HEX")]
    hex: Option<String>,

    /// File with the message
    #[arg(long, value_name = "FILE")]
    message_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The address or the public key of the signer, in hexadecimal; `-` prints who has signed
    signer: String,

    /// The signature, 130 hex digits
    signature: String,

    #[command(flatten)]
    message: MessageArgs,

    #[command(flatten)]
    output: Output,
}

/// What is printed of a signature.
#[derive(Serialize)]
struct Signed {
    signature: String,
}

/// Who has signed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signer {
    address: String,
    public_key: String,
}

impl MessageArgs {
    /// The hash that is signed, by EIP-191: with a prefix and the length, so that it cannot be a transaction.
    pub(super) fn digest(&self) -> Result<[u8; 32], Failure> {
        let message = match self {
            Self { text: Some(text), .. } => text.clone().into_bytes(),
            Self { hex: Some(digits), .. } => parse_hex(digits)?,
            Self { message_file: Some(path), .. } => fs::read(path)
                .map_err(|source| Failure::MessageFile { path: path.clone(), source })?,
            Self { .. } => Vec::new(),
        };
        let length = message.len().to_string();
        let prefix = b"\x19Ethereum Signed Message:\n";
        Ok(Keccak256::new().chain(prefix).chain(length.as_bytes()).chain(&message).finalize())
    }
}

/// Prints a signature as wallets write it: `v` is 27 or 28.
pub(super) fn print_signature(signature: &Signature, output: Output) -> Result<(), Failure> {
    let mut bytes = signature.to_bytes();
    bytes[64] += 27;
    let signed = Signed { signature: hex(bytes) };
    output.print(&signed, || signed.signature.clone())
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let bytes = parse_hex(&self.signature)?;
        let bytes = bytes.try_into().map_err(|_| Failure::SignatureLength)?;
        let signature = Signature::from_bytes(&bytes).map_err(Failure::Signature)?;
        let signer = signature.recover(&self.message.digest()?).map_err(Failure::Signature)?;
        if self.signer != "-" && !is_of(&parse_hex(&self.signer)?, &signer)? {
            return Err(Failure::OtherSigner { address: hex(signer.address()) });
        }
        let found =
            Signer { address: hex(signer.address()), public_key: hex(signer.to_uncompressed()) };
        self.output.print(&found, || format!("signed by {}", found.address))
    }
}

/// Whether an address or a public key, with or without the byte 4 before it, is that of the signer.
fn is_of(given: &[u8], signer: &PublicKey) -> Result<bool, Failure> {
    let key = signer.to_uncompressed();
    match given.len() {
        20 => Ok(given == signer.address()),
        64 => Ok(given == &key[1..]),
        65 => Ok(given == key),
        _ => Err(Failure::SignerLength),
    }
}
