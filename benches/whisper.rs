//! The Whisper node: hops, throughput, fan-out, memory, filters, a flood, junk.
//!
//! With the name of a case on the command line, or a part of one, only that case is measured.

#[path = "whisper/fanout.rs"]
mod fanout;
#[path = "whisper/filters.rs"]
mod filters;
#[path = "whisper/flood.rs"]
mod flood;
#[path = "whisper/hops.rs"]
mod hops;
#[path = "whisper/junk.rs"]
mod junk;
#[path = "whisper/memory.rs"]
mod memory;
#[path = "whisper/node.rs"]
mod node;
#[path = "whisper/raw_peer.rs"]
mod raw_peer;
#[path = "whisper/sealing.rs"]
mod sealing;
#[path = "whisper/throughput.rs"]
mod throughput;
#[path = "shared/whisper_node.rs"]
mod whisper_node;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use whisper_envelope::SymmetricKey;
use whisper_protocol::Whisper;

fn printed_figures(_: &mut Criterion) {
    if fanout::is_node() {
        return fanout::node();
    }
    let measurements: [(&str, fn()); 8] = [
        ("whisper.hop whisper.line3", hops::latency),
        ("whisper.throughput", throughput::envelopes_per_second),
        ("whisper.fanout", fanout::latency_and_share),
        ("whisper.pool", memory::bytes),
        ("whisper.filter whisper.trial", filters::times),
        ("whisper.flood", flood::latency),
        ("whisper.junk", junk::delivery),
        ("whisper.post_beside_post", sealing::beside),
    ];
    for (cases, measure) in measurements {
        if benches::wanted(cases) {
            measure();
        }
    }
}

fn inject(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let _inside = runtime.enter();
    let whisper = Whisper::new(node::settings());
    let key = SymmetricKey::random(&mut rand::rng());
    let mut group = criterion.benchmark_group("whisper");
    let mut number = 0;
    group.bench_function("inject", |bencher| {
        let fresh = || {
            number += 1;
            node::message(&key, number)
        };
        bencher.iter_batched(fresh, |envelope| whisper.inject(envelope), BatchSize::SmallInput);
    });
}

criterion_group!(benches, printed_figures, inject);
criterion_main!(benches);
