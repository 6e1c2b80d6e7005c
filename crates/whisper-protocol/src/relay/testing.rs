//! Envelopes for tests of the machines, whose content does not matter.

use whisper_envelope::{Envelope, Topic, Unsealed};
use whisper_pow::{Policy, Work};

use crate::{relay::admission::Proven, wire::status::Status};

/// The present of the tests.
pub(crate) const NOW: u32 = 1_700_000_000;

/// An envelope of its own for each `number`, that expires at `expiry`.
pub(crate) fn envelope_until(expiry: u32, number: u64) -> Envelope {
    Unsealed::v6(expiry, 50, Topic(*b"test"), &[0; 64]).seal(number)
}

/// A live envelope of its own for each `number`.
pub(crate) fn envelope(number: u64) -> Envelope {
    envelope_until(NOW + 50, number)
}

/// A live envelope with this topic.
pub(crate) fn envelope_about(topic: Topic, number: u64) -> Envelope {
    Unsealed::v6(NOW + 50, 50, topic, &[0; 64]).seal(number)
}

/// A live envelope with so many bytes of data.
pub(crate) fn envelope_of_size(size: usize, number: u64) -> Envelope {
    Unsealed::v6(NOW + 50, 50, Topic(*b"test"), &vec![0; size]).seal(number)
}

/// As much work as is said, whatever the hashes of an envelope show.
pub(crate) fn proven(amount: f64) -> Proven {
    let proof = Policy::default().proof(&envelope(0), 50).unwrap();
    Proven { work: work(amount), proof }
}

pub(crate) fn work(amount: f64) -> Work {
    Work::new(amount).unwrap()
}

/// A peer that wants everything.
pub(crate) fn eager() -> Status {
    Status::default()
}
