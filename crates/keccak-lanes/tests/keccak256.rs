//! Known answers, comparison with the `sha3` crate, and properties of a running state, for every kernel that this
//! machine can run.

use keccak_lanes::{Digest, Keccak256, Kernel, keccak256};
use proptest::prelude::*;

/// The digest as the `sha3` crate computes it.
fn oracle(data: &[u8]) -> Digest {
    <sha3::Keccak256 as sha3::Digest>::digest(data).into()
}

/// The digest from each kernel, with one update for each piece.
fn digests(pieces: &[&[u8]]) -> Vec<(Kernel, Digest)> {
    let digest = |kernel| {
        let mut state = Keccak256::with_kernel(kernel);
        pieces.iter().for_each(|piece| state.update(piece));
        (kernel, state.finalize())
    };
    Kernel::available().map(digest).collect()
}

/// `length` bytes: 0, 1, … 250, 0, 1, …
fn pattern(length: usize) -> Vec<u8> {
    (0u8..=250).cycle().take(length).collect()
}

#[test]
fn known_answers() {
    let cases: [(&[u8], &str); 2] = [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ];
    for (input, answer) in cases {
        assert_eq!(hex::encode(keccak256(input)), answer);
        for (kernel, digest) in digests(&[input]) {
            assert_eq!(hex::encode(digest), answer, "{kernel}");
        }
    }
}

/// A block is 136 bytes: the padding shares the last one, fills it, or needs a block of its own. The answers come from
/// an independent implementation in another language.
#[test]
fn known_answers_around_the_block_length() {
    let cases = [
        (134, "861e165162f806cd361c4421a48f205820ddf4deb02db9f041f48e179ddada97"),
        (135, "cbdfd9dee5faad3818d6b06f95a219fd290b0e1706f6a82e5a595b9ce9faca62"),
        (136, "7ce759f1ab7f9ce437719970c26b0a66ff11fe3e38e17df89cf5d29c7d7f807e"),
        (137, "ac73d4fae68b8453f764007c1a20ce95994187861f0c3227a3a8e99a73a3b1db"),
        (271, "27eceb59ebc3dc8a04a5b135be641591a7278540e4556a2ba9f408194e666ec3"),
        (272, "8e2476e65823b24d96ebe239f2c1534cdf763e689e2410c3b1cb0c74e6177bfc"),
        (273, "3f02f134370e4debb95140ef49ddd3aed8c65ff1ed83a43f1b269421f179c5f9"),
        (1000, "af692982e84a5a9688359025660a7857cd28ee7c8d867cfa1677baf2e6d1f63b"),
    ];
    for (length, answer) in cases {
        for (kernel, digest) in digests(&[&pattern(length)]) {
            assert_eq!(hex::encode(digest), answer, "{kernel}, {length} bytes");
        }
    }
}

#[test]
fn every_kernel_agrees_with_the_oracle_at_every_length() {
    let input = pattern(600);
    for length in 0..=600 {
        let expected = oracle(&input[..length]);
        for (kernel, digest) in digests(&[&input[..length]]) {
            assert_eq!(digest, expected, "{kernel}, {length} bytes");
        }
    }
}

/// One byte per update, so that an update starts at every byte of a block.
#[test]
fn every_kernel_accepts_single_bytes() {
    let input = pattern(300);
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    for (kernel, digest) in digests(&bytes) {
        assert_eq!(digest, oracle(&input), "{kernel}");
    }
}

/// The public key and the node id of the example record in EIP-778.
#[test]
fn the_node_id_of_eip_778() {
    let key = "ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd3138\
               7574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f";
    let id = "a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7";
    assert_eq!(hex::encode(keccak256(&hex::decode(key).unwrap())), id);
}

/// The state of a MAC is equivalent to its key.
#[test]
fn debug_does_not_show_the_state() {
    let empty = format!("{:?}", Keccak256::new());
    assert_eq!(format!("{:?}", Keccak256::new().chain(b"secret")), empty);
}

/// Pieces of a message, many of them about as long as a block.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let length = prop_oneof![0..20usize, 130..140usize, 0..600usize];
    let piece = length.prop_flat_map(|length| prop::collection::vec(any::<u8>(), length));
    prop::collection::vec(piece, 0..6)
}

proptest! {
    #[test]
    fn the_digest_depends_only_on_the_concatenation(pieces in pieces()) {
        let expected = oracle(&pieces.concat());
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        for (kernel, digest) in digests(&pieces) {
            prop_assert_eq!(digest, expected, "{}", kernel);
        }
    }

    #[test]
    fn every_kernel_agrees_with_the_oracle(data in prop::collection::vec(any::<u8>(), 0..5000)) {
        let expected = oracle(&data);
        for (kernel, digest) in digests(&[&data]) {
            prop_assert_eq!(digest, expected, "{}", kernel);
        }
    }

    #[test]
    fn reading_the_digest_does_not_change_the_state(pieces in pieces()) {
        let mut state = Keccak256::new();
        for seen in 0..pieces.len() {
            state.update(&pieces[seen]);
            let digest = oracle(&pieces[..=seen].concat());
            prop_assert_eq!(state.digest(), digest);
            prop_assert_eq!(state.digest(), digest);
        }
    }

    #[test]
    fn a_clone_is_independent(common: Vec<u8>, one: Vec<u8>, other: Vec<u8>) {
        let mut first = Keccak256::new().chain(&common);
        let mut second = first.clone();
        first.update(&one);
        second.update(&other);
        prop_assert_eq!(first.finalize(), oracle(&[&common[..], &one].concat()));
        prop_assert_eq!(second.finalize(), oracle(&[&common[..], &other].concat()));
    }
}
