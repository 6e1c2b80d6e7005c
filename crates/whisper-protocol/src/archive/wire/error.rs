//! Why a message of `archive/1` cannot be read.

use p2p_mux::rlp;
use whisper_envelope::EnvelopeError;

/// A message of `archive/1` does not have the format of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveMessageError {
    /// The RLP is invalid.
    #[error(transparent)]
    Rlp(#[from] rlp::Error),
    /// An envelope is malformed.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// There is no such code in version 1.
    #[error("message code {code}; archive/1 has the codes 0 to 15")]
    Code {
        /// The code.
        code: u64,
    },
    /// The filter is of an unknown kind.
    #[error("filter of kind {kind}; 0 to 3 are known")]
    FilterKind {
        /// The kind in the message.
        kind: u64,
    },
    /// The filter has too many topics or hashes, or none.
    #[error("filter with {count} values; 1 to {} are allowed", super::MAX_VALUES)]
    Values {
        /// How many there are.
        count: usize,
    },
    /// The version of Whisper is neither 5 nor 6.
    #[error("envelopes of shh/{version}; 5 and 6 are known")]
    Dialect {
        /// The version in the message.
        version: u64,
    },
    /// The upper limit of a range is below the lower one.
    #[error("a range whose end is before its beginning")]
    Range,
    /// The arrival numbers of a page are not ascending, or not before its end.
    #[error("a page whose arrival numbers are not in order")]
    Order,
    /// A page has too many envelopes.
    #[error("a page with more than {} envelopes", super::MAX_ENVELOPES)]
    Envelopes,
    /// The state of a page is unknown.
    #[error("page of state {state}; 0 to 2 are known")]
    State {
        /// The state in the message.
        state: u64,
    },
}
