//! Keccak-256 of one message: our kernels compared with each other and with alternative crates.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keccak_lanes::{Keccak256, Kernel, keccak256};
use sha3::Digest as _;
use tiny_keccak::Hasher as _;

fn one(criterion: &mut Criterion) {
    let (large, small) = (benches::bytes(64 * 1024), benches::bytes(64));
    let avx512 = benches::kernel("avx512");
    let mut group = criterion.benchmark_group("keccak");
    group.throughput(Throughput::Bytes(large.len() as u64));
    group.bench_function("one_64k", |bencher| bencher.iter(|| keccak256(&large)));
    group.bench_function("portable_64k", |bencher| {
        bencher.iter(|| Keccak256::with_kernel(Kernel::PORTABLE).chain(&large).finalize());
    });
    group.bench_function("avx512vl_64k", |bencher| {
        bencher.iter(|| Keccak256::with_kernel(avx512).chain(&large).finalize());
    });
    group.bench_function("sha3_64k", |bencher| bencher.iter(|| sha3::Keccak256::digest(&large)));
    group.bench_function("keccak_asm_64k", |bencher| {
        bencher.iter(|| keccak_asm::Keccak256::digest(&large));
    });
    group.bench_function("tiny_keccak_64k", |bencher| bencher.iter(|| tiny_keccak(&large)));
    group.throughput(Throughput::Bytes(small.len() as u64));
    group.bench_function("one_64b", |bencher| bencher.iter(|| keccak256(&small)));
}

fn tiny_keccak(data: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    let mut keccak = tiny_keccak::Keccak::v256();
    keccak.update(data);
    keccak.finalize(&mut digest);
    digest
}

criterion_group!(benches, one);
criterion_main!(benches);
