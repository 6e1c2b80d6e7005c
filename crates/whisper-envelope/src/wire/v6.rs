//! shh/6 (EIP-627): `[expiry, ttl, topic, data, nonce]`.

use rlp_codec::{Encodable as _, List};

use crate::{Dialect, EnvelopeError, Topic, Unsealed, differences::Differences, fields::Fields};

pub(crate) static DIFFERENCES: Differences = Differences {
    decode,
    #[cfg(feature = "crypto")]
    layout: &crate::payload::v6::LAYOUT,
    #[cfg(feature = "crypto")]
    carriage: &crate::crypto::IN_DATA,
    #[cfg(feature = "crypto")]
    enclose: |expiry, ttl, topic, message| Unsealed::v6(expiry, ttl, topic, &message.data),
};

fn decode(list: &mut List<'_>) -> Result<Fields, EnvelopeError> {
    let expiry = list.uint()?;
    let ttl = list.uint()?;
    let topic = Topic(list.array()?);
    let data = list.item()?;
    let variable = data.bytes()?.len();
    let data = Fields::span(&data);
    Ok(Fields { version: 0, expiry, ttl, topic, aes_nonce: None, data, variable })
}

impl Unsealed {
    /// An shh/6 envelope of these fields, without its nonce.
    ///
    /// `expiry` is in seconds since 1970, `ttl` in seconds, `data` the encrypted message.
    #[must_use]
    pub fn v6(expiry: u32, ttl: u32, topic: Topic, data: &[u8]) -> Self {
        let mut body = Vec::with_capacity(data.len() + 24);
        expiry.encode(&mut body);
        ttl.encode(&mut body);
        topic.0.encode(&mut body);
        data.encode(&mut body);
        let span = body.len() - data.len()..body.len();
        let fields = Fields {
            version: 0,
            expiry,
            ttl,
            topic,
            aes_nonce: None,
            data: span,
            variable: data.len(),
        };
        Self { dialect: Dialect::V6, fields, body: body.into() }
    }
}
