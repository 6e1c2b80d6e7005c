//! The two versions of Whisper.

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
    /// The version number of the capability: 5 for `shh/5`, 6 for `shh/6`.
    #[must_use]
    pub const fn version(self) -> u64 {
        match self {
            Self::V5 => 5,
            Self::V6 => 6,
        }
    }
}
