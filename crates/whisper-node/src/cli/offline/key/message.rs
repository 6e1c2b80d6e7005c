//! Messages that are signed, and who has signed them.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use keccak_lanes::Keccak256;
use p2p_identity::{PublicKey, Signature};

use crate::cli::console::{hex, parse_hex, print};
use crate::cli::failure::Failure;

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

/// A signature as wallets write it: `v` is 27 or 28.
pub(super) fn signature_text(signature: &Signature) -> String {
    let mut bytes = signature.to_bytes();
    bytes[64] += 27;
    hex(bytes)
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
        print(&format!("signed by {}", hex(signer.address())))
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
