//! A node reads the archives of its peers over `archive/1`.

use std::sync::Arc;

use p2p_identity::NodeId;
use p2p_mux::{Channel, DisconnectReason, Exit};
use tokio::{sync::oneshot, task::JoinHandle};
use whisper_envelope::{SymmetricKey, Unsealed};
use whisper_protocol::{
    Archive as _, ArchiveId, ArchiveSettings, Envelope, FilterKey, FilterSpec, History,
    HistoryCursor, HistoryError, HistoryEvent, HistoryFilter, HistoryRequest, OpenRequests, Topic,
    Whisper,
    archive_1::{ArchiveMessage, ArchivePage, ArchiveStatus, PageState, RefusalCode},
};

use crate::{
    archive::TestArchive,
    support::{NOW, TOPIC, key, node, unsealed},
};

pub(crate) const CLIENT: NodeId = NodeId([9; 64]);

/// A node with an archive.
pub(crate) struct Server {
    pub(crate) id: NodeId,
    pub(crate) node: Whisper,
    pub(crate) archive: Arc<TestArchive>,
}

/// A connection between a client and a server. It ends on drop.
pub(crate) struct Connection {
    _cut: oneshot::Sender<()>,
    _ends: [JoinHandle<()>; 2],
}

impl Server {
    pub(crate) fn new(number: u8) -> Self {
        Self::with(number, ArchiveSettings::default())
    }

    pub(crate) fn with(number: u8, settings: ArchiveSettings) -> Self {
        let (node, archive) = (node(), TestArchive::with_id([number; 8]));
        node.serve_archive(Arc::clone(&archive) as _, settings);
        Self { id: NodeId([number; 64]), node, archive }
    }

    pub(crate) async fn append(&self, envelopes: &[Envelope]) {
        self.archive.append(envelopes.to_vec()).await.unwrap();
    }

    pub(crate) fn connect(&self, client: &Whisper) -> Connection {
        let (near, far) = Channel::pipe();
        let (cut, mut is_cut) = oneshot::channel();
        let asking = client.attach_archive(CLIENT, self.id, near);
        let answering = self.node.attach_archive(self.id, CLIENT, far);
        let asking = tokio::spawn(async move {
            tokio::select! {
                end = asking => end.unwrap(),
                _ = &mut is_cut => {}
            }
        });
        let answering = tokio::spawn(async move { answering.await.unwrap() });
        Connection { _cut: cut, _ends: [asking, answering] }
    }
}

pub(crate) fn request(cursor: HistoryCursor) -> HistoryRequest {
    HistoryRequest::new(HistoryFilter::Topics(vec![TOPIC]), cursor)
}

/// Envelopes that no key opens, which do not expire soon.
pub(crate) fn sealed(numbers: std::ops::Range<u64>) -> Vec<Envelope> {
    numbers.map(|number| Unsealed::v6(NOW + 5000, 5000, TOPIC, &[0; 40]).seal(number)).collect()
}

/// The numbers of the next envelopes, and the cursor after them.
pub(crate) async fn numbers(history: &mut History) -> (Vec<u64>, HistoryCursor) {
    match history.next().await.unwrap() {
        HistoryEvent::Envelopes(part) => {
            assert!(part.iter().all(|envelope| !envelope.maybe_repeated));
            let nonces = part.iter().map(|it| it.envelope.nonce());
            (nonces.collect(), history.cursor())
        }
        other => panic!("{other:?}"),
    }
}

