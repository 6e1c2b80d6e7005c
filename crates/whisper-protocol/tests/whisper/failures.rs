//! The known failures of mail servers and their clients, and the tests that show that this one does not have them.
//!
//! | | failure elsewhere | test here |
//! |---|---|---|
//! | 1 | what arrives late falls behind the cursor | `failure_1_…`, `pages_go_on_after_the_cursor_and_late_envelopes_are_not_missed`; in `whisper-archive`: `what_arrives_late_is_not_missed` |
//! | 2 | a cursor although nothing is left | `failure_2_…`; in `whisper-archive`: `a_full_page_is_not_always_followed_by_another` |
//! | 3 | a slow client is told that it has everything | `failure_3_…` |
//! | 4 | a row that cannot be read is left out | `failure_4_…`; in `whisper-archive`: `a_row_that_cannot_be_read_is_not_left_out`, `a_restart_goes_on_with_the_numbers_and_a_damaged_row_is_not_left_out` |
//! | 5 | a failed read looks like the end | `failure_5_…` |
//! | 6 | a read that cannot begin is not answered | `failure_6_…`, for each form |
//! | 7 | the direction of pages depends on the store | `failure_7_…`, for each form; in `whisper-archive`: one body of tests for each store (`tests/contract`) |
//! | 8 | limits, topics and cursors mean something else in each version | `failure_8_…`, `clients_of_status_go_are_answered_in_each_of_their_forms`; in `packet`: `every_form_is_read` |
//! | 9 | a mail server that copies gets nothing | `failure_9_…` |
//! | 10 | topics are ignored, all that the bloom lets through is sent | `failure_10_…` |
//! | 11 | a bloom reads every row | in `whisper-archive`: `a_bloom_reads_no_envelope_of_another_topic`; `cargo xtask bench archive` |
//! | 12 | clients ask again while the server is busy | `failure_12_…` (two); for clients: `a_busy_server_is_not_asked_again`; for `archive/1`, the tests of its credit |
//! | 13 | anybody reads and copies | `failure_13_…`; for `archive/1`: `only_some_clients_may_ask` |
//! | 14 | the greatest time answers nothing | `failure_14_…` |
//! | 15 | the end does not say what it covers | `failure_15_…`; in `whisper-archive`: `what_arrives_late_is_not_missed` |

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use bytes::Bytes;
use p2p_mux::rlp::Item;
use whisper_envelope::{Dialect, Draft, Recipient};
use whisper_protocol::{
    Archive as _, ArchiveId, Bloom, Envelope, HistoryCursor, HistoryEvent, MailServerSettings,
    OpenRequests, Topic,
    packet::{Completion, Query, QueryForm, Request, SyncRequest, SyncResponse},
};

use crate::{
    history,
    mail_server::{NEWS, Served, answer, password, refusal, seal, serve, settings, stored},
    support::{NOW, RawPeer, node},
};

fn five() -> Vec<Envelope> {
    (0..5).map(|number| stored(NEWS, 60, number)).collect()
}

fn query() -> Query {
    Query { from: NOW - 3600, to: NOW, topics: vec![NEWS], batch: true, ..Query::default() }
}

fn open(query: Query) -> Request {
    Request::Open { id: [3; 32], query }
}

async fn served(envelopes: Vec<Envelope>) -> (Served, RawPeer) {
    let served = serve(settings(), envelopes).await;
    let peer = RawPeer::greeted(&served.node).await;
    (served, peer)
}

/// The number of envelopes of an answer, and its cursor.
async fn page(peer: &mut RawPeer, request: &Request) -> (usize, Option<Vec<u8>>) {
    peer.send(126, &request.encode()).await;
    let (packets, end) = answer(peer).await;
    let Completion::Done { cursor, .. } = end else { panic!("{end:?}") };
    (packets.iter().map(count).sum(), cursor.map(|cursor| cursor.to_vec()))
}

/// The number of envelopes in a packet: one alone begins with its expiry.
fn count(packet: &Bytes) -> usize {
    let items = || Item::parse(packet).unwrap().items().unwrap();
    let first = items().item().unwrap();
    if first.is_list() { items().filter(Result::is_ok).count() } else { 1 }
}

#[tokio::test]
async fn failure_1_what_arrives_late_is_on_the_next_page() {
    let (served, mut peer) = served(five()).await;
    let (count, cursor) = page(&mut peer, &open(Query { limit: 4, ..query() })).await;
    assert_eq!(count, 4);
    served.archive.append(vec![stored(NEWS, 3000, 99)]).await.unwrap();
    let next = Query { cursor: cursor.unwrap().into(), ..query() };
    assert_eq!(page(&mut peer, &open(next)).await, (2, None));
}

