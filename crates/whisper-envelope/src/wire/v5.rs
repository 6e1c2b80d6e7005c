//! shh/5: `[version, expiry, ttl, topic, AES nonce, data, nonce]`.
//!
//! Version and AES nonce are byte strings: version 0 is the byte `00`, not the empty string of the number 0. The
//! AES nonce is empty if the encryption is asymmetric.

use rlp_codec::List;

use crate::{EnvelopeError, Topic, differences::Differences, unsealed::Fields};

/// Maximum length of a version in bytes.
const MAX_VERSION_LEN: usize = 4;

pub(crate) static DIFFERENCES: Differences = Differences {
    decode,
    #[cfg(feature = "crypto")]
    layout: &crate::payload::v5::LAYOUT,
    #[cfg(feature = "crypto")]
    nonce_place: &crate::crypto::IN_FIELD,
    #[cfg(feature = "crypto")]
    enclose: |expiry, ttl, topic, message| {
        crate::Unsealed::v5(0, expiry, ttl, topic, message.aes_nonce, &message.data)
    },
};

fn decode(list: &mut List<'_>) -> Result<Fields, EnvelopeError> {
    let version_bytes = list.bytes()?;
    let version = little_endian(version_bytes)?;
    let expiry = list.uint()?;
    let ttl = list.uint()?;
    let topic = Topic(list.array()?);
    let nonce_bytes = list.bytes()?;
    let aes_nonce = match nonce_bytes {
        [] => None,
        bytes => {
            Some(bytes.try_into().map_err(|_| EnvelopeError::AesNonceLength { len: bytes.len() })?)
        }
    };
    let data = list.item()?;
    let variable = version_bytes.len() + nonce_bytes.len() + data.bytes()?.len();
    let data = Fields::span(&data);
    Ok(Fields { version, expiry, ttl, topic, aes_nonce, data, variable })
}

fn little_endian(bytes: &[u8]) -> Result<u32, EnvelopeError> {
    let mut padded = [0; MAX_VERSION_LEN];
    padded
        .get_mut(..bytes.len())
        .ok_or(EnvelopeError::VersionLength { len: bytes.len() })?
        .copy_from_slice(bytes);
    Ok(u32::from_le_bytes(padded))
}
