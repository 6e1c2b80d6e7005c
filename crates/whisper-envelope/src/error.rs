//! The errors of envelopes, messages and drafts.

use thiserror::Error;

/// Why bytes are not an envelope of the dialect.
///
/// The sender is at fault: go-ethereum disconnects a peer for each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// RLP that is not canonical, a missing or an extra field, a number too large for its field (time to live
    /// and expiry have 32 bits, the nonce 64), a topic that does not have 4 bytes, or bytes after the
    /// envelope.
    #[error("not the RLP of an envelope")]
    Rlp(#[from] rlp_codec::Error),
    /// shh/5: the version field has more than 4 bytes.
    #[error("envelope: version of {len} bytes, at most 4 allowed")]
    VersionLength {
        /// Its length in bytes.
        len: usize,
    },
    /// shh/5: the AES nonce has neither 12 bytes (symmetric) nor none (asymmetric).
    #[error("envelope: AES nonce of {len} bytes, neither 12 nor none")]
    AesNonceLength {
        /// Its length in bytes.
        len: usize,
    },
}

/// Why an envelope cannot be opened.
///
/// This is normal for most envelopes that a node receives: they are for other keys. It is never a reason to
/// disconnect a peer, because a relay cannot detect it.
#[cfg(feature = "crypto")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The envelope has a newer version than this crate supports. Relay it without opening it.
    #[error("envelope version {version} is newer than 0")]
    NewerVersion {
        /// Its version.
        version: u32,
    },
    /// shh/5: the key is symmetric, but the envelope is encrypted for a public key.
    #[error("not encrypted symmetrically")]
    NotSymmetric,
    /// shh/5: the key is a secret key, but the envelope is encrypted symmetrically.
    #[error("not encrypted asymmetrically")]
    NotAsymmetric,
    /// The data are shorter than the minimum for this kind of encryption.
    #[error("data of {len} bytes, at least {min} needed")]
    DataTooShort {
        /// Their length in bytes.
        len: usize,
        /// Minimum length in bytes.
        min: usize,
    },
    /// The envelope is encrypted for another key, or was changed. The two cannot be distinguished.
    #[error("wrong key, or changed data")]
    WrongKey,
    /// The plaintext is empty. This and the following variants are caused by a sender that has the key,
    /// possibly to crash recipients.
    #[error("plaintext: empty")]
    Empty,
    /// The plaintext ends within a length field.
    #[error("plaintext: ends within a length")]
    LengthCut,
    /// A length field exceeds the bytes that are left.
    #[error("plaintext: length of {claimed} bytes where {available} are left")]
    LengthBeyondEnd {
        /// The value of the length field.
        claimed: usize,
        /// Number of bytes left.
        available: usize,
    },
    /// shh/5: the length of the padding, which includes the length field, is smaller than that field.
    #[error("plaintext: length of {claimed} bytes, which includes a length field of {width} bytes")]
    LengthBelowItself {
        /// The value of the length field.
        claimed: usize,
        /// Size of the length field in bytes.
        width: usize,
    },
    /// The flags say that the message is signed, but the plaintext is too short.
    #[error("plaintext: ends within the signature")]
    SignatureCut,
    /// No signer can be recovered from the signature.
    #[error("plaintext: invalid signature")]
    InvalidSignature,
}

/// Why a draft cannot be encrypted. The caller is at fault.
#[cfg(feature = "crypto")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DraftError {
    /// The time to live is 0: the work would be infinite, and nodes refuse such an envelope.
    #[error("time to live of 0 seconds")]
    ZeroTtl,
    /// The time of sending plus the time to live does not fit into 32 bits (the year 2106).
    #[error("expiry beyond the year 2106")]
    ExpiryOverflow,
    /// shh/6: the length of the payload does not fit into three bytes.
    #[error("payload of {len} bytes, at most {max} allowed")]
    PayloadTooLong {
        /// Its length in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// shh/5: the length of the padding does not fit into three bytes.
    #[error("padding of {len} bytes, at most {max} allowed")]
    PaddingTooLong {
        /// Its length in bytes.
        len: usize,
        /// Maximum length in bytes.
        max: usize,
    },
}

#[cfg(test)]
mod tests {
    use core::error::Error as _;

    use super::EnvelopeError;

    /// The only variant with a cause. A printed chain of causes must not repeat it.
    #[test]
    fn an_error_does_not_contain_its_cause() {
        let error = EnvelopeError::Rlp(rlp_codec::ErrorKind::Truncated.at(0));
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(!cause.is_empty() && !error.to_string().contains(&cause), "{error}");
    }
}