#[tokio::test]
async fn failure_2_no_cursor_when_the_limit_is_reached_exactly() {
    let (_served, mut peer) = served(five()).await;
    assert_eq!(page(&mut peer, &open(Query { limit: 5, ..query() })).await, (5, None));
    let (count, cursor) = page(&mut peer, &open(Query { limit: 4, ..query() })).await;
    assert_eq!((count, cursor.is_some()), (4, true));
}

#[tokio::test(start_paused = true)]
async fn failure_3_a_client_that_reads_too_slowly_is_not_told_that_it_has_everything() {
    // More than the queues of a connection hold.
    let large = |number| {
        let unsealed = whisper_envelope::Unsealed::v6(NOW - 10, 50, NEWS, &[7; 200_000]);
        unsealed.seal(number)
    };
    let (_served, mut peer) = served((0..200).map(large).collect()).await;
    peer.send(126, &open(query()).encode()).await;
    assert_eq!(peer.receive().await.0, 127);
    tokio::time::sleep(Duration::from_secs(300)).await;
    let mut received = 1;
    while let Ok((code, _)) = tokio::time::timeout(Duration::from_secs(300), peer.receive()).await {
        assert_eq!(code, 127, "no completion");
        received += 1;
    }
    assert!(received < 200, "it has not received everything");
}

/// The envelopes of an answer, and why it ended early.
async fn cut_off(peer: &mut RawPeer, request: &Request) -> (usize, String) {
    peer.send(126, &request.encode()).await;
    let (packets, end) = answer(peer).await;
    let Completion::Failed { text, .. } = end else { panic!("{end:?}") };
    (packets.iter().map(count).sum(), text)
}

#[tokio::test]
async fn failure_4_a_row_that_cannot_be_read_is_not_left_out() {
    let (served, mut peer) = served(five()).await;
    served.archive.damaged.store(3, Relaxed);
    let (_, text) = cut_off(&mut peer, &open(query())).await;
    assert!(text.contains("failed to read all envelopes"), "{text}");
    let before = Query { limit: 2, ..query() };
    assert_eq!(page(&mut peer, &open(before)).await.0, 2, "what comes before it can be read");
    served.archive.damaged.store(0, Relaxed);
    assert_eq!(page(&mut peer, &open(query())).await, (5, None));
}

#[tokio::test]
async fn failure_5_a_read_that_fails_in_the_middle_is_not_the_end() {
    let many = (0..250).map(|number| stored(NEWS, 60, number)).collect();
    let (served, mut peer) = served(many).await;
    served.archive.damaged.store(150, Relaxed);
    for form in [QueryForm::Binary, QueryForm::SixFields, QueryForm::SevenFields] {
        let request = Request::Sealed(seal(Dialect::V6, &query().encode(form)));
        let (count, text) = cut_off(&mut peer, &request).await;
        assert_eq!(count, 100, "{form:?}");
        assert!(text.contains("failed to read all envelopes"), "{form:?}: {text}");
    }
    assert_eq!(cut_off(&mut peer, &open(query())).await.0, 100);
    let (copied, end) = copy(&mut peer, &SyncRequest { limit: 1000, ..sync() }).await;
    assert_eq!((copied.len(), end.cursor.len()), (100, 0));
    assert!(end.error.contains("failed to read all envelopes"), "{end:?}");
}

#[tokio::test]
async fn failure_6_a_read_that_cannot_begin_is_answered_in_each_form() {
    let (served, mut peer) = served(five()).await;
    served.archive.set_failing(true);
    for form in [QueryForm::Binary, QueryForm::SixFields, QueryForm::SevenFields] {
        let request = seal(Dialect::V6, &query().encode(form));
        let text = refusal(&mut peer, request.raw()).await;
        assert!(text.contains("failed to read all envelopes"), "{form:?}: {text}");
    }
    let text = refusal(&mut peer, &open(query()).encode()).await;
    assert!(text.contains("failed to read all envelopes"), "{text}");
    let (none, end) = copy(&mut peer, &sync()).await;
    assert!(none.is_empty() && end.error.contains("failed to read all envelopes"), "{end:?}");
}

