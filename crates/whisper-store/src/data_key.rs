//! The key that all records are encrypted with, and the form of an encrypted record.

use std::fmt;

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{AeadInOut as _, Tag},
};
use p2p_world::rng;
use zeroize::Zeroizing;

/// Length of a nonce in bytes. It is random: with 24 bytes, the same one never comes twice.
const NONCE: usize = 24;

/// Length of the tag in bytes.
const TAG: usize = 16;

/// Length of an encrypted record, beyond that of its content.
pub(crate) const OVERHEAD: usize = NONCE + TAG;

/// A key of XChaCha20-Poly1305. It is wiped from memory when it is dropped.
pub(crate) struct DataKey(XChaCha20Poly1305);

/// The record was not encrypted with this key for this place, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAuthentic;

impl DataKey {
    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(bytes.into()))
    }

    /// Encrypts a record: nonce, content, tag. `write` appends the content, `length` bytes, which is encrypted where it is: no copy is
    /// left. `place`: where the record belongs. It opens only there.
    pub(crate) fn seal(
        &self,
        place: &[u8],
        length: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Vec<u8> {
        let nonce = rng().bytes::<NONCE>();
        let mut record = Vec::with_capacity(length + OVERHEAD);
        record.extend_from_slice(&nonce);
        write(&mut record);
        let content = &mut record[NONCE..];
        let tag = self.0.encrypt_inout_detached(&XNonce::from(nonce), place, content.into());
        let tag = tag.expect("a record is shorter than 256 GiB");
        record.extend_from_slice(&tag);
        record
    }

    /// The content of a record.
    pub(crate) fn open(
        &self,
        place: &[u8],
        record: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
        let (nonce, rest) = record.split_first_chunk::<NONCE>().ok_or(NotAuthentic)?;
        let (content, tag) = rest.split_last_chunk::<TAG>().ok_or(NotAuthentic)?;
        let mut content = Zeroizing::new(content.to_vec());
        let (nonce, tag) = (XNonce::from(*nonce), Tag::<XChaCha20Poly1305>::from(*tag));
        let opened =
            self.0.decrypt_inout_detached(&nonce, place, content.as_mut_slice().into(), &tag);
        opened.map(|()| content).map_err(|_| NotAuthentic)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(key: &DataKey, place: &[u8], content: &[u8]) -> Vec<u8> {
        key.seal(place, content.len(), |out| out.extend_from_slice(content))
    }

    #[test]
    fn a_record_opens_with_its_key_at_its_place_only() {
        let key = DataKey::new(&[7; 32]);
        let record = seal(&key, b"here", b"content");
        assert_eq!(record.len(), 7 + OVERHEAD);
        assert_eq!(key.open(b"here", &record).unwrap().as_slice(), b"content");
        assert_eq!(key.open(b"there", &record), Err(NotAuthentic));
        assert_eq!(DataKey::new(&[8; 32]).open(b"here", &record), Err(NotAuthentic));
        for index in 0..record.len() {
            let mut changed = record.clone();
            changed[index] ^= 1;
            assert_eq!(key.open(b"here", &changed), Err(NotAuthentic), "byte {index}");
            assert_eq!(key.open(b"here", &record[..index]), Err(NotAuthentic), "{index} bytes");
        }
        assert_ne!(seal(&key, b"here", b"content"), record, "each has its own nonce");
    }
}
