//! `sec/1` beside plain RLPx, in one run: the same connection over loopback with either link, both ends on one core,
//! through the bare stream and through `Channel`; the handshake; and what depends on the link on a whole connection.

#[path = "sec/handshake.rs"]
mod handshake;
#[path = "sec/idle.rs"]
mod idle;
#[path = "sec/ping.rs"]
mod ping;
#[path = "sec/relay.rs"]
mod relay;
#[path = "mux/wire.rs"]
#[expect(dead_code, reason = "some of it is for plain RLPx alone")]
mod wire;

use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use p2p_mux::Config;
use rlpx_transport::{SecPolicy, SecSettings};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use wire::{Pair, pair_over, streams_over};

/// The sizes of the messages, in bytes.
const SIZES: [(usize, &str); 4] =
    [(64, "64b"), (1024, "1k"), (64 * 1024, "64k"), (1024 * 1024, "1m")];

/// Both links, with the prefix of their benchmarks.
fn links() -> [(&'static str, SecSettings); 2] {
    [("", SecSettings::new(SecPolicy::Require)), ("rlpx_", SecSettings::off())]
}

/// A runtime with one thread.
fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The time from the first send to the arrival of the last message.
fn stream(bencher: &mut Bencher<'_>, runtime: &Runtime, sec: SecSettings, payload: &[u8]) {
    bencher.iter_custom(|messages| {
        runtime.block_on(async {
            let (mut near, mut far) = streams_over(sec).await;
            let clock = Instant::now();
            let sending = async {
                for _ in 0..messages {
                    near.write(16, payload).await.expect("the connection is open");
                }
                near.flush().await.expect("the connection is open");
            };
            let receiving = async {
                for _ in 0..messages {
                    let message = far.read().await.expect("the connection is open");
                    assert_eq!(message.expect("a message").payload.len(), payload.len());
                }
            };
            tokio::join!(sending, receiving);
            clock.elapsed().max(Duration::from_nanos(1))
        })
    });
}

/// As [`stream`], from `Channel::send` to `Channel::recv`.
fn channel(bencher: &mut Bencher<'_>, runtime: &Runtime, sec: SecSettings, payload: &Bytes) {
    bencher.iter_custom(|messages| {
        runtime.block_on(async {
            let Pair { mut near, mut far, mut tasks } =
                pair_over(sec, &[("bench", 1)], Config::default()).await;
            let (near, mut far) = (near.remove(0), far.remove(0));
            let clock = Instant::now();
            let payload = payload.clone();
            let mut sending = JoinSet::new();
            sending.spawn(async move {
                for _ in 0..messages {
                    near.send_raw(0, payload.clone()).await.expect("the connection is open");
                }
                std::future::pending::<()>().await;
            });
            for _ in 0..messages {
                far.recv().await.expect("the connection is open");
            }
            let spent = clock.elapsed();
            sending.shutdown().await;
            tasks.shutdown().await;
            spent.max(Duration::from_nanos(1))
        })
    });
}

fn throughput(criterion: &mut Criterion) {
    idle::run_node_if_asked();
    let runtime = one_thread();
    let mut group = criterion.benchmark_group("sec");
    for (size, name) in SIZES {
        let payload = Bytes::from(benches::bytes(size));
        group.throughput(Throughput::Bytes(size as u64));
        for (link, sec) in links() {
            group.bench_function(format!("{link}tcp_{name}"), |bencher| {
                stream(bencher, &runtime, sec, &payload);
            });
            group.bench_function(format!("{link}channel_{name}"), |bencher| {
                channel(bencher, &runtime, sec, &payload);
            });
        }
    }
}

fn connection(_: &mut Criterion) {
    handshake::extra();
    ping::beside_flood(&one_thread());
    relay::envelopes_per_second();
    idle::memory();
}

criterion_group!(benches, throughput, connection);
criterion_main!(benches);
