//! The root of a list: the labels of its two trees and its sequence number, signed.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keccak_lanes::keccak256;
use p2p_identity::{PublicKey, SecretKey, Signature};
use thiserror::Error;

use super::label::Label;

/// The beginning of the text of a root.
pub(super) const PREFIX: &str = "enrtree-root:v1";

/// The root of a list, as read from its text. [`Root::verify`] checks the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The label at which the tree of node records begins.
    pub records: Label,
    /// The label at which the tree of links to other lists begins.
    pub links: Label,
    /// The sequence number. It rises with each change of the list.
    pub sequence: u64,
    signature: Signature,
}

/// A text is not the root of a list, or not of this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RootError {
    /// The text does not have the form `enrtree-root:v1 e=<label> l=<label> seq=<number> sig=<base64>`.
    #[error("not of the form enrtree-root:v1 e=… l=… seq=… sig=…")]
    Form,
    /// A label is not base32 of 12 to 32 bytes.
    #[error("a label is not base32 of 12 to 32 bytes")]
    Label,
    /// The sequence number is not a decimal number below 2^64 without sign and leading zeros.
    #[error("the sequence number is not a decimal number below 2^64")]
    Sequence,
    /// The signature is not 65 bytes in base64 with the URL alphabet, or has values out of range.
    #[error("the signature is not 65 bytes in base64 (URL alphabet, no padding)")]
    Signature,
    /// The root was not signed by the key of the list.
    #[error("the root was signed by another key")]
    Signer,
}

impl Root {
    /// Signs a root.
    #[must_use]
    pub fn sign(key: &SecretKey, records: Label, links: Label, sequence: u64) -> Self {
        let signature = key.sign(&keccak256(signed_text(&records, &links, sequence).as_bytes()));
        Self { records, links, sequence, signature }
    }

    /// Checks that `key` has signed the root. This costs a recovery of a public key.
    ///
    /// # Errors
    ///
    /// [`RootError::Signer`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), RootError> {
        let digest = keccak256(signed_text(&self.records, &self.links, self.sequence).as_bytes());
        match self.signature.recover(&digest) {
            Ok(signer) if signer == *key => Ok(()),
            _ => Err(RootError::Signer),
        }
    }
}

/// The text that is signed.
fn signed_text(records: &Label, links: &Label, sequence: u64) -> String {
    format!("{PREFIX} e={records} l={links} seq={sequence}")
}

impl FromStr for Root {
    type Err = RootError;

    fn from_str(text: &str) -> Result<Self, RootError> {
        let mut words = text.split(' ');
        if words.next() != Some(PREFIX) {
            return Err(RootError::Form);
        }
        let mut word = |name: &str| {
            words.next().and_then(|word| word.strip_prefix(name)).ok_or(RootError::Form)
        };
        let records = Label::parse(word("e=")?).ok_or(RootError::Label)?;
        let links = Label::parse(word("l=")?).ok_or(RootError::Label)?;
        let sequence = decimal(word("seq=")?).ok_or(RootError::Sequence)?;
        let signature = signature(word("sig=")?).ok_or(RootError::Signature)?;
        match words.next() {
            None => Ok(Self { records, links, sequence, signature }),
            Some(_) => Err(RootError::Form),
        }
    }
}

/// Reads a number. Only the form that is written is valid, because the text is signed.
fn decimal(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

fn signature(text: &str) -> Option<Signature> {
    let mut bytes = [0; 65];
    let len = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (len == bytes.len()).then(|| Signature::from_bytes(&bytes).ok())?
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = signed_text(&self.records, &self.links, self.sequence);
        write!(f, "{signed} sig={}", URL_SAFE_NO_PAD.encode(self.signature.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> (SecretKey, Root) {
        let key = SecretKey::from_bytes(&[1; 32]).unwrap();
        let root = Root::sign(&key, Label::of("a"), Label::of("b"), 7);
        (key, root)
    }

    #[test]
    fn a_root_is_valid_only_for_its_signer_and_unchanged() {
        let (key, root) = root();
        let read: Root = root.to_string().parse().unwrap();
        assert_eq!(read, root);
        assert_eq!(read.verify(&key.public_key()), Ok(()));
        let other = SecretKey::from_bytes(&[2; 32]).unwrap();
        assert_eq!(read.verify(&other.public_key()), Err(RootError::Signer));
        for changed in [
            Root { sequence: 8, ..root.clone() },
            Root { links: Label::of("c"), ..root.clone() },
            Root { records: Label::of("c"), ..root },
        ] {
            assert_eq!(changed.verify(&key.public_key()), Err(RootError::Signer));
        }
    }

    #[test]
    fn an_invalid_root_is_refused_with_its_cause() {
        let text = root().1.to_string();
        for (changed, error) in [
            (text.replace(":v1", ":v2"), RootError::Form),
            (text.replace(" l=", " k="), RootError::Form),
            (text.replace(" seq", "  seq"), RootError::Form),
            (format!("{text} more"), RootError::Form),
            (text.replace("e=", "e=1"), RootError::Label),
            (text.replace("seq=7", "seq=+7"), RootError::Sequence),
            (text.replace("seq=7", "seq=07"), RootError::Sequence),
            (text.replace("seq=7", "seq=18446744073709551616"), RootError::Sequence),
            (text[..text.len() - 1].to_owned(), RootError::Signature),
            (format!("{text}A"), RootError::Signature),
            (format!("{text}AAAA"), RootError::Signature),
        ] {
            assert_eq!(changed.parse::<Root>(), Err(error), "{changed}");
        }
    }
}
