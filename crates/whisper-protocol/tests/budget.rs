//! Compares the memory that the pool counts with the memory that it allocates.

use std::time::{Duration, SystemTime};

use allocation_counter::measure;
use p2p_world::{ClockedWorld, SystemWorld};
use tokio::runtime;
use whisper_envelope::{Envelope, Topic, Unsealed};
use whisper_protocol::{Config, Whisper, Work};

const NOW: u32 = 1_700_000_000;

/// Number of envelopes. The table by hash has just grown, so the cost per envelope is at its maximum.
const COUNT: u64 = 14_400;

/// Approximate number of bytes that allocators add to the two allocations of each envelope by rounding up.
const ROUNDED: u64 = 22;

/// Small envelopes, so that most of the memory is bookkeeping.
fn envelopes() -> Vec<Envelope> {
    (0..COUNT)
        .map(|number| Unsealed::v6(NOW + 50, 50, Topic([7; 4]), &[0; 16]).seal(number))
        .collect()
}

#[test]
fn the_pool_counts_the_memory_that_it_allocates() {
    let runtime = runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _inside = runtime.enter();
    let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.into());
    let world = ClockedWorld::shared(SystemWorld::shared(), now);
    let node = Whisper::new(Config { min_work: Work::ZERO, world, ..Config::default() });
    let envelopes = envelopes();
    let taken = measure(|| drop(node.inject_all(&envelopes))).bytes_current;
    let taken = u64::try_from(taken).expect("it takes something") + ROUNDED * COUNT;
    let counted = node.info().pool_bytes as u64;
    assert_eq!(node.info().envelopes as u64, COUNT);
    assert!(taken <= counted, "{taken} bytes are taken, {counted} counted");
    assert!(counted <= taken * 5 / 4, "{taken} bytes are taken, {counted} counted: in vain");
}
