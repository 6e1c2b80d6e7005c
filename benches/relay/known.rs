//! The memory of what each of a thousand peers has: how much more the peers take when they were sent all envelopes.
//!
//! Counted at the allocator, on one thread.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use allocation_counter::measure;
use bytes::Bytes;
use p2p_identity::SecretKey;
use p2p_mux::Channel;
use tokio::{runtime::Builder, task::yield_now};
use whisper_envelope::Dialect;
use whisper_protocol::{Config, Remote, Whisper, Work};

use crate::clients::envelopes;

/// Reports the bytes for each envelope and peer.
#[expect(clippy::cast_precision_loss, reason = "bytes")]
pub(crate) fn bytes() {
    let (peers, count) = if benches::measuring() { (1000, 16_384) } else { (3, 100) };
    let more = taken(peers, count) - taken(peers, 1);
    benches::measured(
        "relay.known_bytes_per_envelope_peer",
        more as f64 / (count as f64 * peers as f64),
    );
}

/// The bytes that `peers` take after they were sent `count` envelopes.
fn taken(peers: usize, count: usize) -> i64 {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let config = Config { pool_bytes: usize::MAX, min_work: Work::ZERO, ..Config::default() };
    let whisper = Whisper::new(config);
    let all = envelopes(count, 600);
    let bytes: usize = all.iter().map(|envelope| envelope.raw().len()).sum();
    all.chunks(128).for_each(|batch| drop(whisper.inject_all(batch)));
    drop(all);
    let received = Arc::new(AtomicUsize::new(0));
    let keys: Vec<_> = (0..peers).map(|_| SecretKey::random(&mut rand::rng()).id()).collect();
    let keys = Rc::new(keys);
    let taken = measure(|| {
        runtime.block_on(async {
            for id in keys.iter() {
                let remote = Remote::new(Dialect::V6, *id);
                tokio::spawn(peer(whisper.clone(), remote, Arc::clone(&received)));
            }
            while received.load(Relaxed) < bytes * peers {
                yield_now().await;
            }
        });
    });
    taken.bytes_current
}

/// A peer that counts the bytes that it receives.
async fn peer(node: Whisper, remote: Remote, received: Arc<AtomicUsize>) {
    let (near, mut far) = Channel::pipe();
    let session = tokio::spawn(node.attach(remote, near));
    far.send_raw(0, Bytes::from_static(&[0xc1, 0x06])).await.expect("the node runs");
    while let Some(packet) = far.recv().await {
        received.fetch_add(packet.payload.len(), Relaxed);
    }
    session.abort();
}
