//! Why a message of `trace/1` cannot be read.

use p2p_mux::rlp;

/// A message of `trace/1` does not have the format of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceMessageError {
    /// The RLP is invalid.
    #[error(transparent)]
    Rlp(#[from] rlp::Error),
    /// There is no such code in version 1.
    #[error("message code {code}; trace/1 has the codes 0 to 7")]
    Code {
        /// The code.
        code: u64,
    },
    /// The message is too large.
    #[error("message of {bytes} bytes; at most {} are allowed", super::MAX_ANSWER_BYTES)]
    Size {
        /// The size.
        bytes: usize,
    },
    /// The answer has too many records.
    #[error("answer with {count} records; at most {} are allowed", super::MAX_RECORDS)]
    Records {
        /// How many there are.
        count: usize,
    },
    /// The state of an envelope is unknown, or does not fit to its source.
    #[error(
        "state {state} with a source of kind {source_kind}; the states 0 to 3 and the kinds 0 to 3 are known, and 0 only go together"
    )]
    State {
        /// The state in the record.
        state: u64,
        /// The kind of source in the record.
        source_kind: u64,
    },
    /// A record has too many drops.
    #[error("record with {count} drops; at most {} are allowed", super::record::MAX_DROPS)]
    Drops {
        /// How many there are.
        count: usize,
    },
    /// The name of a reason is none.
    #[error(
        "the name of a reason has other characters than a to z, 0 to 9, dot and underscore, or more than {}",
        super::record::MAX_REASON
    )]
    Reason,
    /// What became of the envelope at a peer is unknown.
    #[error("fate {fate} at a peer; 1 to 7 are known")]
    Fate {
        /// The number in the record.
        fate: u64,
    },
}
