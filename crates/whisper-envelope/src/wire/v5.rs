//! shh/5: `[version, expiry, ttl, topic, AES nonce, data, nonce]`.
//!
//! Version and AES nonce are byte strings: version 0 is the byte `00`, not the empty string that the
//! number 0 would be. The AES nonce is empty where the encryption is asymmetric.

use rlp_codec::{Encodable as _, List};

use crate::{Dialect, EnvelopeError, Topic, Unsealed, differences::Differences, fields::Fields};

/// Bytes that a version may have.
const MAX_VERSION: usize = 4;

pub(crate) static DIFFERENCES: Differences = Differences {
    decode,
    #[cfg(feature = "crypto")]
    layout: &crate::payload::v5::LAYOUT,
    #[cfg(feature = "crypto")]
    carriage: &crate::crypto::IN_FIELD,
    #[cfg(feature = "crypto")]
    enclose: |expiry, ttl, topic, message| {
        Unsealed::v5(0, expiry, ttl, topic, message.aes_nonce, &message.data)
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
    let mut padded = [0; MAX_VERSION];
    padded
        .get_mut(..bytes.len())
        .ok_or(EnvelopeError::VersionLength { len: bytes.len() })?
        .copy_from_slice(bytes);
    Ok(u32::from_le_bytes(padded))
}

impl Unsealed {
    /// An shh/5 envelope of these fields, without its nonce.
    ///
    /// `version` is 0 in all envelopes that can be opened; `expiry` is in seconds since 1970, `ttl`
    /// in seconds; `aes_nonce` belongs to symmetric encryption, `None` means asymmetric; `data` is
    /// the encrypted message.
    #[must_use]
    pub fn v5(
        version: u8,
        expiry: u32,
        ttl: u32,
        topic: Topic,
        aes_nonce: Option<[u8; 12]>,
        data: &[u8],
    ) -> Self {
        let nonce_bytes = aes_nonce.as_ref().map_or(&[][..], |nonce| nonce);
        let mut body = Vec::with_capacity(data.len() + 40);
        [version].encode(&mut body);
        expiry.encode(&mut body);
        ttl.encode(&mut body);
        topic.0.encode(&mut body);
        nonce_bytes.encode(&mut body);
        data.encode(&mut body);
        let span = body.len() - data.len()..body.len();
        let variable = 1 + nonce_bytes.len() + data.len();
        let version = u32::from(version);
        let fields = Fields { version, expiry, ttl, topic, aes_nonce, data: span, variable };
        Self { dialect: Dialect::V5, fields, body: body.into() }
    }
}
