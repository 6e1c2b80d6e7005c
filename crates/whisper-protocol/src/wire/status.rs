//! What a node says of itself when a session begins.

use whisper_envelope::Bloom;
use whisper_pow::Work;

use crate::wire::packet::Rates;

/// What a node says of itself in its status, and changes later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Status {
    /// The least work of the envelopes it wants.
    pub(crate) min_work: Work,
    /// The topics it wants.
    pub(crate) bloom: Bloom,
    /// Whether it is a light client, which does not relay.
    pub(crate) light: bool,
    /// Whether it wants bundles to be acknowledged. An extension of status-im, as is all below.
    pub(crate) confirmations: bool,
    /// How many packets it takes.
    pub(crate) rates: Option<Rates>,
}

/// A node that wants everything, and knows no extension.
impl Default for Status {
    fn default() -> Self {
        Self {
            min_work: Work::ZERO,
            bloom: Bloom::FULL,
            light: false,
            confirmations: false,
            rates: None,
        }
    }
}
