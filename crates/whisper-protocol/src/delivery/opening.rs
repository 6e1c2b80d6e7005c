//! Opens one envelope with the keys of one owner's filters, a few trials at a time.

use std::{sync::Arc, time::Duration, vec};

use whisper_envelope::Message;

use crate::{
    delivery::arrival::Arrival,
    delivery::filter::{Filter, OpenOutcome},
    delivery::filters::SameKey,
    delivery::mailbox::PutOutcome,
    delivery::mailbox::usage::ClientUsage,
    delivery::message::ContentHash,
    drops::Occurrence,
    stats::{Counter, Reason, counters::Counters, timings::Uptime},
};

/// An envelope, and the filters to try on it.
#[derive(Debug)]
pub(crate) struct Opening {
    arrival: Arrival,
    candidates: vec::IntoIter<SameKey>,
    /// Whose keys they are; `None` if there are none.
    usage: Option<ClientUsage>,
    /// Whether any key was tried.
    tried: bool,
    /// The time of the trials so far.
    spent: Duration,
}

/// What was done in one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The cost of the trials ([`Filter::trial_cost`]).
    pub(crate) cost: u32,
    /// Whether nothing is left to do.
    pub(crate) finished: bool,
}

impl Opening {
    pub(crate) fn new(arrival: Arrival, candidates: Vec<SameKey>) -> Self {
        let first = candidates.first().and_then(|same_key| same_key.first());
        let usage = first.map(|filter| filter.mailbox.usage());
        let (candidates, spent) = (candidates.into_iter(), Duration::ZERO);
        Self { arrival, candidates, usage, tried: false, spent }
    }

    /// Whose keys are tried.
    pub(crate) fn usage(&self) -> Option<&ClientUsage> {
        self.usage.as_ref()
    }

    /// The envelope.
    pub(crate) fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// Tries keys until they cost `budget`, or until one opens the envelope. Then the message goes to the mailboxes.
    pub(crate) fn advance(
        &mut self,
        now: u32,
        uptime: Uptime<'_>,
        counters: &Counters,
        budget: u32,
    ) -> Progress {
        let _span = tracing::trace_span!("open", keys = self.candidates.len()).entered();
        let start = uptime();
        let progress = self.try_keys(now, uptime, counters, budget);
        self.spent += uptime().saturating_sub(start);
        if progress.finished && self.tried {
            counters.timings.open.record(self.spent);
        }
        progress
    }

    fn try_keys(
        &mut self,
        now: u32,
        uptime: Uptime<'_>,
        counters: &Counters,
        budget: u32,
    ) -> Progress {
        let mut cost = 0_u32;
        while cost < budget {
            let Some(same_key) = self.candidates.next() else {
                let reason = if self.tried { Reason::NotOpened } else { Reason::NotMatching };
                record(now, counters, &self.arrival, reason);
                return Progress { cost, finished: true };
            };
            let admitted = |filter: &&Arc<Filter>| is_admitted(&self.arrival, filter);
            let Some(filter) = same_key.iter().find(admitted) else { continue };
            self.tried = true;
            cost = cost.saturating_add(filter.trial_cost());
            match filter.try_open(&self.arrival.envelope) {
                OpenOutcome::Message(message) => {
                    counters.one(Counter::Opened);
                    let filters = same_key.iter().filter(admitted);
                    let stored = store(now, counters, &self.arrival, &message, filters);
                    if let Some(arrived) = self.arrival.arrived {
                        let age = uptime().saturating_sub(arrived);
                        counters.timings.delivery.record_many(age, stored);
                    }
                    return Progress { cost, finished: true };
                }
                OpenOutcome::Malformed => {
                    record(now, counters, &self.arrival, Reason::Malformed);
                    return Progress { cost, finished: true };
                }
                OpenOutcome::WrongKey => {}
            }
        }
        Progress { cost, finished: false }
    }
}

/// Puts an opened message into the mailboxes of the filters that want it. Returns into how many.
pub(crate) fn store<'a>(
    now: u32,
    counters: &Counters,
    arrival: &Arrival,
    message: &Message,
    filters: impl IntoIterator<Item = &'a Arc<Filter>>,
) -> u64 {
    let content = ContentHash::of(&arrival.envelope);
    let (mut received, mut stored) = (None, 0);
    for filter in filters {
        if !filter.wants(message) {
            record(now, counters, arrival, Reason::NotMatching);
            continue;
        }
        let received = received.get_or_insert_with(|| {
            let (work, direct) = (arrival.work.get(), arrival.is_direct());
            Arc::new(filter.received(&arrival.envelope, work, direct, message.clone()))
        });
        match filter.mailbox.put(content, Arc::clone(received)) {
            PutOutcome::Stored { dropped } => {
                filter.handle_change();
                counters.one(Counter::Delivered);
                stored += 1;
                for oldest in dropped {
                    counters.record(Reason::MailboxFull, Occurrence::at(now).of(&oldest));
                }
            }
            PutOutcome::Repeated => record(now, counters, arrival, Reason::Repeated),
            PutOutcome::TooLarge => record(now, counters, arrival, Reason::MailboxFull),
        }
    }
    stored
}

fn is_admitted(arrival: &Arrival, filter: &Filter) -> bool {
    filter.admits(arrival.envelope.dialect(), arrival.work.get(), arrival.is_direct())
}

/// Counts why an envelope is not delivered.
pub(crate) fn record(now: u32, counters: &Counters, arrival: &Arrival, reason: Reason) {
    counters.record(reason, Occurrence::at(now).of(arrival.envelope.hash()));
}
