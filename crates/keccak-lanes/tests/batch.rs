//! Hashing many messages side by side, with every kernel that this machine can run, compared with the `sha3` crate.

use keccak_lanes::{
    Digest, Kernel, keccak256_batch, keccak256_batch_cut, keccak256_batch_cut_with,
    keccak256_batch_with,
};
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
    for cut in [0, 1, 8, 136, 300] {
        compare_cut(messages, cut);
    }
}

/// Compares those messages that are long enough.
fn compare_cut(messages: &[&[u8]], cut: usize) {
    let long = messages.iter().copied().filter(|message| message.len() >= cut);
    let messages: Vec<&[u8]> = long.collect();
    let expected: Vec<Digest> = messages.iter().map(|message| oracle(message)).collect();
    let short = messages.iter().map(|message| oracle(&message[..message.len() - cut]));
    let short: Vec<Digest> = short.collect();
    for kernel in Kernel::available() {
        let mut digests = [vec![[0; 32]; messages.len()], vec![[0; 32]; messages.len()]];
        let [whole, of_cut] = &mut digests;
        keccak256_batch_cut_with(kernel, &messages, cut, whole, of_cut);
        assert_eq!(digests, [expected.clone(), short.clone()], "{kernel}, {cut}");
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

#[test]
#[should_panic(expected = "no message is shorter")]
fn a_message_that_is_too_short_to_be_cut_panics() {
    keccak256_batch_cut(&[b"one"], 4, &mut [[0; 32]], &mut [[0; 32]]);
}

proptest! {
    #[test]
    fn every_kernel_agrees_with_the_oracle(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..500), 0..30),
    ) {
        compare(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
}
