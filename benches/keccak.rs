//! Keccak-256, one state: our own against the portable crate.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sha3::{Digest as _, Keccak256 as Sha3};

fn one(criterion: &mut Criterion) {
    let (large, small) = (benches::bytes(64 * 1024), benches::bytes(64));
    let mut group = criterion.benchmark_group("keccak");
    group.throughput(Throughput::Bytes(large.len() as u64));
    group.bench_function("one_64k", |bencher| bencher.iter(|| keccak_lanes::keccak256(&large)));
    group.bench_function("sha3_64k", |bencher| bencher.iter(|| Sha3::digest(&large)));
    group.throughput(Throughput::Bytes(small.len() as u64));
    group.bench_function("one_64b", |bencher| bencher.iter(|| keccak_lanes::keccak256(&small)));
}

criterion_group!(benches, one);
criterion_main!(benches);
