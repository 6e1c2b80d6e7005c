//! Shared by the targets: fixed keys, a fixed random source, and a position that depends on the input.

use p2p_identity::SecretKey;
use rand::{SeedableRng as _, rngs::StdRng};

/// The key with this number, the same in every run, so that a finding can be repeated.
pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap_or_else(|error| panic!("key {number}: {error}"))
}

/// A random source that is the same in every run.
pub(crate) fn rng() -> StdRng {
    StdRng::seed_from_u64(0x5eed)
}

/// A position below `end` that depends on the input, so that the fuzzer can vary it.
pub(crate) fn position(data: &[u8], end: usize) -> usize {
    let sum = data
        .iter()
        .fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    sum % end.max(1)
}