/// What was sent first arrived last.
#[tokio::test]
async fn failure_7_pages_have_one_direction_in_each_form() {
    let archived: Vec<_> =
        (0..5).map(|number| stored(NEWS, 60 + 10 * number, number.into())).collect();
    let (_served, mut peer) = served(archived.clone()).await;
    let seal = |query: &Query, form| Request::Sealed(seal(Dialect::V6, &query.encode(form)));
    let forms: [&dyn Fn(&Query) -> Request; 4] = [
        &|query| open(query.clone()),
        &|query| seal(query, QueryForm::Binary),
        &|query| seal(query, QueryForm::SixFields),
        &|query| seal(query, QueryForm::SevenFields),
    ];
    for request in forms {
        let (mut asked, mut last) = (Query { limit: 2, ..query() }, Vec::new());
        loop {
            peer.send(126, &request(&asked).encode()).await;
            let (_, Completion::Done { last: Some(hash), cursor, .. }) = answer(&mut peer).await
            else {
                panic!("no end")
            };
            last.push(hash);
            let Some(cursor) = cursor else { break };
            asked.cursor = cursor.to_vec().into();
        }
        assert_eq!(last, [1, 3, 4].map(|index: usize| *archived[index].hash()));
    }
}

#[tokio::test]
async fn failure_8_a_limit_means_the_same_in_each_form() {
    let many = (0..1200).map(|number| stored(NEWS, 60, number)).collect();
    let (_served, mut peer) = served(many).await;
    for limit in [0, 1000, 5000] {
        let asked = Query { limit, ..query() };
        let (count, cursor) = page(&mut peer, &open(asked.clone())).await;
        assert_eq!((count, cursor.is_some()), (1000, true), "in the open: {limit}");
        for form in [QueryForm::SixFields, QueryForm::SevenFields] {
            let request = Request::Sealed(seal(Dialect::V6, &asked.encode(form)));
            let (count, cursor) = page(&mut peer, &request).await;
            assert_eq!((count, cursor.is_some()), (1000, true), "{form:?}: {limit}");
        }
    }
}

/// Copies as another mail server does. Returns the envelopes, and the last part.
async fn copy(peer: &mut RawPeer, request: &SyncRequest) -> (Vec<Envelope>, SyncResponse) {
    peer.send(123, &request.encode()).await;
    let mut copied = Vec::new();
    loop {
        let (code, packet) = peer.receive().await;
        assert_eq!(code, 124);
        let part = SyncResponse::decode(&packet).unwrap();
        copied.extend(part.envelopes().map(Result::unwrap));
        if part.is_final {
            return (copied, part);
        }
        assert_eq!((part.cursor.len(), &part.error[..]), (0, ""));
    }
}

fn sync() -> SyncRequest {
    let (bloom, cursor) = (Bloom::FULL, Bytes::new());
    SyncRequest { lower: NOW - 3600, upper: NOW, bloom, limit: 3, cursor }
}

#[tokio::test]
async fn failure_9_a_mail_server_that_copies_gets_everything() {
    let (served, mut peer) = served(five()).await;
    let (first, end) = copy(&mut peer, &sync()).await;
    assert_eq!((&first[..], end.cursor.len(), &end.error[..]), (&five()[..3], 36, ""));
    served.archive.append(vec![stored(NEWS, 1800, 99)]).await.unwrap();
    let (rest, end) = copy(&mut peer, &SyncRequest { cursor: end.cursor, ..sync() }).await;
    assert_eq!(rest, [five()[3].clone(), five()[4].clone(), stored(NEWS, 1800, 99)]);
    assert_eq!((end.cursor.len(), &end.error[..]), (0, ""), "nothing is left");
    let reversed = SyncRequest { lower: NOW, upper: NOW - 1, ..sync() };
    let (none, end) = copy(&mut peer, &reversed).await;
    assert!(none.is_empty() && end.error.contains("lower > upper"), "{end:?}");
}

#[tokio::test]
async fn failure_10_topics_are_not_ignored() {
    let foreign = Topic(*b"chat");
    let archived = vec![stored(NEWS, 60, 1), stored(foreign, 60, 2)];
    let (_served, mut peer) = served(archived).await;
    let both = Query { bloom: Some(Bloom::FULL), ..query() };
    assert_eq!(page(&mut peer, &open(both.clone())).await.0, 1);
    let request = Request::Sealed(seal(Dialect::V6, &both.encode(QueryForm::SevenFields)));
    assert_eq!(page(&mut peer, &request).await.0, 1);
    let all = Query { topics: Vec::new(), ..both };
    assert_eq!(page(&mut peer, &open(all)).await.0, 2);
}

