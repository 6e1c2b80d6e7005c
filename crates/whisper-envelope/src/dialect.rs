//! The two versions of Whisper, and the one place where they are told apart.

use rlp_codec::List;

use crate::{EnvelopeError, unsealed::Fields, wire};

/// A version of the Whisper protocol: the form of its envelopes and messages.
///
/// An envelope of one cannot be turned into one of the other without its key, because the fields
/// that the proof of work covers differ.
///
/// The default is the newer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// shh/5: seven fields, the AES nonce in one of its own, padding before the payload.
    V5,
    /// shh/6 (EIP-627): five fields, the AES nonce at the end of the data, padding after the
    /// payload.
    #[default]
    V6,
}

impl Dialect {
    /// The number in the capability: 5 for `shh/5`, 6 for `shh/6`.
    #[must_use]
    pub fn version(self) -> u64 {
        self.differences().version
    }

    /// All in which this dialect differs from the other.
    pub(crate) const fn differences(self) -> &'static Differences {
        match self {
            Self::V5 => &wire::v5::DIFFERENCES,
            Self::V6 => &wire::v6::DIFFERENCES,
        }
    }
}

/// All in which two dialects differ, so that nothing else need ask which one it deals with.
pub(crate) struct Differences {
    /// The number in the capability.
    pub(crate) version: u64,
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
