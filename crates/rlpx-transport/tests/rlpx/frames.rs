//! Frames in pieces, changed, too large, and compressed by an attacker.

use crate::peers::{buffer, sessions};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use rlpx_transport::{
    FrameError, MAX_FRAME_SIZE, MAX_PAYLOAD, Message, Opener, Sealer, SnappyError,
};

/// One direction of a connection.
fn pair() -> (Sealer, Opener) {
    let (from, to) = sessions();
    (from.sealer, to.opener)
}

fn sealed(sealer: &mut Sealer, code: u64, payload: &[u8]) -> BytesMut {
    let mut wire = BytesMut::new();
    sealer.seal(code, payload, &mut wire).unwrap();
    wire
}

/// What an opener with Snappy says of a payload that was "compressed" elsewhere.
fn inflate(compressed: &[u8]) -> Result<Bytes, FrameError> {
    let (mut sealer, mut opener) = pair();
    opener.enable_snappy();
    let opened = opener.open(&mut sealed(&mut sealer, 16, compressed));
    assert_eq!(opener.is_failed(), opened.is_err());
    opened.map(|message| message.unwrap().payload)
}

/// The Snappy error.
fn cause(compressed: &[u8]) -> SnappyError {
    match inflate(compressed) {
        Err(FrameError::Snappy { cause, message }) => {
            assert_eq!(message.payload, compressed, "the payload comes along as it was");
            cause
        }
        other => panic!("{other:?}"),
    }
}

/// The preamble of a compressed payload of `size` bytes.
fn declare(mut size: u32) -> Vec<u8> {
    let mut out = Vec::new();
    while size >= 0x80 {
        out.push(u8::try_from(size & 0x7f).unwrap() | 0x80);
        size >>= 7;
    }
    out.push(u8::try_from(size).unwrap());
    out
}

#[test]
fn a_message_of_the_largest_size_goes_through_and_one_more_byte_does_not() {
    let (mut sealer, mut opener) = pair();
    let largest = vec![0x5a; MAX_FRAME_SIZE - 1];
    let mut wire = sealed(&mut sealer, 1, &largest);
    assert_eq!(opener.open(&mut wire).unwrap().unwrap().payload, largest);

    let mut wire = BytesMut::from(&b"before"[..]);
    let refused = sealer.seal(1, &vec![0; MAX_FRAME_SIZE], &mut wire);
    let size = MAX_FRAME_SIZE + 1;
    assert_eq!(refused, Err(FrameError::TooLarge { size, limit: MAX_FRAME_SIZE }));
    let refused = sealer.seal(1, &vec![0; MAX_PAYLOAD + 1], &mut wire);
    let size = MAX_PAYLOAD + 1;
    assert_eq!(refused, Err(FrameError::TooLarge { size, limit: MAX_PAYLOAD }));

    // Nothing has changed: the sealer can be used further.
    assert_eq!(wire, b"before"[..]);
    let mut wire = sealed(&mut sealer, 1, b"after");
    assert_eq!(opener.open(&mut wire).unwrap().unwrap().payload[..], b"after"[..]);
}

#[test]
fn a_frame_beyond_the_limit_is_refused_at_its_header() {
    let (mut sealer, mut opener) = pair();
    opener.set_limit(100);
    let mut wire = sealed(&mut sealer, 1, &[7; 100]);
    assert_eq!(opener.open(&mut wire).unwrap().unwrap().payload.len(), 100);

    let mut header = sealed(&mut sealer, 1, &[7; 200]).split_to(32);
    let refused = FrameError::Oversized { size: 201, limit: 109 };
    assert_eq!(opener.open(&mut header), Err(refused));
}

#[test]
fn a_payload_just_beyond_the_limit_is_refused() {
    let (mut sealer, mut opener) = pair();
    opener.set_limit(100);
    let mut wire = sealed(&mut sealer, 1, &[7; 101]);
    assert_eq!(opener.open(&mut wire), Err(FrameError::Oversized { size: 101, limit: 100 }));
}

#[test]
fn the_limit_is_for_what_is_inflated() {
    let (mut sealer, mut opener) = pair();
    sealer.enable_snappy();
    opener.enable_snappy();
    opener.set_limit(1000);
    let mut wire = sealed(&mut sealer, 1, &[7; 1000]);
    assert!(wire.len() < 200);
    assert_eq!(opener.open(&mut wire).unwrap().unwrap().payload[..], [7; 1000]);

    let refused = opener.open(&mut sealed(&mut sealer, 1, &[7; 1001])).unwrap_err();
    let cause = SnappyError::Oversized { declared: 1001, limit: 1000 };
    assert!(matches!(refused, FrameError::Snappy { cause: c, .. } if c == cause), "{refused}");
}

