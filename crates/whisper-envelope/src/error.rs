//! What can be wrong with the shape of an envelope.

use thiserror::Error;

/// Bytes that are not an envelope of the dialect asked for.
///
/// Always the fault of whoever wrote them: go-ethereum closes the connection over each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// Not canonical RLP, a field missing or too many, a number too large for its field (time to
    /// live and expiry have 32 bits, the nonce 64), a topic that has not 4 bytes, or bytes after the
    /// envelope.
    #[error("not the RLP of an envelope")]
    Rlp(#[from] rlp_codec::Error),
    /// shh/5: the version field has more than 4 bytes.
    #[error("envelope: version of {len} bytes, at most 4 allowed")]
    VersionLength {
        /// How many it has.
        len: usize,
    },
    /// shh/5: the AES nonce has neither 12 bytes (symmetric) nor none (asymmetric).
    #[error("envelope: AES nonce of {len} bytes, neither 12 nor none")]
    AesNonceLength {
        /// How many it has.
        len: usize,
    },
}

/// Why an envelope does not open.
///
/// For most envelopes that a node meets this is the normal case: they are for someone else. It is
/// never a reason to close a connection, because a relay cannot see it.
#[cfg(feature = "crypto")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The form of the envelope is newer than this code. Pass it on unopened.
    #[error("envelope version {version} is newer than 0")]
    NewerVersion {
        /// What it says its version is.
        version: u32,
    },
    /// shh/5: opened with a symmetric key, but encrypted for a public key.
    #[error("not encrypted symmetrically")]
    NotSymmetric,
    /// shh/5: opened with a secret key, but encrypted symmetrically.
    #[error("not encrypted asymmetrically")]
    NotAsymmetric,
    /// The data are shorter than any encryption of this kind makes them.
    #[error("data of {len} bytes, at least {min} needed")]
    DataTooShort {
        /// How long they are.
        len: usize,
        /// How long they must be.
        min: usize,
    },
    /// Encrypted for another key, or changed on the way. The two cannot be told apart.
    #[error("wrong key, or changed data")]
    WrongKey,
    /// The plaintext is empty. From here on: a sender who has the key wrote nonsense, perhaps to
    /// crash its readers.
    #[error("plaintext: empty")]
    Empty,
    /// The plaintext ends within a length.
    #[error("plaintext: ends within a length")]
    LengthCut,
    /// A length claims more than there is.
    #[error("plaintext: length of {claimed} bytes where {available} are left")]
    LengthBeyondEnd {
        /// What it claims.
        claimed: usize,
        /// What there is.
        available: usize,
    },
    /// shh/5: the length of the padding counts its own bytes and is smaller than they are many.
    #[error("plaintext: length of {claimed} that takes {width} bytes and counts them")]
    LengthBelowItself {
        /// What it claims.
        claimed: usize,
        /// How many bytes it takes.
        width: usize,
    },
    /// The plaintext claims a signature and is too short for a signed message.
    #[error("plaintext: ends within the signature")]
    SignatureCut,
    /// No key can have made the signature.
    #[error("plaintext: invalid signature")]
    InvalidSignature,
}

/// Why a draft cannot be made into an envelope. Always the caller's doing.
#[cfg(feature = "crypto")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DraftError {
    /// A time to live of 0: its work would be infinite, and no node takes that.
    #[error("time to live of 0 seconds")]
    ZeroTtl,
    /// The time of sending and the time to live add up to more than 32 bits hold (the year 2106).
    #[error("expiry beyond the year 2106")]
    ExpiryOverflow,
    /// shh/6: the length of a payload has three bytes at most.
    #[error("payload of {len} bytes, at most {max} allowed")]
    PayloadTooLong {
        /// How long it is.
        len: usize,
        /// How long it may be.
        max: usize,
    },
    /// shh/5: the length of the padding has three bytes at most.
    #[error("padding of {len} bytes, at most {max} allowed")]
    PaddingTooLong {
        /// How long it is.
        len: usize,
        /// How long it may be.
        max: usize,
    },
}

#[cfg(test)]
mod tests {
    use core::error::Error as _;

    use super::EnvelopeError;

    /// The only variant that has a cause: a printed chain of causes must not repeat it.
    #[test]
    fn an_error_does_not_contain_its_cause() {
        let error = EnvelopeError::Rlp(rlp_codec::ErrorKind::Truncated.at(0));
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(!cause.is_empty() && !error.to_string().contains(&cause), "{error}");
    }
}
