//! Allocations: buffers are allocated once, then reused.
//!
//! The allocator of this test counts what its own thread asks for.

use crate::peers::sessions;
use allocation_counter::measure;
use bytes::BytesMut;
use rand::RngCore;
use rlpx_transport::{Message, Opener};

/// Frames that are sealed or opened before anything is counted, and then counted.
const FRAMES: usize = 30;

/// A run of messages of one size through one direction of a connection.
struct Run {
    size: usize,
    snappy: bool,
    /// Random bytes rather than zeros, which Snappy makes short.
    random: bool,
}

/// How often sealing and opening asked the allocator for memory, once everything was warm.
fn allocations(run: &Run) -> (u64, u64) {
    let (near, far) = sessions();
    let (mut sealer, mut opener) = (near.sealer, far.opener);
    if run.snappy {
        sealer.enable_snappy();
        opener.enable_snappy();
    }
    let mut payload = vec![0; run.size];
    if run.random {
        crate::peers::rng(1).fill_bytes(&mut payload);
    }
    let (mut wire, mut input) = (BytesMut::new(), BytesMut::new());
    let mut frame = || {
        let sealed = measure(|| {
            wire.clear();
            sealer.seal(17, &payload, &mut wire).unwrap();
        });
        let opened = measure(|| {
            let message = receive(&mut opener, &wire, &mut input);
            assert_eq!((message.code, message.payload.len()), (17, payload.len()));
        });
        (sealed.count_total, opened.count_total)
    };
    let cold = (0..FRAMES).map(|_| frame()).fold((0, 0), add);
    assert!(cold.0 > 0 && cold.1 > 0, "buffers come from somewhere, so the counter counts");
    (0..FRAMES).map(|_| frame()).fold((0, 0), add)
}

fn add(sum: (u64, u64), frame: (u64, u64)) -> (u64, u64) {
    (sum.0 + frame.0, sum.1 + frame.1)
}

/// As a connection does it: room for a read, what the read brings, what is in it.
fn receive(opener: &mut Opener, mut wire: &[u8], input: &mut BytesMut) -> Message {
    loop {
        opener.reserve(input);
        let (read, rest) = wire.split_at(wire.len().min(input.capacity() - input.len()));
        input.extend_from_slice(read);
        wire = rest;
        if let Some(message) = opener.open(input).unwrap() {
            return message;
        }
    }
}

#[test]
fn no_frame_allocates_after_the_first_ones() {
    for size in [0, 1, 64, 1024, 16 * 1024, 64 * 1024] {
        for (snappy, random) in [(false, true), (true, true), (true, false)] {
            let run = Run { size, snappy, random };
            assert_eq!(allocations(&run), (0, 0), "{size} bytes, snappy {snappy}, random {random}");
        }
    }
}

/// A larger message comes in a buffer of its own, which is given back: see `Opener::reserve`.
#[test]
fn a_large_frame_is_sealed_without_and_opened_with_a_few_allocations() {
    let (sealing, opening) = allocations(&Run { size: 1 << 20, snappy: false, random: true });
    assert_eq!(sealing, 0);
    assert!(opening <= 16 * FRAMES as u64, "{opening}");
}

/// Both ends of a stream over a pipe.
#[cfg(feature = "tokio")]
#[test]
fn a_stream_allocates_nothing_either() {
    use crate::peers::key;
    use rlpx_transport::{HANDSHAKE_LIMIT, accept, connect};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (mut near, mut far) = runtime.block_on(async {
        let (here, there) = tokio::io::duplex(1 << 20);
        let (near, far, id) = (key(1), key(2), key(2).id());
        tokio::try_join!(
            connect(here, &near, &id, HANDSHAKE_LIMIT),
            accept(there, &far, HANDSHAKE_LIMIT)
        )
        .unwrap()
    });
    let payload = vec![7; 1024];
    let mut frames = || {
        runtime.block_on(async {
            for _ in 0..FRAMES {
                near.write(17, &payload).await.unwrap();
            }
            near.flush().await.unwrap();
            for _ in 0..FRAMES {
                assert_eq!(far.read().await.unwrap().unwrap().payload.len(), payload.len());
            }
        });
    };
    let cold = measure(|| (0..8).for_each(|_| frames()));
    assert!(cold.count_total > 0);
    assert_eq!(measure(&mut frames).count_total, 0);
}
