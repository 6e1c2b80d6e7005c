//! Envelopes for tests. Their content does not matter.

use whisper_envelope::Unsealed;
use whisper_protocol::{Dialect, Envelope, Topic};

/// The time of sending of most envelopes, in seconds since 1970.
pub(crate) const SENT: u32 = 1_700_000_000;

/// An envelope of shh/6. Different numbers make different envelopes.
pub(crate) fn envelope(topic: u8, number: u64) -> Envelope {
    sample(Dialect::V6, topic, SENT, number)
}

/// An envelope. Different numbers make different envelopes.
pub(crate) fn sample(dialect: Dialect, topic: u8, sent: u32, number: u64) -> Envelope {
    let (topic, data) = (Topic([topic, 1, 2, 3]), [0; 64]);
    let unsealed = match dialect {
        Dialect::V5 => Unsealed::v5(0, sent + 50, 50, topic, Some([1; 12]), &data),
        Dialect::V6 => Unsealed::v6(sent + 50, 50, topic, &data),
    };
    unsealed.seal(number)
}
