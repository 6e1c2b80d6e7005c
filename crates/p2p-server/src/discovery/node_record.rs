//! Parts of the node's record that do not depend on discovery.

use std::time::SystemTime;

use p2p_mux::{Capability, Protocol};

/// The value of the key `cap` in a record, as in go-ethereum.
pub(crate) fn capabilities(protocols: &[Protocol]) -> Vec<Capability> {
    protocols.iter().map(|protocol| protocol.capability().clone()).collect()
}

/// The first sequence number of a record: milliseconds since 1970, so that it is higher than in every
/// earlier run.
pub(crate) fn first_sequence(now: SystemTime) -> u64 {
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or_default()
}
