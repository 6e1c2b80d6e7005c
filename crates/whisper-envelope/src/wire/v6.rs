//! shh/6 (EIP-627): `[expiry, ttl, topic, data, nonce]`.

use rlp_codec::List;

use crate::{EnvelopeError, Topic, differences::Differences, unsealed::Fields};

pub(crate) static DIFFERENCES: Differences = Differences {
    decode,
    #[cfg(feature = "crypto")]
    layout: &crate::payload::v6::LAYOUT,
    #[cfg(feature = "crypto")]
    nonce_place: &crate::crypto::IN_DATA,
    #[cfg(feature = "crypto")]
    enclose: |expiry, ttl, topic, message| crate::Unsealed::v6(expiry, ttl, topic, &message.data),
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
