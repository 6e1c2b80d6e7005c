//! The heap memory of the pool: the bytes for each envelope in addition to its own, and the bytes for each envelope
//! and peer.
//!
//! Counted at the allocator, on one thread: the bytes that were requested and not freed. The rounding of the system
//! allocator (about 14 bytes for each envelope) is not included.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use allocation_counter::measure;
use bytes::Bytes;
use p2p_mux::{Channel, identity::SecretKey};
use tokio::task::yield_now;
use whisper_envelope::Dialect;
use whisper_protocol::{Config, Remote, Whisper};

use crate::node::{envelopes, settings};

const PEERS: usize = 50;

/// Number of envelopes that are injected before other tasks can run.
const BATCH: usize = 1024;

/// Reports the bytes for each envelope with a million and with 100 000 of them, and for each
/// envelope and peer with 50 peers and 100 000.
pub(crate) fn bytes() {
    benches::measured("whisper.pool_overhead_bytes", overhead(benches::size(1_000_000, 2000)));
    benches::measured("whisper.pool_overhead_100k_bytes", overhead(benches::size(100_000, 1000)));
    benches::measured("whisper.pool_bytes_per_peer", per_peer(benches::size(100_000, 100)));
}

fn node() -> Whisper {
    Whisper::new(Config { pool_bytes: usize::MAX, ..settings() })
}

fn fill(node: &Whisper, count: u64) -> usize {
    let mut all = envelopes(count, 600);
    let mut own = 0;
    loop {
        let batch: Vec<_> = all.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return own;
        }
        own += batch.iter().map(|envelope| envelope.raw().len()).sum::<usize>();
        assert_eq!(node.inject_all(&batch).len(), batch.len());
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes")]
fn overhead(count: u64) -> f64 {
    let runtime = benches::one_thread();
    let _inside = runtime.enter();
    let node = node();
    let mut own = 0;
    let taken = measure(|| own = fill(&node, count)).bytes_current;
    assert_eq!(node.info().envelopes as u64, count);
    (taken as f64 - own as f64) / count as f64
}

/// The bytes for each envelope and peer, after all envelopes were sent to all peers.
#[expect(clippy::cast_precision_loss, reason = "bytes")]
fn per_peer(count: u64) -> f64 {
    let runtime = benches::one_thread();
    let (node, own) = {
        let _inside = runtime.enter();
        let node = node();
        let own = fill(&node, count);
        (node, own)
    };
    let received = Arc::new(AtomicUsize::new(0));
    let taken = measure(|| {
        runtime.block_on(async {
            for _ in 0..PEERS {
                tokio::spawn(peer(node.clone(), Arc::clone(&received)));
            }
            while received.load(Relaxed) < own * PEERS {
                yield_now().await;
            }
        });
    });
    taken.bytes_current as f64 / (count as f64 * PEERS as f64)
}

/// A peer that counts the bytes that it receives.
async fn peer(node: Whisper, received: Arc<AtomicUsize>) {
    let (near, mut far) = Channel::pipe();
    let id = SecretKey::random(&mut rand::rng()).id();
    let session = tokio::spawn(node.attach(Remote::new(Dialect::V6, id), near));
    far.send_raw(0, Bytes::from_static(&[0xc1, 0x06])).await.expect("the node runs");
    while let Some(packet) = far.recv().await {
        received.fetch_add(packet.payload.len(), Relaxed);
    }
    session.abort();
}
