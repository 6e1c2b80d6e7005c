//! Both machines in one thread: whatever happens in which order, an answer has each envelope once, and no more than was granted
//! is under way.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokio::time::Instant;
use whisper_envelope::{Topic, Unsealed};

use super::*;
use crate::{
    ArchiveId, Envelope, MemoryArchive, StoredEnvelope,
    archive::{
        serving::HEARTBEAT,
        wire::{ArchiveCancel, ArchivePage, ArchiveRefusal, PageState, RefusalCode},
    },
};

const ARCHIVE: ArchiveId = ArchiveId([7; 8]);

/// What any page costs beyond its envelopes, at most.
const OVERHEAD: i64 = 64;

fn envelope(topic: u8, size: usize, number: u64) -> Envelope {
    Unsealed::v6(1000, 50, Topic([topic; 4]), &vec![0; size]).seal(number)
}

/// Two connected machines and the archive behind one of them.
struct Pair {
    now: Instant,
    archive: MemoryArchive,
    stored: Vec<Envelope>,
    serving: Serving,
    asking: Asking,
    /// What a page is read for, and a message that is under way.
    reading: Option<HistoryQuery>,
    asked: BTreeMap<u64, Reader>,
    refusals: Vec<ArchiveRefusal>,
    next: u64,
}

/// What a client knows of an answer.
struct Reader {
    query: ArchiveQuery,
    taken: Vec<u64>,
    end: u64,
    /// Bytes of pages that were not granted again.
    held: u32,
    granted: i64,
    received: i64,
    largest: i64,
    state: PageState,
    cancelled: bool,
}

impl Pair {
    fn new() -> Self {
        let summary = ArchiveSummary { id: ARCHIVE, oldest: 1, newest: 0 };
        let mut pair = Self {
            now: Instant::now(),
            archive: MemoryArchive::new(ARCHIVE),
            stored: Vec::new(),
            serving: Serving::new(Some(summary), 3),
            asking: Asking::default(),
            reading: None,
            asked: BTreeMap::new(),
            refusals: Vec::new(),
            next: 0,
        };
        let (code, payload) = pair.serving.poll_transmit().unwrap();
        let status = ArchiveMessage::Status(ArchiveStatus { archive: Some(summary) });
        assert_eq!(ArchiveMessage::decode(code, &payload), Ok(status));
        pair
    }

    fn append(&mut self, topic: u8, size: usize) {
        let envelope = envelope(topic, size, self.stored.len() as u64);
        self.archive.append_now([envelope.clone()]).unwrap();
        self.stored.push(envelope);
        self.serving.handle_newest(self.stored.len() as u64);
    }

    fn ask(&mut self, query: ArchiveQuery) -> u64 {
        self.next += 1;
        let query = ArchiveQuery { id: self.next, ..query };
        self.asking.ask(query.clone());
        let reader = Reader {
            taken: Vec::new(),
            end: query.after,
            held: 0,
            granted: query.credit.into(),
            received: 0,
            largest: 0,
            state: PageState::More,
            cancelled: false,
            query,
        };
        self.asked.insert(self.next, reader);
        self.next
    }

    /// One message goes from the client to the archive, if there is one.
    fn carry_request(&mut self) -> bool {
        let Some((code, payload)) = self.asking.poll_transmit() else { return false };
        match ArchiveMessage::decode(code, &payload).unwrap() {
            ArchiveMessage::Query(query) => {
                self.serving.handle_query(self.now, *query, Access::Granted).unwrap();
            }
            ArchiveMessage::Credit(credit) => self.serving.handle_credit(credit.id, credit.bytes),
            ArchiveMessage::Cancel(cancel) => self.serving.handle_cancel(cancel.id),
            other => panic!("{other:?}"),
        }
        true
    }

    /// One message goes from the archive to the client, if there is one.
    fn carry_answer(&mut self) -> bool {
        let Some((code, payload)) = self.serving.poll_transmit() else { return false };
        let bytes = payload.len();
        match ArchiveMessage::decode(code, &payload).unwrap() {
            ArchiveMessage::Page(page) => {
                if let Some(page) = self.asking.handle_page(page, bytes).unwrap() {
                    self.take(&page, bytes);
                }
            }
            ArchiveMessage::Refusal(refusal) => {
                self.refusals.extend(self.asking.handle_refusal(refusal).unwrap());
            }
            other => panic!("{other:?}"),
        }
        true
    }

