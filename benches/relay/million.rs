//! A million envelopes: how long one call waits while they arrive, and while all of them expire in one second; and the
//! memory that is left then.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use allocation_counter::measure;
use rand::RngCore as _;
use tokio::runtime::Builder;
use whisper_envelope::{Envelope, Unsealed};
use whisper_protocol::{Clock, Config, Topic, Whisper, Work};

/// Number of envelopes in one call.
const BATCH: usize = 128;

/// The time to live of those that remain.
const LONG: u32 = 3600;

fn count() -> usize {
    if benches::measuring() { 1_000_000 } else { 1000 }
}

/// Reports the figures.
pub(crate) fn stalls() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    let whisper = node();
    // They must not expire before all have arrived.
    let ttl = if benches::measuring() { 30 } else { 2 };
    let expiry = Clock::system().now() + ttl;
    let mut longest = Duration::ZERO;
    for batch in 0..count().div_ceil(BATCH) {
        let envelopes = envelopes(batch, expiry, ttl);
        let clock = Instant::now();
        let _ = whisper.inject_all(&envelopes);
        longest = longest.max(clock.elapsed());
    }
    benches::measured("relay.grow_1m_stall_ms", longest.as_secs_f64() * 1e3);
    assert!(Clock::system().now() < expiry, "too slow");
    let mut longest = Duration::ZERO;
    loop {
        thread::sleep(Duration::from_micros(200));
        let clock = Instant::now();
        let left = whisper.info().envelopes;
        longest = longest.max(clock.elapsed());
        if left == 0 {
            break;
        }
    }
    benches::measured("relay.expire_1m_stall_ms", longest.as_secs_f64() * 1e3);
    benches::measured("relay.memory_after_expiry_vs_alive", memory());
}

fn node() -> Whisper {
    Whisper::new(Config { pool_bytes: usize::MAX, min_work: Work::ZERO, ..Config::default() })
}

fn envelopes(batch: usize, expiry: u32, ttl: u32) -> Vec<Envelope> {
    let mut body = [0; 256];
    rand::rng().fill_bytes(&mut body);
    let first = (batch * BATCH) as u64;
    let numbers = first..first + BATCH as u64;
    let seal = |number: u64| {
        body[..8].copy_from_slice(&number.to_be_bytes());
        Unsealed::v6(expiry, ttl, Topic(*b"else"), &body).seal(number)
    };
    numbers.map(seal).collect()
}

/// The heap memory after all but one in eight envelopes have expired, over the memory that the rest alone takes. As
/// requested from the allocator, on one thread.
#[expect(clippy::cast_precision_loss, reason = "a ratio")]
fn memory() -> f64 {
    let count = count() / 5;
    let alone = after_expiry(count, false);
    let rest = after_expiry(count, true);
    rest as f64 / alone as f64
}

/// The heap memory of a node with `count / 8` envelopes; `others`: after the rest have expired.
fn after_expiry(count: usize, others: bool) -> i64 {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let done = AtomicBool::new(false);
    let mut kept = None;
    let taken = measure(|| {
        runtime.block_on(async {
            let whisper = node();
            let now = Clock::system().now();
            let ttl = if benches::measuring() { 6 } else { 1 };
            let mut left = 0;
            for batch in 0..count.div_ceil(BATCH) {
                let stays = batch % 8 == 0;
                let ttl = if stays { LONG } else { ttl };
                let envelopes = envelopes(batch, now + ttl, ttl);
                if stays || others {
                    let _ = whisper.inject_all(&envelopes);
                    left += if stays { envelopes.len() } else { 0 };
                }
            }
            while whisper.info().envelopes > left {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            kept = Some(whisper);
        });
        done.store(true, Relaxed);
    });
    drop(kept);
    taken.bytes_current
}
