//! What the benchmarks of the node do with nodes, and messages for them.

use rlpx_transport::SecPolicy;
use tokio::runtime::Runtime;
use whisper_envelope::{Dialect, Draft, Envelope, Recipient, SymmetricKey, Unsealed};
use whisper_protocol::{Config, FilterKey, FilterSpec, Topic, Watch};

pub(crate) use crate::whisper_node::{Node, OTHER, envelopes, now, settings};

/// The topic of messages with a filter.
pub(crate) const TOPIC: Topic = Topic(*b"news");

impl Node {
    /// A node that connects to `other`, if there is one.
    pub(crate) async fn start(other: Option<&Self>) -> Self {
        Self::start_with(settings(), other).await
    }

    pub(crate) async fn start_with(settings: Config, other: Option<&Self>) -> Self {
        Self::start_over(SecPolicy::default(), settings, other).await
    }

    /// Watches the messages on [`TOPIC`] with this key.
    pub(crate) fn watch(&self, key: &SymmetricKey) -> Watch {
        let key = FilterKey::Symmetric(self.whisper.keys().add_symmetric(key.clone()));
        self.whisper.watch(FilterSpec::new(key).topic(TOPIC)).expect("a known key")
    }
}

/// A runtime with one thread for each core.
pub(crate) fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
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
