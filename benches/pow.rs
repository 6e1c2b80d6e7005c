//! Proof of work: the search on one core under both rules, and what checking an envelope costs.

use criterion::{Criterion, criterion_group, criterion_main};
use whisper_envelope::{Topic, Unsealed};
use whisper_pow::{Policy, Rule, Task, search};

/// Nonces in one iteration; the list of cases knows it too.
const NONCES: u64 = 4096;

/// More zero bits than will be found: the search tries every nonce.
const NEVER: u32 = 250;

/// An envelope of that many bytes of data.
fn unsealed(data: usize) -> Unsealed {
    Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &benches::bytes(data))
}

fn rates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pow");
    for (rule, rule_name) in [(Rule::GETH_1_8, "geth"), (Rule::EIP_627, "eip627")] {
        for (data, data_name) in [(256, "256b"), (4096, "4k")] {
            let task = Task::new(rule, &unsealed(data)).expect("a time to live");
            group.bench_function(format!("{rule_name}_{data_name}"), |bencher| {
                bencher.iter(|| search(&task, 0..=NONCES - 1, NEVER, || false));
            });
        }
    }
}

fn verify(criterion: &mut Criterion) {
    let policy = Policy::default();
    let envelope = unsealed(256).seal(12_345);
    assert!(policy.work(&envelope).is_ok());
    let mut group = criterion.benchmark_group("pow");
    // Under every rule that the node accepts, as it does for each envelope that arrives.
    group.bench_function("verify_256b", |bencher| bencher.iter(|| policy.work(&envelope)));
}

criterion_group!(benches, rates, verify);
criterion_main!(benches);
