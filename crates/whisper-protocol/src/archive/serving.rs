//! The end of an `archive/1` connection that has the archive: which query is answered next, and how much of it.
//!
//! It has no clock, socket or archive. Its driver is `session`.

use std::{collections::BTreeMap, collections::VecDeque, time::Duration};

use bytes::Bytes;
use p2p_world::planted::{self, Bug};
use tokio::time::Instant;

use super::{
    fault::ArchiveFault,
    wire::{
        ArchiveMessage, ArchivePage, ArchiveQuery, ArchiveRefusal, ArchiveStatus, ArchiveSummary,
        MAX_ENVELOPES, PageState, RefusalCode,
    },
};
use crate::{ArchiveId, HistoryPage, HistoryQuery};

/// Time after which a query that waits for new envelopes is sent an empty page: how far it is complete, and that it lives.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// Maximum bytes of the envelopes of a page. A single envelope may be larger.
const MAX_PAGE: i64 = 256 << 10;

/// Maximum number of refusals that wait for a peer to read them.
const MAX_REFUSALS: usize = 16;

/// Answers the queries of one peer in turn.
#[derive(Debug)]
pub(super) struct Serving {
    archive: Option<ArchiveSummary>,
    max_queries: usize,
    queries: BTreeMap<u64, Answering>,
    /// The query that was read last.
    last: u64,
    /// The query for which a page is being read; within, `None` if it was cancelled: then its id may be used again.
    reading: Option<Option<u64>>,
    outbox: VecDeque<(u64, Bytes)>,
}

/// An open query.
#[derive(Debug)]
struct Answering {
    /// `after` moves with the pages.
    query: HistoryQuery,
    /// How many envelopes may follow.
    left: u64,
    /// How many bytes may be sent. A page that is larger than that makes it negative.
    credit: i64,
    tail: bool,
    /// Whether more is stored than was sent.
    more: bool,
    /// When the last page was sent.
    sent: Instant,
}

/// Whether a peer may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Granted,
    Denied,
}

impl Serving {
    /// Nothing is asked yet. The status is the first message.
    pub(super) fn new(archive: Option<ArchiveSummary>, max_queries: usize) -> Self {
        let mut serving = Self {
            archive,
            max_queries,
            queries: BTreeMap::new(),
            last: 0,
            reading: None,
            outbox: VecDeque::new(),
        };
        serving.send(&ArchiveMessage::Status(ArchiveStatus { archive }));
        serving
    }

    /// The id that the peer was told.
    pub(super) fn id(&self) -> Option<ArchiveId> {
        self.archive.map(|archive| archive.id)
    }

    /// The peer asks.
    pub(super) fn handle_query(
        &mut self,
        now: Instant,
        query: ArchiveQuery,
        access: Access,
    ) -> Result<(), ArchiveFault> {
        let id = query.id;
        match self.check(&query, access) {
            Ok(()) => {
                self.queries.insert(id, Answering::new(now, query));
                Ok(())
            }
            Err((code, text)) => self.refuse(id, code, text),
        }
    }

    fn check(&self, query: &ArchiveQuery, access: Access) -> Result<(), (RefusalCode, String)> {
        let refuse = |code, text: &str| Err((code, text.to_owned()));
        let Some(archive) = self.archive else {
            return refuse(RefusalCode::NoArchive, "this node has no archive");
        };
        if access == Access::Denied {
            let text = "this archive answers only some clients, or those that know its password";
            return refuse(RefusalCode::NotAllowed, text);
        }
        if let Some(asked) = query.archive.filter(|asked| *asked != archive.id) {
            let text = format!("the archive {asked} was replaced by {}: start over", archive.id);
            return Err((RefusalCode::Replaced, text));
        }
        if self.queries.contains_key(&query.id) {
            return refuse(RefusalCode::SameId, "an open query has the same id");
        }
        if self.queries.len() >= self.max_queries {
            let text = format!("at most {} queries may be open", self.max_queries);
            return Err((RefusalCode::TooMany, text));
        }
        Ok(())
    }

    /// The peer can take more of an answer. Queries that have ended are ignored: the message crossed the last page.
    pub(super) fn handle_credit(&mut self, id: u64, bytes: u32) {
        if let Some(query) = self.queries.get_mut(&id) {
            query.credit = query.credit.saturating_add(bytes.into());
        }
    }

    /// The peer wants no more of an answer.
    pub(super) fn handle_cancel(&mut self, id: u64) {
        self.queries.remove(&id);
        self.reading = self.reading.map(|reading| reading.filter(|reading| *reading != id));
    }

    /// The archive has stored something.
    pub(super) fn handle_newest(&mut self, newest: u64) {
        if let Some(archive) = &mut self.archive {
            archive.newest = archive.newest.max(newest);
        }
    }

    /// What to read from the archive now. [`handle_page`](Self::handle_page) or [`handle_failure`](Self::handle_failure) must
    /// follow. There is none while the peer has not been sent the last page: the page waits in the archive, not here.
    pub(super) fn poll_read(&mut self) -> Option<HistoryQuery> {
        if self.reading.is_some() || !self.outbox.is_empty() {
            return None;
        }
        let newest = self.archive?.newest;
        let is_due = |query: &Answering| query.credit > 0 && query.has_more(newest);
        let (after, before) =
            (self.queries.range(self.last.saturating_add(1)..), self.queries.range(..=self.last));
        let (id, query) = after.chain(before).find(|(_, query)| is_due(query))?;
        (self.last, self.reading) = (*id, Some(Some(*id)));
        let max_bytes = usize::try_from(query.credit.min(MAX_PAGE)).unwrap_or(0);
        let limit = usize::try_from(query.left).unwrap_or(usize::MAX).min(MAX_ENVELOPES);
        Some(HistoryQuery { limit, max_bytes, ..query.query.clone() })
    }

