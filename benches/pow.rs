//! Proof of work: the search on one core with each kernel and under both rules, compared with alternative crates and
//! with the limit of the processor; and the cost of checking an envelope.

use std::{
    fs,
    future::Future as _,
    hint::black_box,
    task::{Context, Waker},
    thread,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use keccak_lanes::{Keccak256, Search, Zeros, calibration::ternary_logic};
use tiny_keccak::Hasher as _;
use whisper_envelope::{Envelope, Topic, Unsealed};
use whisper_pow::{Miner, Policy, Rule, Target, Task, search};

/// Nonces per iteration. The list of bench cases in `xtask` uses the same number.
const NONCES: u64 = 4096;

/// More zero bits than the search will find, so that it tries every nonce.
const UNREACHABLE_ZEROS: u32 = 250;

/// The bytes before the nonce under the rule of go-ethereum 1.8: a hash and 24 zeros.
const PREFIX: [u8; 56] = [7; 56];

/// An envelope with `data` bytes of data.
fn unsealed(data: usize) -> Unsealed {
    Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &benches::bytes(data))
}

fn rates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pow");
    for (rule, rule_name) in [(Rule::GETH_1_8, "geth"), (Rule::EIP_627, "eip627")] {
        for (data, data_name) in [(256, "256b"), (4096, "4k")] {
            let task = Task::new(rule, &unsealed(data)).expect("a time to live");
            group.bench_function(format!("{rule_name}_{data_name}"), |bencher| {
                bencher.iter(|| search(&task, 0..=NONCES - 1, UNREACHABLE_ZEROS, || false));
            });
        }
    }
}

/// The search of `keccak-lanes` with each kernel.
fn kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pow");
    for name in ["avx512", "avx2", "portable"] {
        let prefix = Keccak256::with_kernel(benches::kernel(name)).chain(&PREFIX);
        let search = Search::after(&prefix);
        group.bench_function(name, |bencher| {
            bencher.iter(|| search.find(Zeros::Leading(UNREACHABLE_ZEROS), 0, NONCES));
        });
    }
}

/// Alternative crates, which hash one nonce after the other from a midstate.
fn crates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pow");
    group.bench_function("sha3", |bencher| {
        use sha3::Digest as _;
        let midstate = sha3::Keccak256::new_with_prefix(PREFIX);
        bencher.iter(|| {
            for nonce in 0..NONCES {
                black_box(midstate.clone().chain_update(nonce.to_be_bytes()).finalize());
            }
        });
    });
    group.bench_function("keccak_asm", |bencher| {
        use keccak_asm::Digest as _;
        let midstate = keccak_asm::Keccak256::new_with_prefix(PREFIX);
        bencher.iter(|| {
            for nonce in 0..NONCES {
                black_box(midstate.clone().chain_update(nonce.to_be_bytes()).finalize());
            }
        });
    });
    group.bench_function("tiny_keccak", |bencher| {
        let mut midstate = tiny_keccak::Keccak::v256();
        midstate.update(&PREFIX);
        bencher.iter(|| {
            for nonce in 0..NONCES {
                let (mut keccak, mut digest) = (midstate.clone(), [0; 32]);
                keccak.update(&nonce.to_be_bytes());
                keccak.finalize(&mut digest);
                black_box(digest);
            }
        });
    });
}

/// The limit of the execution ports for 512-bit operations: the ternary-logic instructions of `NONCES` hashes, at 90
/// for each round. Without AVX-512 there is no such limit, and the search itself is measured instead.
fn bound(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pow");
    if ternary_logic(1) {
        let operations = NONCES / 8 * 24 * 90;
        group.bench_function("bound", |bencher| bencher.iter(|| ternary_logic(operations)));
        return;
    }
    eprintln!("this machine has no AVX-512: `pow.avx512_vs_bound` has no meaning");
    let search = Search::after(&Keccak256::new().chain(&PREFIX));
    group.bench_function("bound", |bencher| {
        bencher.iter(|| search.find(Zeros::Leading(UNREACHABLE_ZEROS), 0, NONCES));
    });
}

/// Throughput of two threads compared with one. Both threads do the same work at the same time.
fn threads(_: &mut Criterion) {
    const ROUNDS: usize = 15;
    let search = Search::after(&Keccak256::new().chain(&PREFIX));
    let work = || black_box(search.find(Zeros::Leading(UNREACHABLE_ZEROS), 0, NONCES * 64));
    let took = |threads: usize| {
        let start = Instant::now();
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        start.elapsed().as_secs_f64()
    };
    let mut gains: Vec<f64> =
        (0..benches::size(ROUNDS, 1)).map(|_| 2.0 * took(1) / took(2)).collect();
    benches::measured("pow.two_threads_vs_one", benches::percentile(&mut gains, 0.5));
}

/// Time from dropping the future of a search until its threads have ended.
fn cancel(_: &mut Criterion) {
    const ROUNDS: usize = 100;
    let (miner, unsealed) = (Miner::new(), unsealed(256));
    let took = |_| {
        let sealing = miner.seal(&unsealed, Rule::EIP_627, Target::Best, Duration::MAX);
        let mut sealing = Box::pin(sealing);
        // Without a runtime: the first poll starts the threads.
        assert!(sealing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        thread::sleep(Duration::from_millis(2));
        let start = Instant::now();
        drop(sealing);
        while searching() > 0 {
            thread::yield_now();
        }
        start.elapsed().as_secs_f64() * 1e3
    };
    let mut took: Vec<f64> = (0..benches::size(ROUNDS, 2)).map(took).collect();
    benches::measured("pow.cancel_p99_ms", benches::percentile(&mut took, 0.99));
}

/// Number of miner threads in this process. 0 if the system does not list threads.
fn searching() -> usize {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let names = threads.map(|thread| fs::read_to_string(thread.path().join("comm")));
    names.filter(|name| name.as_deref().is_ok_and(|name| name == "whisper-pow\n")).count()
}

fn verify(criterion: &mut Criterion) {
    let policy = Policy::default();
    let envelopes: Vec<Envelope> = (0..64).map(|nonce| unsealed(256).seal(nonce)).collect();
    let all: Vec<(&Envelope, u32)> =
        envelopes.iter().map(|envelope| (envelope, envelope.ttl())).collect();
    let mut group = criterion.benchmark_group("pow");
    // Under every accepted rule, as a node checks each received envelope.
    group.bench_function("verify_256b", |bencher| bencher.iter(|| policy.work(&envelopes[0])));
    for count in [8, 64] {
        group.bench_function(format!("verify_256b_batch{count}"), |bencher| {
            bencher.iter(|| policy.works(&all[..count]));
        });
    }
}

criterion_group!(benches, rates, kernels, crates, bound, threads, cancel, verify);
criterion_main!(benches);
