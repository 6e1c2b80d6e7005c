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

/// Computes the digest of each message, and that of each message without its last `cut` bytes. What both have in common
/// is absorbed once. Otherwise as [`keccak256_batch`].
///
/// ```
/// use keccak_lanes::{keccak256, keccak256_batch_cut};
///
/// let messages: [&[u8]; 2] = [&[7; 300], b"12345"];
/// let (mut whole, mut cut) = ([[0; 32]; 2], [[0; 32]; 2]);
/// keccak256_batch_cut(&messages, 3, &mut whole, &mut cut);
/// assert_eq!(whole, messages.map(keccak256));
/// assert_eq!(cut, [keccak256(&[7; 297]), keccak256(b"12")]);
/// ```
///
/// # Panics
///
/// If `digests` or `of_cut` differs from `messages` in length, or a message is shorter than `cut`.
pub fn keccak256_batch_cut(
    messages: &[&[u8]],
    cut: usize,
    digests: &mut [Digest],
    of_cut: &mut [Digest],
) {
    keccak256_batch_cut_with(Kernel::best(), messages, cut, digests, of_cut);
}

/// [`keccak256_batch_cut`] with the given kernel.
///
/// # Panics
///
/// As [`keccak256_batch_cut`].
pub fn keccak256_batch_cut_with(
    kernel: Kernel,
    messages: &[&[u8]],
    cut: usize,
    digests: &mut [Digest],
    of_cut: &mut [Digest],
) {
    let lengths = [digests.len(), of_cut.len()];
    assert_eq!(lengths, [messages.len(); 2], "as many digests as messages");
    assert!(messages.iter().all(|message| message.len() >= cut), "no message is shorter");
    kernel.batch_cut(messages, cut, digests, of_cut);
}

/// Does the same one after the other, for a kernel without vectors.
pub(crate) fn one_by_one_cut(
    kernel: Kernel,
    messages: &[&[u8]],
    cut: usize,
    digests: &mut [Digest],
    of_cut: &mut [Digest],
) {
    for (message, (digest, of_cut)) in messages.iter().zip(digests.iter_mut().zip(of_cut)) {
        let (begin, end) = message.split_at(message.len() - cut);
        let begin = Keccak256::with_kernel(kernel).chain(begin);
        *of_cut = begin.digest();
        *digest = begin.chain(end).finalize();
    }
}

/// Hashes the messages one after the other, for a kernel without vectors.
pub(crate) fn one_by_one(kernel: Kernel, messages: &[&[u8]], digests: &mut [Digest]) {
    for (message, digest) in messages.iter().zip(digests) {
        *digest = Keccak256::with_kernel(kernel).chain(message).finalize();
    }
}
