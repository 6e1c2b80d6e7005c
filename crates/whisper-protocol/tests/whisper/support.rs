//! Nodes connected by pipes, and peers that the test controls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use p2p_identity::{NodeId, SecretKey};
use p2p_mux::{Channel, Exit, rlp::Header};
use p2p_world::{ClockedWorld, SystemWorld, World};
use tokio::task::JoinHandle;
use whisper_envelope::{Dialect, Draft, SymmetricKey, Unsealed};
use whisper_protocol::{
    Config, Envelope, FilterKey, FilterSpec, KeyId, Post, Recipient, Remote, Topic, Watch, Whisper,
    Work,
};

/// The present of the tests.
pub(crate) const NOW: u32 = 1_700_000_000;

/// The topic of the tests.
pub(crate) const TOPIC: Topic = Topic(*b"test");

/// The key of the tests.
pub(crate) fn key() -> SymmetricKey {
    SymmetricKey::from_bytes([7; 32])
}

/// A clock that changes only when the test advances it.
#[derive(Clone)]
pub(crate) struct HandClock(Arc<AtomicU32>);

impl HandClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU32::new(NOW)))
    }

    /// A machine with this clock.
    pub(crate) fn world(&self) -> Arc<dyn World> {
        let clock = self.clone();
        world(move || clock.now())
    }

    pub(crate) fn now(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn advance(&self, seconds: u32) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// A machine whose clock shows these seconds since 1970.
pub(crate) fn world(now: impl Fn() -> u32 + Send + Sync + 'static) -> Arc<dyn World> {
    let since_1970 = move || Duration::from_secs(now().into());
    ClockedWorld::shared(SystemWorld::shared(), move || SystemTime::UNIX_EPOCH + since_1970())
}

/// An amount of work.
pub(crate) fn amount(work: f64) -> Work {
    Work::new(work).unwrap()
}

/// The configuration of a node that requires no work, with a clock that does not advance.
pub(crate) fn settings() -> Config {
    Config { min_work: Work::ZERO, world: world(|| NOW), ..Config::default() }
}

/// A node that requires no work, with a clock that does not advance.
pub(crate) fn node() -> Whisper {
    Whisper::new(settings())
}

pub(crate) fn random_id() -> NodeId {
    SecretKey::random(&mut rand::rng()).id()
}

/// The ids that two connected nodes have for each other, and their sessions.
pub(crate) struct Joined {
    pub(crate) ids: [NodeId; 2],
    pub(crate) sessions: [JoinHandle<Result<(), Exit>>; 2],
}

/// Connects two nodes. `ids[0]` is the id of `b` at `a`.
pub(crate) fn join(a: &Whisper, b: &Whisper) -> Joined {
    join_in(Dialect::V6, a, b)
}

/// Connects two nodes over this dialect.
pub(crate) fn join_in(dialect: Dialect, a: &Whisper, b: &Whisper) -> Joined {
    let (near, far) = Channel::pipe();
    let ids = [random_id(), random_id()];
    let remotes = ids.map(|id| Remote::new(dialect, id));
    let sessions = [
        tokio::spawn(a.attach(remotes[0].clone(), near)),
        tokio::spawn(b.attach(remotes[1].clone(), far)),
    ];
    Joined { ids, sessions }
}

/// The key of the tests, as a filter of this node.
pub(crate) fn spec(node: &Whisper) -> FilterSpec {
    FilterSpec::new(FilterKey::Symmetric(node.keys().add_symmetric(key()))).topic(TOPIC)
}

pub(crate) fn watch(node: &Whisper) -> Watch {
    node.watch(spec(node)).unwrap()
}

/// A message with the key of the tests, without work.
pub(crate) fn post(node: &Whisper, payload: &[u8]) -> Post {
    let key: KeyId = node.keys().add_symmetric(key());
    Post {
        topic: TOPIC,
        payload: payload.to_vec(),
        pow_target: 0.0,
        ..Post::new(Recipient::Symmetric(key))
    }
}

/// The payload of the next message.
pub(crate) async fn next(watch: &mut Watch) -> Vec<u8> {
    watch.next().await.expect("the node runs").message.payload.to_vec()
}

/// An encrypted message with the key of the tests, to be sealed.
pub(crate) fn unsealed(payload: &[u8]) -> Unsealed {
    unsealed_in(Dialect::V6, payload)
}

/// Does the same in this dialect.
pub(crate) fn unsealed_in(dialect: Dialect, payload: &[u8]) -> Unsealed {
    let key = key();
    Draft::new(dialect, whisper_envelope::Recipient::Symmetric(&key), NOW)
        .topic(TOPIC)
        .payload(payload)
        .encrypt(&mut rand::rng())
        .unwrap()
}

/// An envelope with the key of the tests, without work.
pub(crate) fn envelope(payload: &[u8]) -> Envelope {
    unsealed(payload).seal(0)
}

/// A "messages" packet.
pub(crate) fn bundle<'a>(items: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let items = items.into_iter().collect::<Vec<_>>().concat();
    let mut packet = BytesMut::new();
    Header { list: true, payload_length: items.len() }.encode(&mut packet);
    packet.extend_from_slice(&items);
    packet.freeze()
}

/// A peer that the test controls, and the session that a node runs with it.
pub(crate) struct RawPeer {
    pub(crate) id: NodeId,
    pub(crate) channel: Channel,
    pub(crate) session: JoinHandle<Result<(), Exit>>,
}

impl RawPeer {
    /// A peer that has not sent its status.
    pub(crate) fn new(node: &Whisper) -> Self {
        Self::who_is(node, random_id().into())
    }

    /// A peer that has not sent its status.
    pub(crate) fn who_is(node: &Whisper, remote: Remote) -> Self {
        let (channel, far) = Channel::pipe();
        let id = remote.id;
        Self { id, channel, session: tokio::spawn(node.attach(remote, far)) }
    }

    /// A peer after the exchange of status packets.
    pub(crate) async fn greeted(node: &Whisper) -> Self {
        Self::new(node).after(&[0xc1, 0x06]).await
    }

    /// A peer of shh/5 after the exchange of status packets.
    pub(crate) async fn greeted_in_v5(node: &Whisper) -> Self {
        Self::who_is(node, Remote::new(Dialect::V5, random_id())).after(&[0x05]).await
    }

    /// The same peer after it sent this status.
    pub(crate) async fn after(mut self, status: &[u8]) -> Self {
        self.send(0, status).await;
        assert_eq!(self.receive().await.0, 0, "the node's status");
        self
    }

    pub(crate) async fn send(&self, code: u64, payload: &[u8]) {
        self.channel.send_raw(code, payload.to_vec()).await.unwrap();
    }

    pub(crate) async fn send_envelopes(&self, envelopes: &[&Envelope]) {
        self.send(1, &bundle(envelopes.iter().map(|envelope| &envelope.raw()[..]))).await;
    }

    pub(crate) async fn receive(&mut self) -> (u64, Bytes) {
        let message = self.channel.recv().await.expect("the session runs");
        (message.code, message.payload)
    }
}
