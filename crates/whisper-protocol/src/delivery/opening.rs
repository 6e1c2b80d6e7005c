//! Opens one envelope with the keys of the filters, a few trials at a time.

use std::{sync::Arc, vec};

use whisper_envelope::Message;

use crate::{
    delivery::filter::{Filter, OpenOutcome},
    delivery::filters::SameKey,
    delivery::mailbox::PutOutcome,
    delivery::queue::Arrival,
    drops::Occurrence,
    stats::{Counter, Reason, counters::Counters},
};

/// An envelope, and the filters to try on it.
#[derive(Debug)]
pub(crate) struct Opening {
    arrival: Arrival,
    candidates: vec::IntoIter<SameKey>,
    /// Whether any key was tried.
    tried: bool,
}

impl Opening {
    pub(crate) fn new(arrival: Arrival, candidates: Vec<SameKey>) -> Self {
        Self { arrival, candidates: candidates.into_iter(), tried: false }
    }

    /// Tries up to `trials` more keys; if one opens the envelope, puts the message into the mailboxes. Returns whether
    /// the envelope is finished.
    pub(crate) fn advance(&mut self, now: u32, counters: &Counters, trials: usize) -> bool {
        for _ in 0..trials {
            let Some(same_key) = self.candidates.next() else {
                let reason = if self.tried { Reason::NotOpened } else { Reason::NotMatching };
                self.record(now, counters, reason);
                return true;
            };
            let Some(filter) = same_key.iter().find(|filter| self.is_admitted(filter)) else {
                continue;
            };
            self.tried = true;
            match filter.try_open(&self.arrival.envelope) {
                OpenOutcome::Message(message) => {
                    counters.one(Counter::Opened);
                    self.store(now, counters, &message, &same_key);
                    return true;
                }
                OpenOutcome::Malformed => {
                    self.record(now, counters, Reason::Malformed);
                    return true;
                }
                OpenOutcome::WrongKey => {}
            }
        }
        false
    }

    fn store(&self, now: u32, counters: &Counters, message: &Message, filters: &[Arc<Filter>]) {
        let Arrival { envelope, work, direct } = &self.arrival;
        let mut received = None;
        for filter in filters.iter().filter(|filter| self.is_admitted(filter)) {
            if !filter.wants(message) {
                self.record(now, counters, Reason::NotMatching);
                continue;
            }
            let received = received.get_or_insert_with(|| {
                Arc::new(filter.received(envelope, *work, *direct, message.clone()))
            });
            match filter.mailbox.put(Arc::clone(received)) {
                PutOutcome::Stored { dropped } => {
                    counters.one(Counter::Delivered);
                    for oldest in dropped {
                        counters.record(Reason::MailboxFull, Occurrence::at(now).of(&oldest));
                    }
                }
                PutOutcome::Repeated => self.record(now, counters, Reason::Repeated),
                PutOutcome::TooLarge => self.record(now, counters, Reason::MailboxFull),
            }
        }
    }

    fn is_admitted(&self, filter: &Arc<Filter>) -> bool {
        let Arrival { envelope, work, direct } = &self.arrival;
        filter.admits(envelope.dialect(), *work, *direct)
    }

    fn record(&self, now: u32, counters: &Counters, reason: Reason) {
        counters.record(reason, Occurrence::at(now).of(self.arrival.envelope.hash()));
    }
}
