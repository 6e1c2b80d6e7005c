//! Two nodes connected over loopback; the benchmark gets the channels of their sub-protocols.

use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::Bencher;
use p2p_identity::NodeId;
use p2p_mux::{Channel, Config, LocalNode, Origin, Protocol, exchange_hello};
use rlpx_transport::{SecSettings, Stream};
use tokio::{net::TcpStream, runtime::Runtime, sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::stream::{keys, streams};

/// The name and weight of a sub-protocol.
pub(crate) type NameAndWeight = (&'static str, u32);

/// Two nodes, each with the channels of its sub-protocols in the given order.
pub(crate) struct Pair {
    pub(crate) near: Vec<Channel>,
    pub(crate) far: Vec<Channel>,
    pub(crate) tasks: JoinSet<()>,
}

/// Connects two nodes that have these sub-protocols, with three codes each. Both offer and answer `sec/1` as these
/// settings say.
pub(crate) async fn pair(sec: SecSettings, protocols: &[NameAndWeight], config: Config) -> Pair {
    let (near, far) = streams(sec).await;
    let (near_key, far_key) = keys();
    let (near_local, near_channels) = local(near_key.id(), protocols);
    let (far_local, far_channels) = local(far_key.id(), protocols);
    let mut tasks = JoinSet::new();
    tasks.spawn(run(far, far_local, config));
    tasks.spawn(run(near, near_local, config));
    Pair { near: receive_all(near_channels).await, far: receive_all(far_channels).await, tasks }
}

/// Sub-protocols that pass their channels on and run as long as the connection.
fn local(id: NodeId, protocols: &[NameAndWeight]) -> (LocalNode, Vec<mpsc::Receiver<Channel>>) {
    let (protocols, channels) = protocols
        .iter()
        .map(|&(name, weight)| {
            let (sender, receiver) = mpsc::channel(1);
            let run = move |_, channel| {
                let sender = sender.clone();
                async move {
                    // An error means that the measurement has ended.
                    let _ = sender.send(channel).await;
                    std::future::pending().await
                }
            };
            (Protocol::new(name, 1, 3, run).weight(weight), receiver)
        })
        .unzip();
    (LocalNode { client: "bench".into(), protocols, port: 0, id }, channels)
}

async fn receive_all(waiting: Vec<mpsc::Receiver<Channel>>) -> Vec<Channel> {
    let mut channels = Vec::new();
    for mut channel in waiting {
        channels.push(channel.recv().await.expect("the connection is open"));
    }
    channels
}

async fn run(stream: Stream<TcpStream>, local: LocalNode, config: Config) {
    let negotiated = exchange_hello(stream, &local, &config).await.expect("a common sub-protocol");
    let (_peer, run) = negotiated.run(Origin::default(), CancellationToken::new());
    run.await;
}

/// Measures messages in one direction: the time from the first `Channel::send` to the last `Channel::recv`.
pub(crate) fn throughput(
    bencher: &mut Bencher<'_>,
    runtime: &Runtime,
    sec: SecSettings,
    payload: &Bytes,
) {
    bencher.iter_custom(|messages| {
        runtime.block_on(async {
            let Pair { mut near, mut far, mut tasks } =
                pair(sec, &[("bench", 1)], Config::default()).await;
            let (near, mut far) = (near.remove(0), far.remove(0));
            let payload = payload.clone();
            let clock = Instant::now();
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
