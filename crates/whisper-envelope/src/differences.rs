//! The differences between the two dialects.

use rlp_codec::List;

use crate::{Dialect, EnvelopeError, unsealed::Fields, wire};

impl Dialect {
    /// The functions and layouts of this dialect.
    pub(crate) const fn differences(self) -> &'static Differences {
        match self {
            Self::V5 => &wire::v5::DIFFERENCES,
            Self::V6 => &wire::v6::DIFFERENCES,
        }
    }
}

/// What is specific to a dialect. Other code uses this table and does not compare dialects.
pub(crate) struct Differences {
    /// Reads the fields before the nonce. Offsets are those of the list.
    pub(crate) decode: fn(&mut List<'_>) -> Result<Fields, EnvelopeError>,
    /// Positions of the parts of a message in the plaintext.
    #[cfg(feature = "crypto")]
    pub(crate) layout: &'static crate::payload::Layout,
    /// The place of the AES nonce.
    #[cfg(feature = "crypto")]
    pub(crate) nonce_place: &'static crate::crypto::NoncePlace,
    /// Makes an envelope from expiry, time to live, topic and an encrypted message.
    #[cfg(feature = "crypto")]
    pub(crate) enclose: fn(u32, u32, crate::Topic, &crate::Ciphertext) -> crate::Unsealed,
}