    /// The page was read.
    pub(super) fn handle_page(
        &mut self,
        now: Instant,
        page: HistoryPage,
    ) -> Result<(), ArchiveFault> {
        let Some((id, query)) = self.read_query() else { return Ok(()) };
        // The store says so itself: what this node has heard of it may be older than the cursor, from another node.
        if page.newest < query.query.after {
            self.queries.remove(&id);
            let text = "the archive was replaced by an older copy: start over".to_owned();
            return self.refuse(id, RefusalCode::Ahead, text);
        }
        let was_complete = !query.more;
        query.query.after = page.end;
        query.left -= page.envelopes.len() as u64;
        query.more = page.more;
        let is_done = query.left == 0 || page.end >= query.query.until;
        let state = match (is_done, page.more, query.tail) {
            (true, ..) | (false, false, false) => PageState::Last,
            (false, true, _) => PageState::More,
            (false, false, true) => PageState::Tail,
        };
        if let Some(archive) = &mut self.archive {
            (archive.oldest, archive.newest) = (page.oldest, archive.newest.max(page.newest));
        }
        if state == PageState::Tail && was_complete && page.envelopes.is_empty() {
            return Ok(()); // The next heartbeat says so.
        }
        self.send_page(now, id, page, state);
        Ok(())
    }

    /// The archive could not be read.
    pub(super) fn handle_failure(&mut self) -> Result<(), ArchiveFault> {
        let Some((id, _)) = self.read_query() else { return Ok(()) };
        self.queries.remove(&id);
        let text = "the archive cannot be read now: ask again later".to_owned();
        self.refuse(id, RefusalCode::Unreadable, text)
    }

    /// The query for which something was read, if it is still open.
    fn read_query(&mut self) -> Option<(u64, &mut Answering)> {
        let id = self.reading.take()??;
        Some((id, self.queries.get_mut(&id)?))
    }

    /// The time of the next [`handle_timeout`](Self::handle_timeout).
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if !self.outbox.is_empty() {
            return None;
        }
        self.waiting().map(|(_, query)| query.sent + HEARTBEAT).min()
    }

    /// Sends empty pages to queries that have waited for long.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if !self.outbox.is_empty() {
            return; // The peer does not read, and needs no sign of life.
        }
        let Some(ArchiveSummary { oldest, newest, .. }) = self.archive else { return };
        let is_due = |query: &Answering| now >= query.sent + HEARTBEAT;
        let waiting = self.waiting().filter(|(_, query)| is_due(query));
        let due: Vec<_> = waiting.map(|(id, query)| (id, query.query.after)).collect();
        for (id, end) in due {
            let page = HistoryPage { envelopes: Vec::new(), end, more: false, oldest, newest };
            self.send_page(now, id, page, PageState::Tail);
        }
    }

    /// The queries that were sent everything, and may be sent more.
    fn waiting(&self) -> impl Iterator<Item = (u64, &Answering)> {
        let queries = self.queries.iter().map(|(id, query)| (*id, query));
        queries.filter(|(_, query)| query.tail && !query.more && query.credit > 0)
    }

    /// The next message to the peer.
    pub(super) fn poll_transmit(&mut self) -> Option<(u64, Bytes)> {
        self.outbox.pop_front()
    }

    fn send_page(&mut self, now: Instant, id: u64, page: HistoryPage, state: PageState) {
        let newest = self.archive.map_or(0, |archive| archive.newest);
        let HistoryPage { envelopes, end, oldest, .. } = page;
        let message = ArchivePage { id, envelopes, end, oldest, newest, state };
        let bytes = self.send(&ArchiveMessage::Page(message));
        if state == PageState::Last {
            self.queries.remove(&id);
        } else if let Some(query) = self.queries.get_mut(&id) {
            query.credit -= i64::try_from(bytes).unwrap_or(i64::MAX);
            query.sent = now;
        }
    }

    fn refuse(&mut self, id: u64, code: RefusalCode, text: String) -> Result<(), ArchiveFault> {
        if self.outbox.len() >= MAX_REFUSALS {
            return Err(ArchiveFault::Flood);
        }
        self.send(&ArchiveMessage::Refusal(ArchiveRefusal { id, code, text }));
        Ok(())
    }

    /// Queues a message, and returns the bytes of its payload.
    fn send(&mut self, message: &ArchiveMessage) -> usize {
        let (code, payload) = message.encode();
        let bytes = payload.len();
        self.outbox.push_back((code, payload));
        bytes
    }
}

impl Answering {
    fn new(now: Instant, query: ArchiveQuery) -> Self {
        let unless_zero = |number| if number == 0 { u64::MAX } else { number };
        Self {
            left: unless_zero(query.limit),
            credit: query.credit.into(),
            tail: query.tail,
            more: true,
            sent: now,
            query: HistoryQuery {
                dialect: query.dialect,
                sent: query.sent,
                after: query.after,
                until: unless_zero(query.until),
                ..HistoryQuery::new(query.filter)
            },
        }
    }

    fn has_more(&self, newest: u64) -> bool {
        self.more || newest > self.query.after && !planted::is(Bug::TailNotWoken)
    }
}
