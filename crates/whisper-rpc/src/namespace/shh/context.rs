//! What the methods of the namespace work on.

use std::sync::Arc;
use std::time::Duration;

use p2p_server::ClockError;
use p2p_world::World;
use tokio_util::sync::CancellationToken;
use whisper_protocol::Whisper;

use crate::namespace::history::HistoryContext;

/// What the methods work on.
pub(crate) struct ShhContext {
    pub(crate) whisper: Whisper,
    /// By how much the clock is wrong, as discovery knows it.
    pub(crate) clock_error: Box<dyn Fn() -> Option<ClockError> + Send + Sync>,
    /// The time, in seconds since 1970.
    pub(crate) unix_time: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Cancelled when the servers stop. It ends proofs of work, which would delay the stop.
    pub(crate) stop: CancellationToken,
    /// For requests to mail servers.
    pub(crate) history: HistoryContext,
    /// Whether clients may read keys.
    pub(crate) key_export: bool,
    /// Runs what takes long.
    pub(crate) world: Arc<dyn World>,
    /// Maximum time for the proof of work of a post.
    pub(crate) max_pow_time: Duration,
}