/// All numbers until the end, and the other events.
pub(crate) async fn rest(mut history: History) -> (Vec<u64>, Vec<HistoryEvent>) {
    let (mut numbers, mut events) = (Vec::new(), Vec::new());
    while let Some(event) = history.next().await {
        match event {
            HistoryEvent::Envelopes(part) => {
                numbers.extend(part.iter().map(|it| it.envelope.nonce()));
            }
            other => events.push(other),
        }
    }
    (numbers, events)
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_and_then_what_arrives() {
    let (server, client) = (Server::new(1), node());
    server.append(&sealed(0..3)).await;
    let other = Unsealed::v6(NOW + 50, 50, Topic(*b"else"), b"").seal(99);
    server.append(&[other]).await;
    let _connection = server.connect(&client);
    let mut history = client.history(request(HistoryCursor::default()).live()).unwrap();
    let (read, cursor) = numbers(&mut history).await;
    assert_eq!(read, [0, 1, 2]);
    assert_eq!(cursor.end(ArchiveId([1; 8])), 4, "complete also for what was not wanted");
    let caught_up = HistoryEvent::CaughtUp { nodes: vec![server.id] };
    assert_eq!(history.next().await, Some(caught_up));
    for number in 3..6 {
        server.append(&sealed(number..number + 1)).await;
        assert_eq!(numbers(&mut history).await.0, [number]);
    }
    drop(history);

    // The cursor survives as a text. What arrived meanwhile follows.
    let again = client.history(request(cursor.to_string().parse().unwrap())).unwrap();
    let (read, events) = rest(again).await;
    assert_eq!(read, [3, 4, 5]);
    assert_eq!(events, [HistoryEvent::CaughtUp { nodes: vec![server.id] }]);
}

#[tokio::test(start_paused = true)]
async fn a_live_reader_survives_the_end_of_its_connection() {
    let (server, client) = (Server::new(1), node());
    let connection = server.connect(&client);
    let request = request(HistoryCursor::default()).live().nodes([server.id]);
    let mut history = client.history(request).unwrap();
    server.append(&sealed(0..1)).await;
    assert_eq!(numbers(&mut history).await.0, [0]);
    assert!(matches!(history.next().await, Some(HistoryEvent::CaughtUp { .. })));
    drop(connection);
    assert_eq!(history.next().await, Some(HistoryEvent::Away { node: server.id }));
    server.append(&sealed(1..3)).await;
    let _connection = server.connect(&client);
    assert_eq!(numbers(&mut history).await.0, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn two_archives_are_merged_and_the_one_that_is_away_is_named() {
    let (one, two, client) = (Server::new(1), Server::new(2), node());
    let first = one.connect(&client);
    let _second = two.connect(&client);
    let request = request(HistoryCursor::default()).live().nodes([one.id, two.id]);
    let mut history = client.history(request).unwrap();
    let all = sealed(0..6);
    assert!(matches!(history.next().await, Some(HistoryEvent::CaughtUp { .. })));
    one.append(&all[..2]).await;
    assert_eq!(numbers(&mut history).await.0, [0, 1]);
    two.append(&[all[1].clone(), all[2].clone(), all[0].clone()]).await;
    assert_eq!(numbers(&mut history).await.0, [2]);
    drop(first);
    assert_eq!(history.next().await, Some(HistoryEvent::Away { node: one.id }));
    one.append(&[all[3].clone(), all[2].clone()]).await;
    two.append(&all[4..]).await;
    let (read, cursor) = numbers(&mut history).await;
    assert_eq!(read, [4, 5]);
    drop(history);

    // The reader goes on where it stopped, and the archive is back.
    let _first = one.connect(&client);
    let request = self::request(cursor).nodes([one.id, two.id]);
    let (read, _) = rest(client.history(request).unwrap()).await;
    assert_eq!(read, [3]);
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_lacks_envelopes_is_named() {
    let (one, two, client) = (Server::new(1), Server::new(2), node());
    let _connections = [one.connect(&client), two.connect(&client)];
    let request = request(HistoryCursor::default()).nodes([one.id, two.id]);
    one.append(&sealed(0..3)).await;
    let (read, events) = rest(client.history(request).unwrap()).await;
    assert_eq!(read, [0, 1, 2]);
    // An archive has a minute; `merge` tests the rest.
    assert_eq!(events.len(), 1, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_was_replaced_is_read_from_the_beginning() {
    let (old, client) = (Server::new(1), node());
    old.append(&sealed(0..3)).await;
    let connection = old.connect(&client);
    let mut history = client.history(request(HistoryCursor::default())).unwrap();
    let (_, cursor) = numbers(&mut history).await;
    drop((connection, history));

    let new = Server { id: old.id, ..Server::new(2) };
    new.append(&sealed(2..5)).await;
    let _connection = new.connect(&client);
    let mut history = client.history(request(cursor).live()).unwrap();
    let (node, [old, new]) = (old.id, [1, 2].map(|id| ArchiveId([id; 8])));
    assert_eq!(history.next().await, Some(HistoryEvent::Replaced { node, old, new }));
    let Some(HistoryEvent::Envelopes(part)) = history.next().await else { panic!() };
    let read: Vec<_> = part.iter().map(|it| (it.envelope.nonce(), it.maybe_repeated)).collect();
    assert_eq!(read, [(2, true), (3, true), (4, true)]);
}

/// A database that was restored gets another id while the node runs.
#[tokio::test(start_paused = true)]
async fn an_archive_that_gets_another_id_is_read_from_the_beginning() {
    let server = Server::new(1);
    server.append(&sealed(0..2)).await;
    let mut own = server.node.history(request(HistoryCursor::default()).live()).unwrap();
    assert_eq!(numbers(&mut own).await.0, [0, 1]);
    assert!(matches!(own.next().await, Some(HistoryEvent::CaughtUp { .. })));
    let (near, _far) = Channel::pipe();
    let session = tokio::spawn(server.node.attach_archive(server.id, CLIENT, near));
    tokio::task::yield_now().await;
    server.archive.renew(ArchiveId([2; 8]));
    let ended = session.await.unwrap().unwrap_err();
    assert_eq!(ended, Exit::Disconnect(DisconnectReason::Requested), "the peer comes again");
    let mut events = Vec::new();
    let again = loop {
        match own.next().await.unwrap() {
            HistoryEvent::Envelopes(part) => break part,
            other => events.push(other),
        }
    };
    let [old, new] = [1, 2].map(|id| ArchiveId([id; 8]));
    let node = NodeId([0; 64]);
    assert!(events.contains(&HistoryEvent::Replaced { node, old, new }), "{events:?}");
    assert_eq!(again.iter().map(|it| it.envelope.nonce()).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_older_copy_of_an_archive_is_read_from_the_beginning() {
    let (server, client) = (Server::new(1), node());
    server.append(&sealed(0..3)).await;
    let connection = server.connect(&client);
    let mut history = client.history(request(HistoryCursor::default())).unwrap();
    let (_, cursor) = numbers(&mut history).await;
    drop((connection, history));

    let older = Server::new(1);
    older.append(&sealed(0..1)).await;
    let _connection = older.connect(&client);
    let mut history = client.history(request(cursor).live()).unwrap();
    let (node, old) = (server.id, ArchiveId([1; 8]));
    let replaced = HistoryEvent::Replaced { node, old, new: old };
    assert_eq!(history.next().await, Some(replaced));
    let Some(HistoryEvent::Envelopes(part)) = history.next().await else { panic!() };
    assert!(part.len() == 1 && part[0].maybe_repeated);
}

#[tokio::test(start_paused = true)]
async fn only_some_clients_may_ask() {
    let password = SymmetricKey::from_bytes([5; 32]);
    let open = OpenRequests::Of([NodeId([3; 64])].into_iter().collect());
    let settings =
        ArchiveSettings { open, password: Some(password.clone()), ..ArchiveSettings::default() };
    let (server, client) = (Server::with(1, settings), node());
    server.append(&sealed(0..1)).await;
    let _connection = server.connect(&client);
    let request = || request(HistoryCursor::default()).nodes([server.id]);
    for wrong in [None, Some(SymmetricKey::from_bytes([6; 32]))] {
        let request = HistoryRequest { password: wrong, ..request() };
        let (read, events) = rest(client.history(request).unwrap()).await;
        assert_eq!(read, [0; 0]);
        let [HistoryEvent::Refused { node, code, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((*node, *code), (server.id, RefusalCode::NotAllowed));
    }
    let right = HistoryRequest { password: Some(password), ..request() };
    assert_eq!(rest(client.history(right).unwrap()).await.0, [0]);
    // The node reads its own archive without being asked who it is.
    let own = server.node.history(self::request(HistoryCursor::default())).unwrap();
    assert_eq!(rest(own).await.0, [0]);
}

#[tokio::test(start_paused = true)]
async fn without_an_archive_the_reader_is_told() {
    let client = node();
    let history = client.history(request(HistoryCursor::default())).unwrap();
    assert_eq!(rest(history).await, (vec![], vec![HistoryEvent::NoArchive]));
    let away = NodeId([4; 64]);
    let history = client.history(request(HistoryCursor::default()).nodes([away])).unwrap();
    let (_, events) = rest(history).await;
    assert_eq!(events[0], HistoryEvent::Away { node: away });
    // An archive may come later.
    let mut history = client.history(request(HistoryCursor::default()).live()).unwrap();
    assert_eq!(history.next().await, Some(HistoryEvent::NoArchive));
    let server = Server::new(1);
    server.append(&sealed(0..1)).await;
    let _connection = server.connect(&client);
    assert_eq!(numbers(&mut history).await.0, [0]);
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_cannot_be_read_is_asked_again() {
    let (server, client) = (Server::new(1), node());
    server.append(&sealed(0..2)).await;
    let _connection = server.connect(&client);
    let mut history = client.history(request(HistoryCursor::default()).live()).unwrap();
    assert_eq!(numbers(&mut history).await.0, [0, 1]);
    assert!(matches!(history.next().await, Some(HistoryEvent::CaughtUp { .. })));
    server.append(&sealed(2..3)).await;
    server.archive.set_failing(true);
    let Some(HistoryEvent::Refused { code, .. }) = history.next().await else { panic!() };
    assert_eq!(code, RefusalCode::Unreadable);
    server.archive.set_failing(false);
    assert_eq!(numbers(&mut history).await.0, [2], "nothing is missed");
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_another_question_is_refused() {
    let (server, client) = (Server::new(1), node());
    server.append(&sealed(0..1)).await;
    let _connection = server.connect(&client);
    let mut history = client.history(request(HistoryCursor::default())).unwrap();
    let (_, cursor) = numbers(&mut history).await;
    let other = HistoryRequest::new(HistoryFilter::All, cursor.clone());
    assert_eq!(client.history(other).unwrap_err(), HistoryError::OtherQuestion);
    assert!(client.history(request(cursor).live()).is_ok());
    let none = HistoryRequest::new(HistoryFilter::Topics(Vec::new()), HistoryCursor::default());
    assert_eq!(client.history(none).unwrap_err(), HistoryError::Values { count: 0 });
}

/// What one key does not open is left out, and what it does not want: another question would miss it.
#[tokio::test(start_paused = true)]
async fn a_cursor_of_another_key_or_criteria_is_refused() {
    let (server, client) = (Server::new(1), node());
    server.append(&[unsealed(b"hello").seal(0)]).await;
    let _connection = server.connect(&client);
    let spec = |bytes: [u8; 32]| {
        let key = client.keys().add_symmetric(SymmetricKey::from_bytes(bytes));
        FilterSpec::new(FilterKey::Symmetric(key)).topic(TOPIC)
    };
    let messages = |spec| client.stored_messages(spec).unwrap();
    let read = |spec, cursor| HistoryRequest::messages(messages(spec), cursor);
    let mut history = client.history(read(spec([5; 32]), HistoryCursor::default())).unwrap();
    while history.next().await.is_some() {}
    let cursor = history.cursor();
    let signer = Some(p2p_identity::SecretKey::random(&mut rand::rng()).public_key());
    let others = [
        spec([6; 32]),
        FilterSpec { signer, ..spec([5; 32]) },
        FilterSpec { min_work: crate::support::amount(0.1), ..spec([5; 32]) },
        spec([5; 32]).topic(Topic(*b"else")),
    ];
    for other in others {
        let refused = client.history(read(other, cursor.clone()));
        assert_eq!(refused.unwrap_err(), HistoryError::OtherQuestion);
    }
    let undecrypted = client.history(request(cursor.clone())).unwrap_err();
    assert_eq!(undecrypted, HistoryError::OtherQuestion);
    // The same key under another id, as after a restart of the node.
    assert!(client.history(read(spec([5; 32]), cursor)).is_ok());
}

/// A reader that takes one envelope at a time gets all of them, and what it does not take waits in the archive.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_overrun() {
    let (server, client) = (Server::new(1), node());
    let large = |number| Unsealed::v6(NOW + 50, 50, TOPIC, &[0; 100_000]).seal(number);
    let all: Vec<_> = (0..100).map(large).collect();
    server.append(&all).await;
    let _connection = server.connect(&client);
    let mut history = client.history(request(HistoryCursor::default())).unwrap();
    let mut read = Vec::new();
    while read.len() < 100 {
        let Some(HistoryEvent::Envelopes(part)) = history.next_at_most(1).await else { panic!() };
        assert_eq!(part.len(), 1);
        read.push(part[0].envelope.nonce());
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let sent = server.node.stats().archive.sent;
        // 1 MiB of credit, and pages on the way.
        assert!(sent <= read.len() as u64 + 20, "{sent} were sent, {} were taken", read.len());
    }
    assert!(read.into_iter().eq(0..100));
}

/// Each part has a cursor after it, also within a page.
#[tokio::test(start_paused = true)]
async fn a_reader_can_stop_after_each_envelope() {
    let (server, client) = (Server::new(1), node());
    server.append(&sealed(0..5)).await;
    let _connection = server.connect(&client);
    let mut cursor = HistoryCursor::default();
    for expected in 0..5 {
        let mut history = client.history(request(cursor)).unwrap();
        let Some(HistoryEvent::Envelopes(part)) = history.next_at_most(1).await else { panic!() };
        assert_eq!(part[0].envelope.nonce(), expected);
        cursor = history.cursor();
    }
    assert_eq!(rest(client.history(request(cursor)).unwrap()).await.0, [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn stored_messages_are_opened_as_a_filter_would() {
    let (server, client) = (Server::new(1), node());
    let hello = unsealed(b"hello");
    server.append(&[hello.seal(0), hello.seal(1)]).await;
    server.append(&sealed(0..1)).await;
    let _connection = server.connect(&client);
    let key = FilterKey::Symmetric(client.keys().add_symmetric(key()));
    let messages = client.stored_messages(FilterSpec::new(key).topic(TOPIC)).unwrap();
    let read = |cursor| HistoryRequest::messages(messages.clone(), cursor);
    let mut history = client.history(read(HistoryCursor::default())).unwrap();
    let Some(HistoryEvent::Envelopes(part)) = history.next().await else { panic!() };
    assert_eq!(part.len(), 1);
    let message = part[0].message.as_ref().unwrap();
    assert_eq!(message.message.payload, &b"hello"[..]);
    // The same message in another envelope, after a restart.
    server.append(&[hello.seal(2), unsealed(b"more").seal(0)]).await;
    let mut history = client.history(read(history.cursor())).unwrap();
    let Some(HistoryEvent::Envelopes(part)) = history.next().await else { panic!() };
    let message = part[0].message.as_ref().unwrap();
    assert_eq!((part.len(), &message.message.payload[..]), (1, &b"more"[..]));
}

/// A peer that sends nonsense loses the sub-protocol, and the reader is told that it is away.
#[tokio::test(start_paused = true)]
async fn a_peer_that_violates_the_protocol_is_away() {
    let client = node();
    let (near, mut far) = Channel::pipe();
    let peer = NodeId([1; 64]);
    let session = tokio::spawn(client.attach_archive(CLIENT, peer, near));
    assert_eq!(far.recv().await.unwrap().code, 0, "the status of the client");
    let summary =
        whisper_protocol::archive_1::ArchiveSummary { id: ArchiveId([1; 8]), oldest: 1, newest: 9 };
    let status = ArchiveMessage::Status(ArchiveStatus { archive: Some(summary) });
    let (code, payload) = status.encode();
    far.send_raw(code, payload).await.unwrap();
    let request = request(HistoryCursor::default()).nodes([peer]);
    let reading = tokio::spawn(rest(client.history(request).unwrap()));
    let message = far.recv().await.unwrap();
    let query = ArchiveMessage::decode(message.code, &message.payload).unwrap();
    let ArchiveMessage::Query(query) = query else { panic!("{query:?}") };
    let envelopes = Vec::new();
    let (id, end) = (query.id + 1, 9);
    let page = ArchivePage { id, envelopes, end, oldest: 1, newest: 9, state: PageState::Last };
    let (code, payload) = ArchiveMessage::Page(page).encode();
    far.send_raw(code, payload).await.unwrap();
    let end = session.await.unwrap().unwrap_err();
    assert!(matches!(end, Exit::Failed(_)), "{end:?}");
    assert_eq!(reading.await.unwrap(), (vec![], vec![HistoryEvent::Away { node: peer }]));
}