    fn take(&mut self, page: &ArchivePage, bytes: usize) {
        let reader = self.asked.get_mut(&page.id).unwrap();
        assert!(!reader.cancelled && reader.state != PageState::Last);
        reader.received += bytes as i64;
        let sizes = page.envelopes.iter().map(|stored| stored.envelope.raw().len() as i64);
        reader.largest = sizes.max().unwrap_or(0).max(reader.largest);
        let excess = reader.received - reader.granted;
        let per_envelope = 16 * page.envelopes.len() as i64;
        assert!(excess <= reader.largest + per_envelope + OVERHEAD, "{excess} too many");
        reader.taken.extend(page.envelopes.iter().map(|stored| stored.arrival));
        (reader.end, reader.state) = (page.end, page.state);
        reader.held += u32::try_from(bytes).unwrap();
    }

    /// A page is read, in two steps: something may happen in between.
    fn read(&mut self) -> bool {
        if let Some(query) = self.reading.take() {
            let page = self.archive.page_now(&query).unwrap();
            self.serving.handle_page(self.now, page).unwrap();
            return true;
        }
        self.reading = self.serving.poll_read();
        self.reading.is_some()
    }

    /// Gives back the credit of everything that was taken.
    fn grant(&mut self, id: u64) {
        let Some(reader) = self.asked.get_mut(&id) else { return };
        let bytes = std::mem::take(&mut reader.held);
        if bytes > 0 && !reader.cancelled {
            reader.granted += i64::from(bytes);
            self.asking.grant(id, bytes);
        }
    }

    fn cancel(&mut self, id: u64) {
        if let Some(reader) = self.asked.get_mut(&id) {
            reader.cancelled = true;
            self.asking.cancel(id);
        }
    }

    /// Everything that is under way arrives, and is taken.
    fn settle(&mut self) {
        loop {
            let ids: Vec<_> = self.asked.keys().copied().collect();
            ids.into_iter().for_each(|id| self.grant(id));
            let moved = [self.carry_request(), self.read(), self.carry_answer()];
            if moved == [false; 3] {
                return;
            }
        }
    }

