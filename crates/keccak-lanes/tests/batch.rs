//! Hashing many messages side by side, with every kernel that this machine can run, compared with the `sha3` crate.

use keccak_lanes::{Digest, Kernel, keccak256_batch, keccak256_batch_with};
use proptest::prelude::*;

/// The digest as the `sha3` crate computes it.
fn oracle(data: &[u8]) -> Digest {
    <sha3::Keccak256 as sha3::Digest>::digest(data).into()
}

fn compare(messages: &[&[u8]]) {
    let expected: Vec<Digest> = messages.iter().map(|message| oracle(message)).collect();
    for kernel in Kernel::available() {
        let mut digests = vec![[0; 32]; messages.len()];
        keccak256_batch_with(kernel, messages, &mut digests);
        assert_eq!(digests, expected, "{kernel}");
    }
}

/// More messages than lanes, all of different lengths, so that lanes start and finish at different times.
#[test]
fn messages_of_different_lengths() {
    let bytes: Vec<u8> = (0u8..=250).cycle().take(600).collect();
    let shorter: Vec<&[u8]> = (0..=600).map(|length| &bytes[..length]).collect();
    let longer: Vec<&[u8]> = shorter.iter().rev().copied().collect();
    compare(&shorter);
    compare(&longer);
}

#[test]
fn any_number_of_messages() {
    for count in 0..=20 {
        compare(&vec![&[7; 200][..]; count]);
    }
}

/// Short enough for Miri.
#[test]
fn a_few_messages() {
    compare(&[b"one", b"another", &[7; 150]]);
}

#[test]
fn one_long_message_beside_short_ones() {
    let long = vec![3; 100_000];
    compare(&[b"a", &long, b"b", b"c", b"d", b"e", b"f", b"g", b"h", b"i"]);
}

#[test]
#[should_panic(expected = "as many digests as messages")]
fn fewer_digests_than_messages_panics() {
    keccak256_batch(&[b"one", b"another"], &mut [[0; 32]]);
}

proptest! {
    #[test]
    fn every_kernel_agrees_with_the_oracle(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..500), 0..30),
    ) {
        compare(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
}
