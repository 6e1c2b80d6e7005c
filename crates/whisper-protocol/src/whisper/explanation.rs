//! What happened to one envelope. It is worked out on request: nothing is stored for it.

use std::sync::Arc;

use bytes::Bytes;
use whisper_envelope::{Dialect, Envelope, Topic};
use whisper_pow::Client;

use crate::{
    delivery::Delivery,
    delivery::filter::{Filter, OpenOutcome},
    delivery::message::ContentHash,
    drops::Occurrence,
    keys::id::FilterId,
    receipts::ending::ReceiptState,
    receipts::sealing::PostEnvelope,
    relay::relays::Relays,
    relay::trace::{EnvelopeSource, PeerTrace, PooledTrace},
    stats::Reason,
};

/// Maximum number of filters that are tried for one [`Explanation`]: each costs a decryption.
pub const EXPLAINED_FILTERS: usize = 256;

/// What happened to an envelope on this node, made by [`Whisper::explain`](crate::Whisper::explain).
///
/// An envelope in the pool is explained from the node's present state. Of envelopes that were rejected or dropped, or
/// that left the pool, the node remembers the last few thousand.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The envelope's hash.
    pub hash: [u8; 32],
    /// Whether it is in the pool.
    pub state: EnvelopeState,
    /// Every time that it was rejected or dropped, by this node or on its way to a filter, in order, as far as it is
    /// remembered ([`DROP_SAMPLES`](crate::DROP_SAMPLES)).
    pub drops: Vec<(Reason, Occurrence)>,
    /// The state of its delivery, if it was posted here.
    pub receipt: Option<ReceiptState>,
    /// All envelopes of its post, if it was posted here: one for each rule that it was sealed under.
    pub envelopes: Vec<PostEnvelope>,
}

/// Whether an envelope is or was in the pool.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvelopeState {
    /// Only the drops tell about it: it did not arrive, it was not admitted, or it left the pool too long ago. Direct
    /// messages are never pooled.
    Unknown,
    /// It is in the pool.
    Pooled(Box<PooledEnvelope>),
    /// It was in the pool.
    Left {
        /// Where it came from first.
        source: EnvelopeSource,
        /// When it entered the pool, in seconds since 1970.
        arrived: u32,
        /// When it left the pool.
        left: u32,
        /// Whether it was evicted for envelopes with more work; otherwise it expired.
        evicted: bool,
    },
}

/// An envelope in the pool.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PooledEnvelope {
    /// Its dialect.
    pub dialect: Dialect,
    /// Where it came from first.
    pub source: EnvelopeSource,
    /// When it arrived, in seconds since 1970.
    pub arrived: u32,
    /// When it expires.
    pub expiry: u32,
    /// Its topic.
    pub topic: Topic,
    /// Its size in bytes.
    pub size: usize,
    /// The highest work under any rule that this node accepts.
    pub work: f64,
    /// The connected peers that speak its dialect, and whether they have it, or another envelope of its post.
    pub peers: Vec<PeerTrace>,
    /// Whether it waits to be opened.
    pub queued: bool,
    /// The filters on its topic, tried again for this explanation; at most
    /// [`EXPLAINED_FILTERS`].
    pub filters: Vec<FilterTrace>,
    /// Number of further filters on its topic.
    pub more_filters: usize,
}

/// What one filter does with an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterTrace {
    /// The filter.
    pub id: FilterId,
    /// What it does with the envelope.
    pub outcome: FilterOutcome,
}

/// What a filter does with an envelope of its topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterOutcome {
    /// The filter wants envelopes of the other dialect.
    OtherDialect,
    /// The filter requires more work.
    LowWork,
    /// The filter's key does not open the envelope.
    NotOpened,
    /// The filter's key opens the envelope, but its content is malformed.
    Malformed,
    /// The filter requires another signer.
    OtherSigner,
    /// The message is in the filter's mailbox.
    InMailbox,
    /// The message was fetched from the filter's mailbox, unless a drop says otherwise.
    Fetched,
    /// The message would match, but the filter was made after the envelope had arrived.
    MadeLater,
}

/// Which filters an explanation tells about.
#[derive(Clone, Copy)]
pub(crate) struct FilterView<'a> {
    /// The key of the only owner whose filters are listed or counted; `None`: those of all.
    pub(crate) owner: Option<u64>,
    /// Which of them are tried and listed. The others are counted.
    pub(crate) wanted: &'a dyn Fn(&FilterId, Client) -> bool,
}

/// Works out whether an envelope is or was in the pool. `post`: the hashes of all envelopes of its post.
pub(super) fn state(
    relays: &Relays,
    delivery: &Delivery,
    hash: &[u8; 32],
    post: &[[u8; 32]],
    view: FilterView<'_>,
) -> EnvelopeState {
    let pooled = || {
        let (dialect, trace) = relays.trace(hash, post)?;
        Some(EnvelopeState::Pooled(Box::new(pooled(delivery, dialect, trace, view)?)))
    };
    let left = || {
        let trace = relays.departed(hash)?;
        let (source, arrived, left) = (trace.source, trace.arrived, trace.left);
        Some(EnvelopeState::Left { source, arrived, left, evicted: trace.evicted })
    };
    pooled().or_else(left).unwrap_or(EnvelopeState::Unknown)
}

fn pooled(
    delivery: &Delivery,
    dialect: Dialect,
    trace: PooledTrace,
    view: FilterView<'_>,
) -> Option<PooledEnvelope> {
    let PooledTrace { raw, source, arrived, work, topic, expiry, peers } = trace;
    let envelope = Envelope::decode(dialect, Bytes::from(raw)).ok()?;
    let (filters, more_filters) =
        delivery.filters_for(&envelope, EXPLAINED_FILTERS, view.owner, view.wanted);
    let trace = |(id, filter): (_, Arc<Filter>)| FilterTrace {
        id,
        outcome: outcome(&filter, &envelope, work, arrived),
    };
    Some(PooledEnvelope {
        dialect,
        source,
        arrived,
        expiry,
        topic,
        size: envelope.raw().len(),
        work,
        peers,
        queued: delivery.is_queued(envelope.hash(), view.owner),
        filters: filters.into_iter().map(trace).collect(),
        more_filters,
    })
}

fn outcome(filter: &Filter, envelope: &Envelope, work: f64, arrived: u32) -> FilterOutcome {
    if !filter.has_dialect(envelope.dialect()) {
        return FilterOutcome::OtherDialect;
    }
    if !filter.admits(envelope.dialect(), work, false) {
        return FilterOutcome::LowWork;
    }
    match filter.try_open(envelope) {
        OpenOutcome::WrongKey => FilterOutcome::NotOpened,
        OpenOutcome::Malformed => FilterOutcome::Malformed,
        OpenOutcome::Message(message) if !filter.wants(&message) => FilterOutcome::OtherSigner,
        OpenOutcome::Message(_) if filter.mailbox.holds(&ContentHash::of(envelope)) => {
            FilterOutcome::InMailbox
        }
        OpenOutcome::Message(_) if filter.made() > arrived => FilterOutcome::MadeLater,
        OpenOutcome::Message(_) => FilterOutcome::Fetched,
    }
}