#[tokio::test]
async fn failure_12_a_client_that_asks_again_at_once_is_refused() {
    let slow = MailServerSettings { interval: Duration::from_secs(3600), ..settings() };
    let served = serve(slow, five()).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    assert_eq!(page(&mut peer, &open(query())).await, (5, None));
    for _ in 0..3 {
        assert_eq!(refusal(&mut peer, &open(query()).encode()).await, "rate limit exceeded");
    }
}

/// While the archive is slow, a peer that asks again does not make it slower.
#[tokio::test]
async fn failure_12_a_busy_server_reads_for_one_request_of_a_peer_at_a_time() {
    let (served, mut peer) = served(five()).await;
    let busy = served.archive.gate.write().await;
    peer.send(126, &open(query()).encode()).await;
    for _ in 0..50 {
        assert_eq!(refusal(&mut peer, &open(query()).encode()).await, "rate limit exceeded");
    }
    assert_eq!(served.archive.asked.load(Relaxed), 1);
    drop(busy);
    let (packets, end) = answer(&mut peer).await;
    assert_eq!(packets.iter().map(count).sum::<usize>(), 5);
    assert!(matches!(end, Completion::Done { cursor: None, .. }), "{end:?}");
}

#[tokio::test]
async fn failure_13_strangers_neither_read_nor_copy() {
    let closed =
        MailServerSettings { open: OpenRequests::Of([].into_iter().collect()), ..settings() };
    let served = serve(closed, five()).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    let refused = refusal(&mut peer, &open(query()).encode()).await;
    assert!(refused.contains("unencrypted"), "{refused}");
    let (none, end) = copy(&mut peer, &sync()).await;
    assert!(none.is_empty() && end.error.contains("unencrypted"), "{end:?}");
    let key = password();
    let message = query().encode(QueryForm::SixFields);
    let unsigned = Draft::new(Dialect::V6, Recipient::Symmetric(&key), NOW).payload(&message);
    let unsigned = unsigned.encrypt(&mut rand::rng()).unwrap().seal(0);
    assert!(refusal(&mut peer, unsigned.raw()).await.contains("not signed"));
    let sealed = Request::Sealed(seal(Dialect::V6, &message));
    assert_eq!(page(&mut peer, &sealed).await.0, 5, "who knows the password");
}

#[tokio::test]
async fn failure_14_the_greatest_time_is_no_limit() {
    let (_served, mut peer) = served(five()).await;
    for to in [u32::MAX, 0] {
        let mut binary = [(NOW - 3600).to_be_bytes(), to.to_be_bytes()].concat();
        let request = Request::Sealed(seal(Dialect::V6, &binary));
        assert_eq!(page(&mut peer, &request).await.0, 5, "{to}");
        binary.extend_from_slice(&Bloom::of(NEWS).0);
        let request = Request::Sealed(seal(Dialect::V6, &binary));
        assert_eq!(page(&mut peer, &request).await.0, 5, "{to}");
    }
}

/// Over `archive/1`, a reader knows how far it is complete, also for what it did not ask for, and although the connection ends.
#[tokio::test(start_paused = true)]
async fn failure_15_an_answer_says_what_it_covers() {
    let (server, client) = (history::Server::new(1), node());
    let archive = ArchiveId([1; 8]);
    server.append(&[history::sealed(0..2), five()].concat()).await;
    server.archive.damaged.store(2, Relaxed);
    let connection = server.connect(&client);
    let request = || history::request(HistoryCursor::default());
    let mut reader = client.history(request().live()).unwrap();
    let Some(HistoryEvent::Refused { .. }) = reader.next().await else { panic!() };
    assert_eq!(reader.cursor().end(archive), 0, "it does not claim what it could not read");
    server.archive.damaged.store(0, Relaxed);
    assert_eq!(history::numbers(&mut reader).await.0, [0, 1]);
    assert_eq!(reader.cursor().end(archive), 7, "and of nothing else there is anything");
    drop(connection);
    server.append(&history::sealed(2..3)).await;
    let progress: Vec<_> = reader.progress().map(|it| (it.end, it.newest)).collect();
    assert_eq!(progress, [(7, 7)], "what was stored since is not covered");
    let _connection = server.connect(&client);
    loop {
        match reader.next().await.unwrap() {
            HistoryEvent::Envelopes(part) => {
                assert_eq!(part.iter().map(|it| it.arrival).collect::<Vec<_>>(), [8]);
                break;
            }
            event => assert!(!matches!(event, HistoryEvent::Replaced { .. }), "{event:?}"),
        }
    }
    assert_eq!(reader.cursor().end(archive), 8);
}
