//! `sec/1` beside plain RLPx, in one run: the same connection over loopback with either link, both ends on one core,
//! through the bare stream and through `Channel`; the handshake; and what depends on the link on a whole connection.

#[path = "shared/channel.rs"]
mod channel;
#[path = "shared/crowd.rs"]
#[expect(dead_code, reason = "the times are for the benchmark of the server")]
mod crowd;
#[path = "shared/handshake.rs"]
mod handshake;
#[path = "shared/ping.rs"]
mod ping;
#[path = "shared/stream.rs"]
mod stream;
#[path = "shared/whisper_node.rs"]
mod whisper_node;
#[path = "sec/whole.rs"]
mod whole;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rlpx_transport::{SecPolicy, SecSettings};

use stream::streams;

/// The sizes of the messages, in bytes.
const SIZES: [(usize, &str); 4] =
    [(64, "64b"), (1024, "1k"), (64 * 1024, "64k"), (1024 * 1024, "1m")];

/// Both links, with the prefix of their benchmarks.
fn links() -> [(&'static str, SecSettings); 2] {
    [("", SecSettings::new(SecPolicy::Require)), ("rlpx_", SecSettings::off())]
}

fn throughput(criterion: &mut Criterion) {
    crowd::run_node_if_asked();
    let runtime = benches::one_thread();
    let mut group = criterion.benchmark_group("sec");
    for (size, name) in SIZES {
        let payload = Bytes::from(benches::bytes(size));
        group.throughput(Throughput::Bytes(size as u64));
        for (link, sec) in links() {
            group.bench_function(format!("{link}tcp_{name}"), |bencher| {
                let streams = runtime.block_on(streams(sec));
                stream::throughput(bencher, &runtime, streams, &payload);
            });
            group.bench_function(format!("{link}channel_{name}"), |bencher| {
                channel::throughput(bencher, &runtime, sec, &payload);
            });
        }
    }
}

fn whole(_: &mut Criterion) {
    whole::handshakes();
    whole::ping_beside_flood();
    whole::relayed_envelopes();
    whole::idle_peers();
}

criterion_group!(benches, throughput, whole);
criterion_main!(benches);
