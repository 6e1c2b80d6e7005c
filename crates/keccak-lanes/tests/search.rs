//! The search, with every kernel that this machine can run, compared with the `sha3` crate, which hashes one nonce
//! after the other.

use keccak_lanes::{Digest, Keccak256, Kernel, Search, Zeros};
use proptest::prelude::*;

/// The digest as the `sha3` crate computes it.
fn oracle(prefix: &[u8], nonce: u64) -> Digest {
    let message = [prefix, &nonce.to_be_bytes()].concat();
    <sha3::Keccak256 as sha3::Digest>::digest(message).into()
}

/// Whether a digest has the zeros, counted bit by bit.
fn has(zeros: Zeros, digest: &Digest) -> bool {
    let bit = |at: usize| digest[at / 8] >> (7 - at % 8) & 1;
    let count = match zeros {
        Zeros::Leading(_) => (0..256).take_while(|at| bit(*at) == 0).count(),
        Zeros::Trailing(_) => (0..256).rev().take_while(|at| bit(*at) == 0).count(),
    };
    let (Zeros::Leading(wanted) | Zeros::Trailing(wanted)) = zeros;
    count >= wanted as usize
}

/// Every nonce of the range that the search finds, one per call.
fn found(search: &Search, zeros: Zeros, start: u64, count: u64) -> Vec<u64> {
    let (mut all, mut done) = (Vec::new(), 0);
    while done < count
        && let Some(nonce) = search.find(zeros, start.wrapping_add(done), count - done)
    {
        all.push(nonce);
        done = nonce.wrapping_sub(start) + 1;
    }
    all
}

fn search(kernel: Kernel, prefix: &[u8]) -> Search {
    Search::after(&Keccak256::with_kernel(kernel).chain(prefix))
}

/// Compares all kernels with the oracle, which hashes each nonce once.
fn compare(prefix: &[u8], start: u64, count: u64, goals: &[Zeros]) {
    let digests: Vec<(u64, Digest)> = (0..count)
        .map(|done| start.wrapping_add(done))
        .map(|nonce| (nonce, oracle(prefix, nonce)))
        .collect();
    for &zeros in goals {
        let good = digests.iter().filter(|(_, digest)| has(zeros, digest));
        let expected: Vec<u64> = good.map(|(nonce, _)| *nonce).collect();
        for kernel in Kernel::available() {
            let found = found(&search(kernel, prefix), zeros, start, count);
            let length = prefix.len();
            assert_eq!(found, expected, "{kernel}, {length} bytes, {zeros:?} from {start}");
        }
    }
}

const BOTH_ENDS: [Zeros; 2] = [Zeros::Leading(2), Zeros::Trailing(2)];

/// Prefixes of up to three blocks: the nonce in one word or in two, in the last block or across two blocks.
#[test]
fn every_kernel_agrees_with_the_oracle_after_every_prefix_length() {
    let bytes: Vec<u8> = (0u8..=250).cycle().take(408).collect();
    for length in 0..=bytes.len() {
        // Ranges across 2^32 and across 2^64 that are not a multiple of any vector length.
        compare(&bytes[..length], (1 << 32) - 17, 37, &BOTH_ENDS);
        compare(&bytes[..length], 17u64.wrapping_neg(), 37, &BOTH_ENDS);
    }
}

/// Short enough for Miri.
#[test]
fn a_few_nonces() {
    compare(b"prefix", 3, 3, &[Zeros::Leading(1), Zeros::Trailing(1)]);
    compare(&[7; 133], 3, 2, &[Zeros::Leading(1)]);
}

#[test]
fn no_nonce_outside_the_range_is_tried() {
    for kernel in Kernel::available() {
        let search = search(kernel, b"prefix");
        for count in 0..=20 {
            // Every digest has at least 0 zeros, and none has 257.
            assert_eq!(found(&search, Zeros::Leading(0), 5, count).len() as u64, count);
            assert_eq!(search.find(Zeros::Trailing(257), 5, count), None, "{kernel}");
        }
    }
}

/// The kernels check 64 bits. A test cannot find a digest with more zeros, but a search for more must not succeed with
/// fewer.
#[test]
fn a_search_for_more_zeros_than_a_word_has_finds_nothing() {
    for kernel in Kernel::available() {
        let search = search(kernel, b"prefix");
        assert_eq!(search.find(Zeros::Leading(65), 0, 10_000), None, "{kernel}");
        assert_eq!(search.find(Zeros::Trailing(200), 0, 10_000), None, "{kernel}");
    }
}

proptest! {
    #[test]
    fn every_kernel_agrees_with_the_oracle(
        prefix in prop::collection::vec(any::<u8>(), 0..1000),
        start: u64,
        count in 0..200u64,
        zeros in 0..9u32,
    ) {
        compare(&prefix, start, count, &[Zeros::Leading(zeros), Zeros::Trailing(zeros)]);
    }

    #[test]
    fn the_digest_covers_prefix_and_nonce(prefix: Vec<u8>, nonce: u64) {
        for kernel in Kernel::available() {
            prop_assert_eq!(search(kernel, &prefix).digest(nonce), oracle(&prefix, nonce));
        }
    }
}
