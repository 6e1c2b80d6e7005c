//! A Whisper node: encrypted publish and subscribe by topic, over devp2p.
//!
//! [`Whisper`] is the whole of it without a socket: the pool of live envelopes, the peers they are
//! relayed to, the keys and filters of the applications. It hands a server the sub-protocol "shh" in
//! its two versions ([`Whisper::protocols`]) and an application a few calls: [`post`](Whisper::post),
//! [`subscribe`](Whisper::subscribe), [`watch`](Whisper::watch).
//!
//! The path of an envelope: `session` (one peer's packets, in the forms of `wire`; what comes before
//! its time waits there) → `admission` (times, by a clock that `estimate` keeps with the peers'; size,
//! bloom, work) → `pool` and `peer`, both inside `relay` (whom to send it to, in
//! which order) → `delivery` (`queue`, `filter`, `mailbox`). A new envelope goes on at once: there
//! is no tick, and nothing is ever searched for by looking at all of the pool. Everything is
//! bounded, and every refusal has a counter in [`Stats`].
//!
//! What is not here: connections and finding peers (`p2p-server`), the format of envelopes
//! (`whisper-envelope`), the proof of work (`whisper-pow`).
//!
//! Two nodes, without a network:
//!
//! ```
//! use p2p_mux::{Channel, identity::SecretKey};
//! use whisper_protocol::{FilterKey, FilterSpec, Post, Recipient, Config, Topic, Whisper};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (here, there) = (Whisper::new(Config::default()), Whisper::new(Config::default()));
//! let (near, far) = Channel::pipe();
//! let id = || SecretKey::random(&mut rand::rng()).id();
//! tokio::spawn(here.attach(id(), near));
//! tokio::spawn(there.attach(id(), far));
//!
//! let password = FilterKey::Symmetric(there.keys().symmetric_from_password("swordfish"));
//! let mut watch = there.watch(FilterSpec::new(password).topic(Topic(*b"chat")))?;
//!
//! let password = here.keys().symmetric_from_password("swordfish");
//! here.post(Post {
//!     topic: Topic(*b"chat"),
//!     payload: b"hello".to_vec(),
//!     ..Post::new(Recipient::Symmetric(password))
//! })
//! .await?;
//!
//! let received = watch.next().await.expect("the node runs");
//! assert_eq!(received.message.payload, &b"hello"[..]);
//! # Ok(())
//! # }
//! ```

mod clock;
mod config;
mod delivery;
mod drops;
mod keys;
mod lock;
mod mail_server;
mod peers;
mod receipts;
mod relay;
mod session;
mod stats;
mod whisper;
mod wire;

pub use clock::Clock;
pub use config::{
    Config, FilterSettings, MAX_MESSAGE_SIZE, PeerSettings, QueueLimits, QueueSettings,
};
pub use delivery::filter::{FilterError, FilterKey, FilterSpec};
pub use delivery::interest::Interest;
pub use delivery::message::ReceivedMessage;
pub use delivery::watch::Watch;
pub use drops::{DROP_SAMPLES, Dropped, Occurrence};
pub use keys::Keys;
pub use keys::id::{FilterId, KeyId, ParseIdError};
pub use mail_server::{MailRequest, MailRequests};
pub use peers::direct::DirectError;
pub use peers::rate_limit::{AddressFilter, Rate, RateLimits};
pub use peers::remote::Remote;
pub use peers::work_settings::{PeerRule, Sealing, WorkSettings};
pub use receipts::ending::{Ending, Progress, ReceiptState, RefusalReason};
pub use receipts::post::{Post, PostError, Recipient};
pub use receipts::receipt::Receipt;
pub use receipts::settings::ReceiptSettings;
pub use relay::admission::{EnvelopeOutcome, SYNC_ALLOWANCE};
pub use relay::peer_state::skip_reason::SkipReason;
pub use relay::reject_reason::RejectReason;
pub use relay::trace::{EnvelopeSource, PeerTrace};
pub use relay::unsent_reason::{SkippedPeers, UnsentReason};
pub use stats::{
    DeliveryStats, EnvelopeStats, ExtensionStats, FaultStats, LimitStats, PostStats, Reason,
    RejectedStats, RelayStats, SessionStats, Stats, StatsCounter, StatsGroup, WorkStats,
};
pub use whisper::explanation::{
    EXPLAINED_FILTERS, EnvelopeState, Explanation, FilterOutcome, FilterTrace, PooledEnvelope,
};
pub use whisper::{Info, MessageSizeError, NoSuchPeer, Whisper};
#[doc(no_inline)]
pub use whisper_envelope::{Bloom, Dialect, Envelope, Message, PartialTopic, Topic};
#[doc(no_inline)]
pub use whisper_pow::{Policy, Work};
pub use wire::packet;
