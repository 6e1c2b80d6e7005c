//! A million envelopes: how long one call waits while they arrive, and while all of them expire in one second; and the
//! memory that is left then.

use std::time::Duration;

use allocation_counter::measure;
use rand::RngCore as _;
use tokio::{runtime::Builder, time::sleep};
use whisper_envelope::{Envelope, Unsealed};
use whisper_protocol::{Clock, Config, Topic, Whisper, Work};

/// Number of envelopes in one call.
const BATCH: usize = 128;

/// The time to live of those that remain.
const LONG: u32 = 3600;

fn count() -> usize {
    if benches::measuring() { 1_000_000 } else { 1000 }
}

/// Reports the figures. The stalls are processor time of one thread, so that other programs do not affect them.
pub(crate) fn stalls() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let [grow, expire] = runtime.block_on(grow_and_expire()).map(|stall| stall.as_secs_f64() * 1e3);
    benches::measured("relay.grow_1m_stall_ms", grow);
    benches::measured("relay.expire_1m_stall_ms", expire);
    benches::measured("relay.memory_after_expiry_vs_alive", memory());
}

/// The longest call while the envelopes arrive, and the longest time for which other tasks wait while they expire.
async fn grow_and_expire() -> [Duration; 2] {
    let whisper = node();
    // They must not expire before all have arrived.
    let ttl = if benches::measuring() { 60 } else { 2 };
    let expiry = Clock::system().now() + ttl;
    let mut grow = Duration::ZERO;
    for batch in 0..count().div_ceil(BATCH) {
        let envelopes = envelopes(batch, expiry, ttl);
        let clock = thread_time();
        let _ = whisper.inject_all(&envelopes);
        grow = grow.max(thread_time() - clock);
    }
    assert!(Clock::system().now() < expiry, "too slow");
    let mut expire = Duration::ZERO;
    loop {
        let clock = thread_time();
        sleep(Duration::from_millis(1)).await;
        expire = expire.max(thread_time() - clock);
        if Clock::system().now() > expiry && whisper.info().envelopes == 0 {
            return [grow, expire];
        }
    }
}

/// The processor time of this thread; on other systems than Linux, the time.
fn thread_time() -> Duration {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.try_into().expect("a time after 0")
    }
    #[cfg(not(target_os = "linux"))]
    std::time::UNIX_EPOCH.elapsed().expect("a clock that is set")
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
                sleep(Duration::from_millis(20)).await;
            }
            kept = Some(whisper);
        });
    });
    drop(kept);
    taken.bytes_current
}
