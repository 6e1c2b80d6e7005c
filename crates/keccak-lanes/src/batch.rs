//! Hashing many messages at once.

use crate::{Keccak256, Kernel, block::Digest, side_by_side::Unfinished};

/// Computes the Keccak-256 digests of many messages, hashed side by side in the lanes of the processor's vectors.
///
/// The messages may have any lengths: when one ends, the next takes its lane. Allocates nothing.
///
/// ```
/// use keccak_lanes::{keccak256, keccak256_batch};
///
/// let messages: [&[u8]; 3] = [b"one", b"another", &[7; 1000]];
/// let mut digests = [[0; 32]; 3];
/// keccak256_batch(&messages, &mut digests);
/// assert_eq!(digests, messages.map(keccak256));
/// ```
///
/// # Panics
///
/// If `digests` and `messages` differ in length.
pub fn keccak256_batch(messages: &[&[u8]], digests: &mut [Digest]) {
    keccak256_batch_with(Kernel::best(), messages, digests);
}

/// [`keccak256_batch`] with the given kernel.
///
/// # Panics
///
/// If `digests` and `messages` differ in length.
pub fn keccak256_batch_with(kernel: Kernel, messages: &[&[u8]], digests: &mut [Digest]) {
    assert_eq!(messages.len(), digests.len(), "as many digests as messages");
    if let Some(Unfinished { message, state, rest }) = kernel.batch(messages, digests) {
        digests[message] = Keccak256::resume(state, kernel).chain(rest).finalize();
    }
}

/// Hashes the messages one after the other, for a kernel without vectors.
pub(crate) fn one_by_one(kernel: Kernel, messages: &[&[u8]], digests: &mut [Digest]) {
    for (message, digest) in messages.iter().zip(digests) {
        *digest = Keccak256::with_kernel(kernel).chain(message).finalize();
    }
}
