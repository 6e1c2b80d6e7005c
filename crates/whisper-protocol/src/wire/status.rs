//! The status that both ends send when a session begins.

use whisper_envelope::Bloom;
use whisper_pow::Work;

use crate::wire::packet::Rates;

/// A node's requirements and extensions, as it announces them in its status or later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Status {
    /// Minimum work of the envelopes that it accepts.
    pub(crate) min_work: Work,
    /// The topics that it asks for.
    pub(crate) bloom: Bloom,
    /// Whether it is a light client, which does not relay.
    pub(crate) light: bool,
    /// Whether it has an element after these, as all programs of status-im write it and those with go-ethereum's library do not.
    pub(crate) is_extended: bool,
    /// Whether it wants its bundles to be acknowledged. This field and the next one are extensions of status-im.
    pub(crate) confirmations: bool,
    /// Limits on the packets that it is sent.
    pub(crate) rates: Option<Rates>,
}

/// No requirements, all topics, no extensions.
impl Default for Status {
    fn default() -> Self {
        Self {
            min_work: Work::ZERO,
            bloom: Bloom::FULL,
            light: false,
            is_extended: false,
            confirmations: false,
            rates: None,
        }
    }
}