    /// Each answer has what it should have, in order, up to where it says that it is complete.
    fn check(&self, refused: &[u64]) {
        for (id, reader) in &self.asked {
            let until = if reader.query.until == 0 { u64::MAX } else { reader.query.until };
            let limit = if reader.query.limit == 0 { u64::MAX } else { reader.query.limit };
            let wanted = (1..).zip(&self.stored).filter(|(arrival, envelope)| {
                let in_range = *arrival > reader.query.after && *arrival <= reader.end.min(until);
                in_range && reader.query.filter.lets_through(envelope)
            });
            let wanted: Vec<u64> = wanted.map(|(arrival, _)| arrival).collect();
            assert_eq!(reader.taken, wanted, "query {id}: {:?}", reader.query);
            assert!(reader.taken.len() as u64 <= limit);
            if reader.cancelled || refused.contains(id) {
                continue;
            }
            let is_whole = reader.end >= (self.stored.len() as u64).min(until)
                || reader.taken.len() as u64 == limit;
            assert!(is_whole || !reader.query.tail && reader.state == PageState::Last, "{id}");
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(u8, usize),
    Ask { filter: HistoryFilter, after: u64, until: u64, limit: u64, credit: u32, tail: bool },
    Request,
    Read,
    Answer,
    Grant(u64),
    Cancel(u64),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let filter = prop_oneof![
        Just(HistoryFilter::All),
        prop::collection::vec(0..3_u8, 1..3).prop_map(|topics| {
            HistoryFilter::Topics(topics.into_iter().map(|topic| Topic([topic; 4])).collect())
        }),
    ];
    let small = || prop_oneof![2 => Just(0), 1 => 1..20_u64];
    let ask = (filter, small(), small(), small(), 1..2000_u32, any::<bool>()).prop_map(
        |(filter, after, until, limit, credit, tail)| Step::Ask {
            filter,
            after,
            until,
            limit,
            credit,
            tail,
        },
    );
    let step = prop_oneof![
        4 => (0..3_u8, 1..600_usize).prop_map(|(topic, size)| Step::Append(topic, size)),
        1 => ask,
        3 => Just(Step::Request),
        4 => Just(Step::Read),
        4 => Just(Step::Answer),
        2 => (1..6_u64).prop_map(Step::Grant),
        1 => (1..6_u64).prop_map(Step::Cancel),
        1 => (0..40_u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn every_answer_is_complete_and_within_its_credit(steps in steps()) {
        let mut pair = Pair::new();
        for step in steps {
            match step {
                Step::Append(topic, size) => pair.append(topic, size),
                Step::Ask { filter, after, until, limit, credit, tail } => {
                    let query = ArchiveQuery::new(0, filter);
                    pair.ask(ArchiveQuery { after, until, limit, credit, tail, ..query });
                }
                Step::Request => _ = pair.carry_request(),
                Step::Read => _ = pair.read(),
                Step::Answer => _ = pair.carry_answer(),
                Step::Grant(id) => pair.grant(id),
                Step::Cancel(id) => pair.cancel(id),
                Step::Wait(seconds) => {
                    pair.now += std::time::Duration::from_secs(seconds);
                    pair.serving.handle_timeout(pair.now);
                }
            }
        }
        pair.settle();
        pair.now += HEARTBEAT;
        pair.serving.handle_timeout(pair.now);
        pair.settle();
        let refused: Vec<u64> = pair.refusals.iter().map(|refusal| refusal.id).collect();
        pair.check(&refused);
    }
}

fn all() -> ArchiveQuery {
    ArchiveQuery { credit: 100_000, ..ArchiveQuery::new(0, HistoryFilter::All) }
}

fn codes(pair: &Pair) -> Vec<RefusalCode> {
    pair.refusals.iter().map(|refusal| refusal.code).collect()
}

#[test]
fn a_cursor_of_another_archive_is_refused() {
    let mut pair = Pair::new();
    pair.append(1, 10);
    pair.ask(ArchiveQuery { archive: Some(ArchiveId([8; 8])), after: 1, ..all() });
    pair.ask(ArchiveQuery { archive: Some(ARCHIVE), after: 2, ..all() });
    pair.ask(ArchiveQuery { archive: Some(ARCHIVE), after: 1, ..all() });
    pair.settle();
    assert_eq!(codes(&pair), [RefusalCode::Replaced, RefusalCode::Ahead]);
    assert_eq!(pair.asked[&3].state, PageState::Last);
}

/// Several nodes can serve one archive. One of them may hear late of what another has stored.
#[test]
fn a_cursor_beyond_what_the_node_has_heard_of_is_good_if_the_store_has_it() {
    let mut pair = Pair::new();
    pair.archive.append_now([envelope(1, 10, 1), envelope(1, 10, 2)]).unwrap();
    let id = pair.ask(ArchiveQuery { archive: Some(ARCHIVE), after: 1, ..all() });
    pair.settle();
    assert_eq!(codes(&pair), []);
    assert_eq!((&pair.asked[&id].taken[..], pair.asked[&id].end), (&[2][..], 2));
}

#[test]
fn open_queries_are_limited_and_ended_ones_do_not_count() {
    let mut pair = Pair::new();
    for _ in 0..9 {
        pair.ask(all());
        pair.settle();
    }
    assert_eq!(codes(&pair), []);
    for _ in 0..4 {
        pair.ask(ArchiveQuery { tail: true, ..all() });
    }
    pair.settle();
    assert_eq!(codes(&pair), [RefusalCode::TooMany]);
    pair.cancel(10);
    pair.ask(ArchiveQuery { tail: true, ..all() });
    pair.settle();
    assert_eq!(codes(&pair).len(), 1);
}

#[test]
fn who_floods_and_does_not_read_is_cut_off() {
    let mut pair = Pair::new();
    let ask = |id| ArchiveQuery { id, ..all() };
    let denied = (1..100).map(|id| pair.serving.handle_query(pair.now, ask(id), Access::Denied));
    assert_eq!(denied.filter(Result::is_err).count(), 83);
}

#[test]
fn a_quiet_query_is_told_how_far_it_is_complete() {
    let mut pair = Pair::new();
    let news = HistoryFilter::Topics(vec![Topic([9; 4])]);
    let query = ArchiveQuery { tail: true, credit: 1000, ..ArchiveQuery::new(0, news) };
    let id = pair.ask(query);
    pair.append(1, 10);
    pair.settle();
    assert_eq!((pair.asked[&id].end, pair.asked[&id].state), (1, PageState::Tail));
    for _ in 0..5 {
        pair.append(1, 10);
    }
    pair.settle();
    assert_eq!(pair.asked[&id].end, 1, "not for each envelope of others");
    assert_eq!(pair.serving.poll_timeout(), Some(pair.now + HEARTBEAT));
    pair.now += HEARTBEAT;
    pair.serving.handle_timeout(pair.now);
    pair.settle();
    assert_eq!(pair.asked[&id].end, 6);
}

/// An archive that sends what was not asked for, or more than was granted, is cut off.
#[test]
fn an_archive_that_breaks_its_word_is_cut_off() {
    let page = |id, arrival, end| {
        let envelopes = vec![StoredEnvelope { arrival, envelope: envelope(1, 10, arrival) }];
        ArchivePage { id, envelopes, end, oldest: 1, newest: end, state: PageState::More }
    };
    let asking = || {
        let mut asking = Asking::default();
        let one = HistoryFilter::Topics(vec![Topic([1; 4])]);
        asking.ask(ArchiveQuery { after: 5, credit: 100, ..ArchiveQuery::new(1, one) });
        asking
    };
    let never = asking().handle_page(page(2, 6, 9), 60);
    assert_eq!(never, Err(ArchiveFault::NeverAsked { id: 2 }));
    assert_eq!(asking().handle_page(page(1, 5, 9), 60), Err(ArchiveFault::NotWanted { id: 1 }));
    let mut wrong = page(1, 6, 9);
    wrong.envelopes[0].envelope = envelope(2, 10, 6);
    assert_eq!(asking().handle_page(wrong, 60), Err(ArchiveFault::NotWanted { id: 1 }));
    let backwards = ArchivePage { envelopes: Vec::new(), ..page(1, 1, 4) };
    let fault = ArchiveFault::Backwards { id: 1, end: 4 };
    assert_eq!(asking().handle_page(backwards, 60), Err(fault));

    let mut asking = asking();
    assert!(asking.handle_page(page(1, 6, 9), 60).unwrap().is_some());
    assert!(asking.handle_page(page(1, 10, 10), 60).unwrap().is_some(), "40 bytes were left");
    let overrun = ArchiveFault::Overrun { id: 1, bytes: 60 };
    assert_eq!(asking.handle_page(page(1, 11, 11), 60), Err(overrun));
    asking.grant(1, 100);
    assert!(asking.handle_page(page(1, 11, 11), 60).unwrap().is_some());
    asking.cancel(1);
    assert_eq!(asking.handle_page(page(1, 12, 12), 60), Ok(None), "it was under way");
}

/// A page that is read for a cancelled query is not an answer to the next one.
#[test]
fn an_id_that_is_used_again_does_not_mix_two_answers() {
    let mut pair = Pair::new();
    pair.append(1, 10);
    pair.append(2, 10);
    let only = |topic| HistoryFilter::Topics(vec![Topic([topic; 4])]);
    let ask = |topic| ArchiveQuery { id: 5, ..ArchiveQuery { filter: only(topic), ..all() } };
    pair.serving.handle_query(pair.now, ask(1), Access::Granted).unwrap();
    assert!(pair.read(), "it has begun");
    pair.serving.handle_cancel(5);
    pair.serving.handle_query(pair.now, ask(2), Access::Granted).unwrap();
    assert!(pair.read(), "the page of the first one is there");
    assert_eq!(pair.serving.poll_transmit(), None);
    assert!(pair.read() && pair.read(), "that of the second one");
    let (code, payload) = pair.serving.poll_transmit().unwrap();
    let page = ArchiveMessage::decode(code, &payload).unwrap();
    let ArchiveMessage::Page(page) = page else { panic!("code {code}") };
    assert_eq!((page.envelopes.len(), page.envelopes[0].arrival), (1, 2));
}

/// What waits for an archive that does not read is no more than the open queries.
#[test]
fn a_query_that_is_cancelled_before_it_was_sent_is_not_sent() {
    let mut asking = Asking::default();
    for id in 1..100 {
        asking.ask(ArchiveQuery { id, ..all() });
        asking.grant(id, 10);
        asking.cancel(id);
    }
    assert_eq!(asking.poll_transmit(), None);
    asking.ask(ArchiveQuery { id: 100, ..all() });
    assert!(asking.poll_transmit().is_some());
    asking.grant(100, 10);
    asking.cancel(100);
    let cancel = ArchiveMessage::Cancel(ArchiveCancel { id: 100 }).encode();
    assert_eq!(asking.poll_transmit(), Some(cancel), "it was sent, so it is cancelled");
    assert_eq!(asking.poll_transmit(), None, "it needs no more credit");
}
