//! Finding out what happened to an envelope, when somebody asks.

use std::sync::Arc;

use bytes::Bytes;
use whisper_envelope::{Dialect, Envelope};

use crate::{
    delivery::Delivery,
    delivery::filter::{Filter, Opened},
    drops::explanation::{Explanation, FilterOutcome, FilterTrace, Pooled, Whereabouts},
    drops::trace::Trace,
    hub::Hub,
    lock::read,
    receipts::receipt::ReceiptState,
};

/// How many filters are tried for one [`Explanation`]: each costs a decryption.
pub const EXPLAINED_FILTERS: usize = 256;

impl Hub {
    /// What happened to the envelope with this hash.
    pub(crate) fn explain(&self, hash: &[u8; 32]) -> Explanation {
        let pooled = || {
            let (dialect, trace) = self
                .find_in_relays(|relay| relay.trace(hash).map(|trace| (relay.dialect(), trace)))?;
            self.pooled(dialect, trace).map(|pooled| Whereabouts::Pooled(Box::new(pooled)))
        };
        let gone = || {
            let past = self.find_in_relays(|relay| relay.past(hash))?;
            Some(Whereabouts::Gone {
                bringer: past.bringer,
                arrived: past.source.second(),
                left: past.at,
                evicted: past.evicted,
            })
        };
        let ended = self.tracker.ending(hash);
        let ended = ended.and_then(|ending| ending.borrow().clone()).map(ReceiptState::Ended);
        Explanation {
            hash: *hash,
            whereabouts: pooled().or_else(gone).unwrap_or(Whereabouts::Unknown),
            drops: self.counters.drops.about(hash),
            receipt: ended.or_else(|| self.receipt_state(hash)),
        }
    }

    fn pooled(&self, dialect: Dialect, trace: Trace) -> Option<Pooled> {
        let envelope = Envelope::decode(dialect, Bytes::from(trace.raw)).ok()?;
        let arrived = trace.source.second();
        let (filters, more_filters) = self.delivery.explain(&envelope, trace.work, arrived);
        Some(Pooled {
            dialect,
            bringer: trace.bringer,
            arrived,
            expiry: trace.expiry,
            topic: trace.topic,
            size: envelope.raw().len(),
            work: trace.work,
            peers: trace.peers,
            queued: self.delivery.is_queued(envelope.hash()),
            filters,
            more_filters,
        })
    }
}

impl Delivery {
    /// What the filters on its topic make of an envelope that arrived then, and how many more there
    /// are.
    fn explain(&self, envelope: &Envelope, work: f64, arrived: u32) -> (Vec<FilterTrace>, usize) {
        let (first, more) = {
            let filters = read(self.filters());
            let mut on_topic = filters.iter().filter(|(_, it)| it.has_topic(envelope.topic()));
            let first: Vec<_> = on_topic
                .by_ref()
                .take(EXPLAINED_FILTERS)
                .map(|(id, filter)| (*id, filter.clone()))
                .collect();
            (first, on_topic.count())
        };
        let trace = |(id, filter): (_, Arc<Filter>)| FilterTrace {
            id,
            outcome: outcome(&filter, envelope, work, arrived),
        };
        (first.into_iter().map(trace).collect(), more)
    }
}

fn outcome(filter: &Filter, envelope: &Envelope, work: f64, arrived: u32) -> FilterOutcome {
    if !filter.has_dialect(envelope.dialect()) {
        return FilterOutcome::OtherDialect;
    }
    if !filter.admits(envelope.dialect(), work, false) {
        return FilterOutcome::LowWork;
    }
    match filter.try_open(envelope) {
        Opened::NotForUs => FilterOutcome::NotOpened,
        Opened::Malformed => FilterOutcome::Malformed,
        Opened::Message(message) if !filter.wants(&message) => FilterOutcome::OtherSigner,
        Opened::Message(_) if filter.mailbox.holds(envelope.hash()) => FilterOutcome::InMailbox,
        Opened::Message(_) if filter.made() > arrived => FilterOutcome::MadeLater,
        Opened::Message(_) => FilterOutcome::Fetched,
    }
}
