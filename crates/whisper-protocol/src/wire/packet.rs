//! Packets of shh/6 beyond EIP-627: those that nodes of status-im added, and the requests to a mail
//! server.
//!
//! Each type reads and writes the body of one packet; the codes are those of the table below. Decoding
//! is total: any bytes are a packet or a typed error, elements beyond those known are ignored, and
//! nothing is kept that is larger than what came in.
//!
//! | code | packet | what this node does with it |
//! |---|---|---|
//! | 11 | [`Ack`] | a peer has read a bundle |
//! | 12 | [`Response`] | a peer says what it refused of a bundle, and why |
//! | 20 | [`Rates`] | how much a peer wants to be sent per second; also in its status |
//! | 123 | [`SyncRequest`] | between mail servers; counted and ignored |
//! | 124 | [`SyncResponse`] | between mail servers; counted and ignored |
//! | 125 | [`Completion`] | a mail server has answered; counted and ignored |
//! | 126 | [`Request`] | for a mail server |
//!
//! What is not here: the packets of EIP-627 itself, which the session reads, and direct messages (127),
//! which are envelopes and nothing else.

use p2p_mux::rlp;
use whisper_envelope::EnvelopeError;

mod ack;
mod completion;
mod rates;
mod request;
mod response;
mod sync;

pub use ack::Ack;
pub use completion::{Completion, Cursor};
pub use rates::Rates;
pub use request::{Query, Request};
pub use response::{RefusedEnvelope, Response};
pub use sync::{SyncRequest, SyncResponse};

/// A body that is not what its code demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// Not the RLP that was expected.
    #[error(transparent)]
    Rlp(#[from] rlp::Error),
    /// The envelope inside.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A bloom of another length than 64 bytes.
    #[error("a bloom of {length} bytes instead of 64")]
    Bloom {
        /// How many it has.
        length: usize,
    },
    /// A [`Response`] of a version that nobody has specified.
    #[error("response of version {theirs}, only 1 is known")]
    Version {
        /// What it says its version is.
        theirs: u64,
    },
    /// A [`SyncRequest`] for no envelopes, or for more than 1000.
    #[error("sync of {limit} envelopes, 1 to 1000 are allowed")]
    Limit {
        /// How many it asks for.
        limit: u64,
    },
    /// A [`Completion`] of none of the lengths that one may have.
    #[error("completion of {length} bytes")]
    Completion {
        /// How many it has.
        length: usize,
    },
}

/// The most bytes of a peer's words that are kept.
const MAX_TEXT: usize = 256;

/// Anybody's words, to be quoted: what is not UTF-8 replaced, and not all of it if it is long.
fn text(bytes: &[u8]) -> String {
    let kept = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    let mut text = String::from_utf8_lossy(kept).into_owned();
    // What is replaced takes more bytes than before.
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
