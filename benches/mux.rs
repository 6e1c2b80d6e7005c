//! One connection with sub-protocols, over loopback: from `Channel::send` on one node to `Channel::recv` on the other,
//! compared with the transport alone; and the effect of sub-protocols on each other.

#[path = "mux/deaf.rs"]
mod deaf;
#[path = "mux/hostile.rs"]
mod hostile;
#[cfg(target_os = "linux")]
#[path = "mux/link.rs"]
mod link;
#[path = "mux/neighbours.rs"]
mod neighbours;
#[cfg(target_os = "linux")]
#[path = "mux/wan.rs"]
mod wan;
#[cfg(not(target_os = "linux"))]
#[path = "mux/no_wan.rs"]
mod wan;
#[path = "mux/wire.rs"]
mod wire;

use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use p2p_mux::Config;
use tokio::{runtime::Runtime, task::JoinSet};

use wire::{Pair, pair, streams};

/// The sizes of the messages, in bytes.
const SIZES: [(usize, &str); 3] = [(64, "64b"), (1024, "1k"), (64 * 1024, "64k")];

/// The time from the first send to the arrival of the last message.
fn channel(bencher: &mut Bencher<'_>, runtime: &Runtime, payload: &Bytes) {
    bencher.iter_custom(|messages| {
        runtime.block_on(async {
            let Pair { mut near, mut far, mut tasks } =
                pair(&[("bench", 1)], Config::default()).await;
            let (near, mut far) = (near.remove(0), far.remove(0));
            let clock = Instant::now();
            let payload = payload.clone();
            tasks.spawn(async move {
                for _ in 0..messages {
                    near.send_raw(0, payload.clone()).await.expect("the connection is open");
                }
                std::future::pending::<()>().await;
            });
            for _ in 0..messages {
                far.recv().await.expect("the connection is open");
            }
            let spent = clock.elapsed();
            tasks.shutdown().await;
            spent.max(Duration::from_nanos(1))
        })
    });
}

/// As [`channel`], with the transport alone.
fn transport(bencher: &mut Bencher<'_>, runtime: &Runtime, payload: &Bytes) {
    bencher.iter_custom(|messages| {
        runtime.block_on(async {
            let (mut near, mut far) = streams().await;
            let mut tasks = JoinSet::new();
            let clock = Instant::now();
            let payload = payload.clone();
            tasks.spawn(async move {
                for _ in 0..messages {
                    near.write(16, &payload).await.expect("the connection is open");
                }
                near.flush().await.expect("the connection is open");
                std::future::pending::<()>().await;
            });
            for _ in 0..messages {
                let message = far.read().await.expect("the connection is open");
                assert!(message.is_some(), "not the end");
            }
            let spent = clock.elapsed();
            tasks.shutdown().await;
            spent.max(Duration::from_nanos(1))
        })
    });
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
            channel(bencher, &runtime, &payload);
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
