//! Whisper as a library: encrypted publish and subscribe by topic over devp2p, in the versions shh/5 and shh/6.
//!
//! [`Whisper`] is a node without a network: the pool of live envelopes, the peers that they are relayed to, and the keys
//! and filters of the applications. A server of connections runs its sub-protocols ([`Whisper::protocols`]). An
//! application calls [`post`](Whisper::post), [`subscribe`](Whisper::subscribe) and [`watch`](Whisper::watch).
//!
//! An envelope passes through these modules:
//!
//! 1. `session` reads the packets of one peer. `wire` has their formats. An envelope that is too early waits in `session`.
//! 2. `relay` checks the requirements (`admission`: times, size, bloom, work). It stores the envelope in its `pool`, and
//!    queues it at once for the other peers.
//! 3. `delivery` opens the envelope with the keys of the filters, and puts the message into their mailboxes.
//!
//! `receipts` follows posts until they end. `clock` corrects the node's clock. `drops` and `stats` record everything that
//! is dropped, with a [`Reason`] and a counter.
//!
//! The state of each concern is a value that takes the time as a parameter. The locks are in these values or in the
//! values around them. Tasks, waits and wakers are in the modules named `driver`, in `session`, in `receipts` and in
//! `whisper`. All queues and tables are bounded.
//!
//! What is not here: connections and discovery (`p2p-server`), the format of envelopes (`whisper-envelope`), proof of work
//! (`whisper-pow`), JSON-RPC (`whisper-rpc`).
//!
//! Two nodes that are connected without a network:
//!
//! ```
//! use p2p_mux::{Channel, identity::SecretKey};
//! use whisper_protocol::{Config, FilterKey, FilterSpec, Post, Recipient, Topic, Whisper};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (here, there) = (Whisper::new(Config::default()), Whisper::new(Config::default()));
//! let (near, far) = Channel::pipe();
//! let id = || SecretKey::generate().id();
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
//!
//! # Features
//!
//! - `schema`: JSON schemas (`schemars`) of the types that appear in JSON-RPC answers.

mod archive;
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

pub use archive::history::{
    History, HistoryCursor, HistoryEnvelope, HistoryError, HistoryEvent, HistoryProgress,
    HistoryRequest, ParseCursorError,
};
pub use archive::wire as archive_1;
pub use archive::{
    Appended, Archive, ArchiveError, ArchiveFuture, ArchiveId, ArchiveSettings, HistoryFilter,
    HistoryPage, HistoryQuery, MemoryArchive, StoredEnvelope,
};
pub use clock::Clock;
pub use config::{
    Config, FilterSettings, MAX_MESSAGE_SIZE, PeerSettings, QueueLimits, QueueSettings,
};
pub use delivery::filter::{FilterError, FilterKey, FilterSpec};
pub use delivery::interest::Interest;
pub use delivery::mailbox::usage::{Usage, UsageLimits};
pub use delivery::message::ReceivedMessage;
pub use delivery::state::{
    ApplicationState, FilterState, StateChange, StateError, StateFuture, StateStore, StoredFilter,
    StoredKey, StoredMessage,
};
pub use delivery::watch::Watch;
pub use drops::{DROP_SAMPLES, Dropped, Occurrence};
pub use keys::Keys;
pub use keys::id::{FilterId, KeyId, ParseIdError};
pub use mail_server::{
    MailAnswer, MailAsk, MailAskError, MailRequest, MailRequests, MailSeal, MailServer,
    MailServerSettings, OpenRequests,
};
#[doc(no_inline)]
pub use p2p_mux::{self as mux, identity};
pub use peers::direct::DirectError;
pub use peers::rate_limit::{AddressFilter, Rate, RateLimits};
pub use peers::remote::Remote;
pub use peers::work_settings::{PeerRule, Sealing, WorkSettings};
pub use receipts::ending::{Ending, Progress, ReceiptState, RefusalReason};
pub use receipts::post::{Post, PostError, Recipient};
pub use receipts::receipt::Receipt;
pub use receipts::sealing::PostEnvelope;
pub use receipts::settings::ReceiptSettings;
pub use relay::admission::{EnvelopeOutcome, SYNC_ALLOWANCE};
pub use relay::lazy::wire as lazy_1;
pub use relay::peer_state::skip_reason::SkipReason;
pub use relay::reject_reason::RejectReason;
pub use relay::trace::{EnvelopeSource, PeerTrace};
pub use relay::unsent_reason::{SkippedPeers, UnsentReason};
pub use stats::{
    ArchiveStats, DeliveryStats, EnvelopeStats, ExtensionStats, FaultStats, LimitStats, PostStats,
    Reason, RejectedStats, RelayStats, SessionStats, Stats, StatsCounter, StatsGroup, TraceStats,
    WorkStats,
};
pub use whisper::describe::rule_name;
pub use whisper::explanation::{
    EXPLAINED_FILTERS, EnvelopeState, Explanation, FilterOutcome, FilterTrace, PooledEnvelope,
};
pub use whisper::history::StoredMessages;
pub use whisper::state::{ApplicationStore, NotAcknowledgedError};
pub use whisper::trace::wire as trace_1;
pub use whisper::trace::{NotSent, Trace, TraceOff, TraceSettings, TracedNode};
pub use whisper::{Info, MessageSizeError, NoSuchPeer, Whisper};
#[doc(no_inline)]
pub use whisper_envelope::{Bloom, Dialect, Envelope, Message, PartialTopic, SymmetricKey, Topic};
#[doc(no_inline)]
pub use whisper_pow::{Client, Miner, Policy, Rule, Work};
pub use wire::packet;

/// The examples in the README compile and run like those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