#[test]
fn a_snappy_bomb_is_refused() {
    let beyond = |declared| SnappyError::Oversized { declared, limit: MAX_PAYLOAD };
    assert_eq!(cause(&declare(16 << 20)), beyond(16 << 20));
    assert_eq!(cause(&[&declare(u32::MAX)[..], &[0; 100]].concat()), beyond(0xffff_ffff));
    // Within the limit, but impossible for the number of bytes: no memory is allocated.
    assert_eq!(cause(&[&declare(0xff_ffff)[..], &[0; 1000]].concat()), SnappyError::Corrupt);
}

#[test]
fn the_densest_payload_is_inflated() {
    let (mut sealer, mut opener) = pair();
    sealer.enable_snappy();
    opener.enable_snappy();
    let zeros = vec![0; MAX_PAYLOAD];
    let mut wire = sealed(&mut sealer, 1, &zeros);
    assert!(wire.len() < MAX_PAYLOAD / 20);
    assert_eq!(opener.open(&mut wire).unwrap().unwrap().payload, zeros);

    // Denser than an encoder makes it: one literal, then only copies of 64 bytes.
    let copies = 100_000u32;
    let mut compressed = declare(1 + 64 * copies);
    compressed.extend([0x00, 0xaa]);
    (0..copies).for_each(|_| compressed.extend([0xfe, 0x01, 0x00]));
    assert_eq!(inflate(&compressed).unwrap(), vec![0xaa; 1 + 64 * copies as usize]);
}

#[test]
fn corrupt_snappy_is_refused() {
    assert_eq!(cause(&[]), SnappyError::Corrupt);
    assert_eq!(cause(&[0xff; 6]), SnappyError::Corrupt);
    // More declared than there is, and less.
    assert_eq!(cause(&[5, 3 << 2, 1, 2, 3, 4]), SnappyError::Corrupt);
    assert_eq!(cause(&[3, 3 << 2, 1, 2, 3, 4]), SnappyError::Corrupt);
    // A copy from before the beginning.
    assert_eq!(cause(&[8, 0x00, 0xaa, 0x0d, 0x09]), SnappyError::Corrupt);
    assert_eq!(inflate(&[4, 3 << 2, 1, 2, 3, 4]).unwrap()[..], [1, 2, 3, 4]);
    assert!(inflate(&[0]).unwrap().is_empty());
}

/// A Disconnect that crossed our Hello is not compressed. It cannot be inflated, so it comes as it
/// is, and the floor above can still read the reason.
#[test]
fn an_uncompressed_disconnect_can_still_be_read() {
    for disconnect in [&[0xc1, 0x04][..], &[0xc0], &[0x04], &[0x80], &[0xc1, 0x10]] {
        assert_eq!(cause(disconnect), SnappyError::Corrupt);
    }
}

#[test]
fn lost_bytes_are_noticed() {
    let (mut sealer, mut opener) = pair();
    let mut wire = sealed(&mut sealer, 1, b"first");
    wire.extend_from_slice(&sealed(&mut sealer, 1, b"second"));
    let mut lost = buffer(&wire[1..]);
    assert_eq!(opener.open(&mut lost), Err(FrameError::HeaderMac));
}

#[test]
fn a_frame_cannot_be_replayed_reordered_or_reflected() {
    let (first, second) = sessions();
    let (mut sealer, mut opener) = (first.sealer, second.opener);
    let wire = sealed(&mut sealer, 1, b"pay 5");
    let next = sealed(&mut sealer, 1, b"pay 6");
    opener.open(&mut buffer(&wire)).unwrap().unwrap();
    assert_eq!(opener.open(&mut buffer(&wire)), Err(FrameError::HeaderMac));

    let (_, mut opener) = pair();
    assert_eq!(opener.open(&mut buffer(&next)), Err(FrameError::HeaderMac));

    let mut own = first.opener;
    assert_eq!(own.open(&mut buffer(&wire)), Err(FrameError::HeaderMac));
}

#[test]
fn an_opener_says_what_it_needs() {
    let (mut sealer, mut opener) = pair();
    let mut wire = sealed(&mut sealer, 1, &[9; 100]);
    let mut input = BytesMut::new();
    assert!(opener.is_between_frames());
    while !wire.is_empty() {
        let missing = opener.needs(&input) - input.len();
        input.extend_from_slice(&wire.split_to(missing));
        let opened = opener.open(&mut input).unwrap();
        assert_eq!(opened.is_some(), wire.is_empty());
        assert_eq!(opener.is_between_frames(), wire.is_empty());
    }
}

/// A header may announce 16 MiB; memory is allocated as bytes arrive.
#[test]
fn room_grows_only_with_received_bytes() {
    let (mut sealer, mut opener) = pair();
    let frame = 2 << 20;
    let mut wire = sealed(&mut sealer, 1, &vec![1; frame]);
    let mut input = BytesMut::new();
    loop {
        assert_eq!(opener.open(&mut input).unwrap(), None);
        opener.reserve(&mut input);
        assert!(input.capacity() <= 64 * 1024 + 4 * input.len(), "{}", input.capacity());
        assert!(input.capacity() > input.len());
        if wire.len() < frame / 2 {
            break;
        }
        let room = (input.capacity() - input.len()).min(wire.len());
        input.extend_from_slice(&wire.split_to(room));
    }
}

