//! Nodes that are connected over loopback, and envelopes for them.

use p2p_mux::identity::SecretKey;
use p2p_server::Server;
use tokio::runtime::{Builder, Runtime};
use whisper_envelope::{Dialect, Draft, Envelope, Recipient, SymmetricKey, Unsealed};
use whisper_protocol::{Clock, Config, FilterKey, FilterSpec, Topic, Watch, Whisper, Work};

/// The topic of messages with a filter.
pub(crate) const TOPIC: Topic = Topic(*b"news");

/// The topic of envelopes without a filter.
pub(crate) const OTHER: Topic = Topic(*b"else");

/// A node and its connections.
pub(crate) struct Node {
    pub(crate) whisper: Whisper,
    pub(crate) server: Server,
}

impl Node {
    /// A node that connects to `other`, if there is one.
    pub(crate) async fn start(other: Option<&Self>) -> Self {
        Self::start_with(settings(), other).await
    }

    pub(crate) async fn start_with(settings: Config, other: Option<&Self>) -> Self {
        let whisper = Whisper::new(settings);
        let mut config =
            p2p_server::Config::new(SecretKey::random(&mut rand::rng())).listen("127.0.0.1:0");
        config = config.max_peers(200).protocols(whisper.protocols());
        if let Some(other) = other {
            config = config.static_node(other.server.enode());
        }
        Self { whisper, server: Server::start(config).await.expect("a free port") }
    }

    /// Watches the messages on [`TOPIC`] with this key.
    pub(crate) fn watch(&self, key: &SymmetricKey) -> Watch {
        let key = FilterKey::Symmetric(self.whisper.keys().add_symmetric(key.clone()));
        self.whisper.watch(FilterSpec::new(key).topic(TOPIC)).expect("a known key")
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.whisper.stop().await;
    }
}

/// A runtime with one thread for each core.
pub(crate) fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

/// A runtime with one thread.
pub(crate) fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Settings without proof of work, because the relay is measured, not the search.
pub(crate) fn settings() -> Config {
    Config { min_work: Work::ZERO, ..Config::default() }
}

pub(crate) fn now() -> u32 {
    Clock::system().now()
}

/// An encrypted message of 200 bytes on [`TOPIC`].
pub(crate) fn draft(key: &SymmetricKey) -> Unsealed {
    draft_on(TOPIC, key)
}

fn draft_on(topic: Topic, key: &SymmetricKey) -> Unsealed {
    let payload = benches::bytes(200);
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(key), now());
    draft.payload(&payload).topic(topic).encrypt(&mut rand::rng()).expect("a good draft")
}

/// A sealed message on this topic.
pub(crate) fn message_on(topic: Topic, key: &SymmetricKey, number: u64) -> Envelope {
    draft_on(topic, key).seal(number)
}

/// A sealed message on [`TOPIC`], different for each `number`.
pub(crate) fn message(key: &SymmetricKey, number: u64) -> Envelope {
    draft(key).seal(number)
}

/// Different sealed envelopes with 256 bytes of data and a time to live of `ttl` seconds, which no filter opens.
pub(crate) fn envelopes(count: u64, ttl: u32) -> impl Iterator<Item = Envelope> {
    let mut data = benches::bytes(256);
    let expiry = now() + ttl;
    (0..count).map(move |number| {
        data[..8].copy_from_slice(&number.to_be_bytes());
        Unsealed::v6(expiry, ttl, OTHER, &data).seal(number)
    })
}
