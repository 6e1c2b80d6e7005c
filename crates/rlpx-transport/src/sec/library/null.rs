//! `sec/1` without cryptography, for simulations: see the module `null` of this crate.

use rand_core::CryptoRng;

use super::{Answered, Generated, KeyPair, Library, Place, RecordKey, split};
use crate::sec::secrets::{Secret, SharedSecrets};
use crate::sec::shares::{Answer, CIPHERTEXT, ENCAPSULATION_KEY, Offer};
use crate::sec::{HEADER_SIZE, SecError, Suite, TAG_SIZE};

/// Shares and secrets are zeros. A record is its plaintext, with its place as the tag.
pub(super) struct Null;

impl Library for Null {
    fn name(&self) -> &'static str {
        "null"
    }

    fn generate(&self, _: &mut dyn CryptoRng) -> Result<Generated, SecError> {
        let encapsulation_key = Box::new([0; ENCAPSULATION_KEY]);
        Ok(Generated { keys: Box::new(Self), x25519: [0; 32], encapsulation_key })
    }

    fn answer(&self, _: &Offer, _: &mut dyn CryptoRng) -> Result<Answered, SecError> {
        let ciphertext = Box::new([0; CIPHERTEXT]);
        Ok(Answered { x25519: [0; 32], ciphertext, secrets: no_secrets() })
    }

    fn sha256(&self, _: &[&[u8]]) -> [u8; 32] {
        [0; 32]
    }

    fn extract_and_expand(&self, _: &[u8; 32], _: &[u8], _: [&[u8]; 2]) -> [Secret; 2] {
        [Secret::default(), Secret::default()]
    }

    fn expand(&self, _: &Secret, _: &[u8], _: &mut [u8]) {}

    fn record_key(&self, _: Suite, _: &Secret) -> Box<dyn RecordKey> {
        Box::new(Self)
    }
}

impl KeyPair for Null {
    fn finish(self: Box<Self>, _: &Answer) -> Result<SharedSecrets, SecError> {
        Ok(no_secrets())
    }
}

impl RecordKey for Null {
    fn seal(&self, place: Place, data: &[u8], directory: &[u8], out: &mut [u8]) {
        let (text, rest) = split(out, data.len());
        text.copy_from_slice(data);
        rest[..directory.len()].copy_from_slice(directory);
        rest[directory.len()..].copy_from_slice(&tag(place));
    }

    fn open(&self, place: Place, sealed: &mut [u8]) -> bool {
        sealed.ends_with(&tag(place))
    }
}

/// The place of a record, so that one that was lost or moved is noticed, as with encryption.
fn tag(place: Place) -> [u8; TAG_SIZE] {
    let mut tag = [0; TAG_SIZE];
    tag[..place.nonce.len()].copy_from_slice(&place.nonce);
    tag[place.nonce.len()..][..HEADER_SIZE].copy_from_slice(&place.header);
    tag
}

fn no_secrets() -> SharedSecrets {
    SharedSecrets { x25519: Default::default(), kem: Default::default() }
}
