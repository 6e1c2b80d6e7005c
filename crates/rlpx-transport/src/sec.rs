//! `sec/1`: one key for each direction, forward secrecy against a later quantum computer, and records instead of
//! frames. `SEC.md` is the specification.
//!
//! ```text
//! auth ── Offer ──▶        ┐
//!                          ├─ library: X25519, ML-KEM-768 ─▶ schedule: HKDF ─▶ sealer, opener: records
//!      ◀── Answer ── ack   ┘
//! ```
//!
//! Without one of the features `sec` and `sec-portable` there is no library, and every handshake is plain RLPx.

mod agreement;
mod directory;
mod error;
mod library;
mod link;
mod opener;
mod schedule;
mod sealer;
mod secrets;
mod settings;
mod shares;
#[cfg(test)]
mod tests;

pub(crate) use agreement::{Agreement, PendingOffer, answer};
pub use directory::{MAX_PIECE, Part, Piece};
pub use error::{PieceError, SecError};
pub use library::SecLibrary;
pub use link::{Link, Suite};
pub(crate) use opener::RecordOpener;
pub(crate) use schedule::Transcript;
pub(crate) use sealer::RecordSealer;
pub use settings::{SecPolicy, SecPolicyError, SecSettings};
pub(crate) use shares::find as find_shares;

/// Maximum size of the plaintext of a record, in bytes.
const MAX_PLAINTEXT: usize = 16 * 1024;
/// Size of a record's header: the length of what follows, big-endian.
const HEADER_SIZE: usize = 2;
/// Size of a record's authentication tag.
const TAG_SIZE: usize = 16;
