//! Everything in which the two dialects differ.

use rlp_codec::List;

use crate::{Dialect, EnvelopeError, unsealed::Fields, wire};

impl Dialect {
    /// What is specific to this dialect.
    pub(crate) const fn differences(self) -> &'static Differences {
        match self {
            Self::V5 => &wire::v5::DIFFERENCES,
            Self::V6 => &wire::v6::DIFFERENCES,
        }
    }
}

/// All in which two dialects differ, so that nothing else need ask which one it deals with.
pub(crate) struct Differences {
    /// Reads the fields before the nonce. Offsets are those of the list.
    pub(crate) decode: fn(&mut List<'_>) -> Result<Fields, EnvelopeError>,
    /// Where the parts of a message stand in the plaintext.
    #[cfg(feature = "crypto")]
    pub(crate) layout: &'static crate::payload::Layout,
    /// Where the envelope keeps what symmetric decryption needs.
    #[cfg(feature = "crypto")]
    pub(crate) carriage: &'static crate::crypto::Carriage,
    /// Makes an envelope of expiry, time to live, topic and an encrypted message.
    #[cfg(feature = "crypto")]
    pub(crate) enclose: fn(u32, u32, crate::Topic, &crate::Ciphertext) -> crate::Unsealed,
}
