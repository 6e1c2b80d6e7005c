//! The end of an `archive/1` connection that asks: checks what the archive answers.
//!
//! It has no clock or socket. Its driver is `session`.

use std::{collections::BTreeMap, collections::VecDeque};

use bytes::Bytes;

use super::{
    fault::ArchiveFault,
    wire::{
        ArchiveCancel, ArchiveCredit, ArchiveMessage, ArchivePage, ArchiveQuery, ArchiveRefusal,
        PageState,
    },
};
use crate::StoredEnvelope;

/// The open queries to one peer.
#[derive(Debug, Default)]
pub(super) struct Asking {
    queries: BTreeMap<u64, Asked>,
    /// The greatest id that was used. Answers to earlier ones may be late.
    last: u64,
    outbox: VecDeque<Waiting>,
}

/// A message that was not sent yet.
#[derive(Debug)]
struct Waiting {
    /// The query that it is about.
    id: u64,
    is_query: bool,
    message: (u64, Bytes),
}

/// An open query.
#[derive(Debug)]
struct Asked {
    query: ArchiveQuery,
    /// How many bytes the archive may send.
    credit: i64,
}

impl Asking {
    /// Asks. The ids grow.
    pub(super) fn ask(&mut self, query: ArchiveQuery) {
        self.last = self.last.max(query.id);
        self.send(query.id, &ArchiveMessage::Query(Box::new(query.clone())));
        let credit = query.credit.into();
        self.queries.insert(query.id, Asked { query, credit });
    }

    /// The archive may send more of an answer.
    pub(super) fn grant(&mut self, id: u64, bytes: u32) {
        let Some(asked) = self.queries.get_mut(&id) else { return };
        asked.credit = asked.credit.saturating_add(bytes.into());
        self.send(id, &ArchiveMessage::Credit(ArchiveCredit { id, bytes }));
    }

    /// No more of an answer is wanted. What was not sent for the query is not sent any more: what waits for a peer that does not
    /// read is bounded by the open queries.
    pub(super) fn cancel(&mut self, id: u64) {
        if self.queries.remove(&id).is_none() {
            return;
        }
        let mut is_sent = true;
        self.outbox.retain(|waiting| {
            is_sent &= waiting.id != id || !waiting.is_query;
            waiting.id != id
        });
        if is_sent {
            self.send(id, &ArchiveMessage::Cancel(ArchiveCancel { id }));
        }
    }

    /// A page of `bytes` bytes has arrived. Returns it if its query is open.
    pub(super) fn handle_page(
        &mut self,
        page: ArchivePage,
        bytes: usize,
    ) -> Result<Option<ArchivePage>, ArchiveFault> {
        let id = page.id;
        let Some(asked) = self.queries.get_mut(&id) else {
            return if id <= self.last { Ok(None) } else { Err(ArchiveFault::NeverAsked { id }) };
        };
        if asked.credit <= 0 {
            return Err(ArchiveFault::Overrun { id, bytes });
        }
        asked.credit -= i64::try_from(bytes).unwrap_or(i64::MAX);
        let query = &mut asked.query;
        if page.end < query.after {
            return Err(ArchiveFault::Backwards { id, end: page.end });
        }
        if !page.envelopes.iter().all(|stored| is_wanted(query, stored)) {
            return Err(ArchiveFault::NotWanted { id });
        }
        query.after = page.end;
        if page.state == PageState::Last {
            self.queries.remove(&id);
        }
        Ok(Some(page))
    }

    /// A refusal has arrived. Returns it if its query is open.
    pub(super) fn handle_refusal(
        &mut self,
        refusal: ArchiveRefusal,
    ) -> Result<Option<ArchiveRefusal>, ArchiveFault> {
        let id = refusal.id;
        match self.queries.remove(&id) {
            Some(_) => Ok(Some(refusal)),
            None if id <= self.last => Ok(None),
            None => Err(ArchiveFault::NeverAsked { id }),
        }
    }

    /// The next message to the peer.
    pub(super) fn poll_transmit(&mut self) -> Option<(u64, Bytes)> {
        self.outbox.pop_front().map(|waiting| waiting.message)
    }

    fn send(&mut self, id: u64, message: &ArchiveMessage) {
        let is_query = matches!(message, ArchiveMessage::Query(_));
        self.outbox.push_back(Waiting { id, is_query, message: message.encode() });
    }
}

/// Whether an envelope was asked for, and was not sent before.
fn is_wanted(query: &ArchiveQuery, stored: &StoredEnvelope) -> bool {
    let envelope = &stored.envelope;
    stored.arrival > query.after
        && (query.until == 0 || stored.arrival <= query.until)
        && query.dialect.is_none_or(|dialect| dialect == envelope.dialect())
        && query.sent.contains(&envelope.sent().unwrap_or(0))
        && query.filter.lets_through(envelope)
}
