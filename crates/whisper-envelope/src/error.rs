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
