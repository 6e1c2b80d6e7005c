//! Envelopes for tests of the machines. Their content does not matter.

use std::sync::Arc;

use p2p_world::HashState;

use p2p_identity::NodeId;
use whisper_envelope::{Dialect, Envelope, Topic, Unsealed};
use whisper_pow::{Policy, Work};

use crate::{
    config::Config,
    peers::peer_rule::PeerRuleState,
    relay::Relay,
    relay::admission::Proven,
    relay::peer_slot::PeerSlot,
    relay::pool::{Admitted, Pool, PoolEntry, TableKeys},
    wire::status::Status,
};

/// The present of the tests, in seconds since 1970.
pub(crate) const NOW: u32 = 1_700_000_000;

/// An envelope that expires at `expiry`. Different numbers make different envelopes.
pub(crate) fn envelope_until(expiry: u32, number: u64) -> Envelope {
    Unsealed::v6(expiry, 50, Topic(*b"test"), &[0; 64]).seal(number)
}

/// A live envelope. Different numbers make different envelopes.
pub(crate) fn envelope(number: u64) -> Envelope {
    envelope_until(NOW + 50, number)
}

/// A live envelope with this topic.
pub(crate) fn envelope_about(topic: Topic, number: u64) -> Envelope {
    Unsealed::v6(NOW + 50, 50, topic, &[0; 64]).seal(number)
}

/// A live envelope with `size` bytes of data.
pub(crate) fn envelope_of_size(size: usize, number: u64) -> Envelope {
    Unsealed::v6(NOW + 50, 50, Topic(*b"test"), &vec![0; size]).seal(number)
}

/// A proof that counts as this amount of work, whatever an envelope's hash shows.
pub(crate) fn proven(amount: f64) -> Proven {
    let proof = Policy::default().proof(&envelope(0), 50).unwrap();
    Proven { work: work(amount), proof }
}

pub(crate) fn work(amount: f64) -> Work {
    Work::new(amount).unwrap()
}

/// The status of a peer that wants everything.
pub(crate) fn eager() -> Status {
    Status::default()
}

/// Envelopes with these numbers, as they are in a pool, made here.
pub(crate) fn pooled(numbers: std::ops::Range<u64>) -> Vec<Arc<PoolEntry>> {
    let mut pool = Pool::new(usize::MAX, TableKeys::new(HashState::default()));
    let keys = TableKeys::new(HashState::default());
    let entries = numbers.map(|number| keys.entry(&envelope(number), proven(1.0), None));
    let admitted = entries.map(|entry| match pool.admit(NOW, entry) {
        Admitted::New(entry) => entry,
        other => panic!("not admitted: {other:?}"),
    });
    admitted.collect()
}

/// The slots of `N` peers of one relay.
pub(crate) fn slots<const N: usize>() -> [PeerSlot; N] {
    let relay = Relay::new(Dialect::V6, &Config::default(), HashState::default());
    [(); N].map(|()| relay.join(NodeId([0; 64]), eager(), eager(), PeerRuleState::ANY))
}
