//! Nodes over loopback, and envelopes for them.

use p2p_mux::identity::SecretKey;
use p2p_server::{Config, Server};
use tokio::runtime::{Builder, Runtime};
use whisper_envelope::{Dialect, Draft, Envelope, Recipient, SymmetricKey, Unsealed};
use whisper_protocol::{Clock, FilterKey, FilterSpec, Settings, Topic, Watch, Whisper};

/// The topic of messages that are waited for.
pub(crate) const TOPIC: Topic = Topic(*b"news");

/// Of envelopes that nobody opens.
const OTHER: Topic = Topic(*b"else");

/// A node and its connections.
pub(crate) struct Node {
    pub(crate) whisper: Whisper,
    pub(crate) server: Server,
}

impl Node {
    /// A node that connects to another, if there is one.
    pub(crate) async fn start(knows: Option<&Self>) -> Self {
        Self::start_with(settings(), knows).await
    }

    pub(crate) async fn start_with(settings: Settings, knows: Option<&Self>) -> Self {
        let whisper = Whisper::new(settings);
        let mut config = Config::new(SecretKey::random(&mut rand::rng())).listen("127.0.0.1:0");
        config = config.max_peers(200).protocols(whisper.protocols());
        if let Some(other) = knows {
            config = config.static_node(other.server.enode());
        }
        Self { whisper, server: Server::start(config).await.expect("a free port") }
    }

    /// What comes about [`TOPIC`] under this key.
    pub(crate) fn watch(&self, key: &SymmetricKey) -> Watch {
        let key = FilterKey::Symmetric(self.whisper.keys().add_symmetric(key.clone()));
        self.whisper.watch(FilterSpec::new(key).topic(TOPIC)).expect("the key is there")
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.whisper.stop().await;
    }
}

/// As programs have it: a thread for each core.
pub(crate) fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

/// Everything on one core.
pub(crate) fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// No proof of work: the relay is measured, not the search.
pub(crate) fn settings() -> Settings {
    Settings { min_work: 0.0, ..Settings::default() }
}

pub(crate) fn now() -> u32 {
    Clock::system().now()
}

/// A message of 200 bytes about [`TOPIC`], encrypted.
pub(crate) fn draft(key: &SymmetricKey) -> Unsealed {
    draft_about(TOPIC, key)
}

fn draft_about(topic: Topic, key: &SymmetricKey) -> Unsealed {
    let payload = benches::bytes(200);
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(key), now());
    draft.payload(&payload).topic(topic).encrypt(&mut rand::rng()).expect("a good draft")
}

/// A sealed message about another topic.
pub(crate) fn about(topic: Topic, key: &SymmetricKey, number: u64) -> Envelope {
    draft_about(topic, key).seal(number)
}

/// A sealed message that no other is equal to.
pub(crate) fn message(key: &SymmetricKey, number: u64) -> Envelope {
    draft(key).seal(number)
}

/// Sealed envelopes of 256 bytes that nobody opens, all different, that live for `ttl` seconds.
pub(crate) fn envelopes(count: u64, ttl: u32) -> impl Iterator<Item = Envelope> {
    let mut data = benches::bytes(256);
    let expiry = now() + ttl;
    (0..count).map(move |number| {
        data[..8].copy_from_slice(&number.to_be_bytes());
        Unsealed::v6(expiry, ttl, OTHER, &data).seal(number)
    })
}