/// Messages that are dropped give their memory back to the buffers, both ways and with Snappy.
#[test]
fn buffers_are_reused() {
    let (mut sealer, mut opener) = pair();
    sealer.enable_snappy();
    opener.enable_snappy();
    let (mut wire, mut input) = (BytesMut::new(), BytesMut::new());
    let mut places = std::collections::HashSet::new();
    for round in 0..200u8 {
        wire.clear();
        sealer.seal(17, &[round; 3000], &mut wire).unwrap();
        opener.reserve(&mut input);
        places.insert((wire.as_ptr(), input.as_ptr()));
        input.extend_from_slice(&wire);
        assert_eq!(opener.open(&mut input).unwrap().unwrap().payload[..], [round; 3000]);
    }
    assert!(places.len() < 200, "every round had a buffer of its own");
    assert!(input.capacity() <= 64 * 1024);
}

#[test]
fn the_buffer_of_a_large_message_is_freed() {
    let (mut sealer, mut opener) = pair();
    let mut input = sealed(&mut sealer, 1, &vec![1; 1 << 20]);
    drop(opener.open(&mut input).unwrap().unwrap());
    opener.reserve(&mut input);
    assert!(input.capacity() < 1 << 18, "{}", input.capacity());
}

/// Some messages and whether they are compressed.
fn messages() -> impl Strategy<Value = (Vec<Message>, bool)> {
    let payload = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        (any::<u8>(), 0..40_000usize).prop_map(|(byte, size)| vec![byte; size]),
    ];
    let code = prop_oneof![0..0x90u64, any::<u64>()];
    let message = (code, payload).prop_map(|(code, bytes)| Message { code, payload: bytes.into() });
    (proptest::collection::vec(message, 1..12), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The same messages come out, however the bytes are divided into reads.
    #[test]
    fn any_split_gives_the_same_messages(
        (messages, snappy) in messages(),
        cuts in proptest::collection::vec(1..2000usize, 1..40),
    ) {
        let (mut sealer, mut opener) = pair();
        if snappy {
            sealer.enable_snappy();
            opener.enable_snappy();
        }
        let mut wire = BytesMut::new();
        for message in &messages {
            sealer.seal(message.code, &message.payload, &mut wire).unwrap();
        }
        let (mut input, mut opened) = (BytesMut::new(), Vec::new());
        for cut in cuts.iter().cycle() {
            opener.reserve(&mut input);
            input.extend_from_slice(&wire.split_to(wire.len().min(*cut)));
            while let Some(message) = opener.open(&mut input).unwrap() {
                opened.push(message);
            }
            if wire.is_empty() {
                break;
            }
        }
        prop_assert_eq!(opened, messages);
        prop_assert!(input.is_empty());
    }

    /// One changed bit anywhere: every message before it comes, none of those behind.
    #[test]
    fn a_flipped_bit_ends_it((messages, snappy) in messages(), at in any::<proptest::sample::Index>()) {
        let (mut sealer, mut opener) = pair();
        if snappy {
            sealer.enable_snappy();
            opener.enable_snappy();
        }
        let (mut wire, mut ends) = (BytesMut::new(), Vec::new());
        for message in &messages {
            sealer.seal(message.code, &message.payload, &mut wire).unwrap();
            ends.push(wire.len());
        }
        let bit = at.index(wire.len() * 8);
        wire[bit / 8] ^= 1 << (bit % 8);
        for (message, _) in messages.iter().zip(&ends).filter(|(_, end)| **end <= bit / 8) {
            prop_assert_eq!(opener.open(&mut wire).unwrap().unwrap(), message.clone());
        }
        let refused = opener.open(&mut wire);
        prop_assert!(matches!(refused, Err(FrameError::HeaderMac | FrameError::BodyMac)));
        prop_assert_eq!(opener.open(&mut wire), Err(FrameError::Failed));
    }

    #[test]
    fn arbitrary_bytes_are_no_frame(bytes in proptest::collection::vec(any::<u8>(), 32..300)) {
        let (_, mut opener) = pair();
        prop_assert_eq!(opener.open(&mut buffer(&bytes)), Err(FrameError::HeaderMac));
    }

    /// A payload that is anything but compressed: a few happen to be, the rest is refused.
    #[test]
    fn arbitrary_bytes_inflate_to_what_they_declare_or_not_at_all(
        size in 0..300u32,
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        match inflate(&[&declare(size)[..], &bytes].concat()) {
            Ok(payload) => prop_assert_eq!(payload.len(), size as usize),
            Err(refused) => {
                let corrupt = matches!(
                    refused,
                    FrameError::Snappy { cause: SnappyError::Corrupt, .. }
                );
                prop_assert!(corrupt);
            }
        }
    }
}
