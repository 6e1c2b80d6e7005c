//! One connection with sub-protocols, over loopback: from `Channel::send` on one node to `Channel::recv` on the other,
//! compared with the transport alone; and the effect of sub-protocols on each other.

#[path = "shared/channel.rs"]
mod channel;
#[path = "mux/deaf.rs"]
mod deaf;
#[path = "mux/hostile.rs"]
mod hostile;
#[cfg(target_os = "linux")]
#[path = "mux/link.rs"]
mod link;
#[path = "mux/neighbours.rs"]
mod neighbours;
#[path = "shared/ping.rs"]
mod ping;
#[path = "shared/stream.rs"]
mod stream;
#[cfg(target_os = "linux")]
#[path = "mux/wan.rs"]
mod wan;
#[cfg(not(target_os = "linux"))]
#[path = "mux/no_wan.rs"]
mod wan;

use bytes::Bytes;
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use rlpx_transport::SecSettings;
use tokio::runtime::Runtime;

use stream::streams;

/// The sizes of the messages, in bytes.
const SIZES: [(usize, &str); 3] = [(64, "64b"), (1024, "1k"), (64 * 1024, "64k")];

/// The transport with Snappy, as `Channel` uses it.
fn transport(bencher: &mut Bencher<'_>, runtime: &Runtime, payload: &Bytes) {
    let (mut near, mut far) = runtime.block_on(streams(SecSettings::off()));
    near.enable_snappy();
    far.enable_snappy();
    stream::throughput(bencher, runtime, (near, far), payload);
}

fn throughput(criterion: &mut Criterion) {
    hostile::run_node_if_asked();
    wan::run_end_if_asked();
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("mux");
    for (size, name) in SIZES {
        let payload = Bytes::from(benches::bytes(size));
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("channel_{name}"), |bencher| {
            channel::throughput(bencher, &runtime, SecSettings::off(), &payload);
        });
        group.bench_function(format!("transport_{name}"), |bencher| {
            transport(bencher, &runtime, &payload);
        });
    }
}

fn isolation(_: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    neighbours::ping_beside_flood(&runtime);
    neighbours::shares(&runtime);
    deaf::throughput_share(&runtime);
    hostile::resident_memory(&runtime);
    wan::throughput_vs_tcp();
}

criterion_group!(benches, throughput, isolation);
criterion_main!(benches);
