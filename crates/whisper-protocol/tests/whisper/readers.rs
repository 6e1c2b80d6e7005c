//! Readers of archives that fail, refuse, lie or keep silent: the reader goes on with the others, and says which one it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use p2p_identity::NodeId;
use p2p_mux::Channel;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use whisper_protocol::{
    ArchiveId, ArchiveSettings, History, HistoryCursor, HistoryError, HistoryEvent, OpenRequests,
    Whisper,
    archive_1::{ArchiveMessage, ArchiveRefusal, ArchiveStatus, ArchiveSummary, RefusalCode},
};

use crate::{
    history::{CLIENT, Server, numbers, request, rest, sealed},
    support::node,
};

/// An archive that answers each query as the test wants, or not at all.
struct Scripted {
    id: NodeId,
    asked: Arc<AtomicUsize>,
    _task: JoinHandle<()>,
}

impl Scripted {
    fn connect(client: &Whisper, number: u8, newest: u64, refusal: Option<RefusalCode>) -> Self {
        let (near, mut far) = Channel::pipe();
        let (id, asked) = (NodeId([number; 64]), Arc::new(AtomicUsize::new(0)));
        let session = client.attach_archive(CLIENT, id, near);
        let counter = Arc::clone(&asked);
        let task = async move {
            let summary = ArchiveSummary { id: ArchiveId([number; 8]), oldest: 1, newest };
            let status = ArchiveMessage::Status(ArchiveStatus { archive: Some(summary) });
            let (code, payload) = status.encode();
            far.send_raw(code, payload).await.unwrap();
            while let Some(message) = far.recv().await {
                let message = ArchiveMessage::decode(message.code, &message.payload).unwrap();
                let ArchiveMessage::Query(query) = message else { continue };
                counter.fetch_add(1, Relaxed);
                let Some(code) = refusal else { continue };
                let refusal = ArchiveRefusal { id: query.id, code, text: "no".to_owned() };
                let (code, payload) = ArchiveMessage::Refusal(refusal).encode();
                far.send_raw(code, payload).await.unwrap();
            }
        };
        let task = tokio::spawn(async move {
            tokio::select! {
                _ = session => {}
                () = task => {}
            }
        });
        Self { id, asked, _task: task }
    }

    fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }
}

/// An archive that no one may ask.
fn closed(number: u8) -> Server {
    let open = OpenRequests::Of([].into_iter().collect());
    Server::with(number, ArchiveSettings { open, ..ArchiveSettings::default() })
}

/// The numbers of the next envelopes, whether each may be repeated, and the time that they took.
async fn doubtful(history: &mut History) -> (Vec<(u64, bool)>, Duration) {
    let began = Instant::now();
    loop {
        match history.next().await.unwrap() {
            HistoryEvent::Envelopes(part) => {
                let part = part.iter().map(|it| (it.envelope.nonce(), it.maybe_repeated));
                return (part.collect(), began.elapsed());
            }
            other => assert!(!matches!(other, HistoryEvent::NoArchive), "{other:?}"),
        }
    }
}

/// A cursor after three envelopes of archive 1, which is not connected any more.
async fn after_three(client: &Whisper) -> HistoryCursor {
    let first = Server::new(1);
    first.append(&sealed(0..3)).await;
    let connection = first.connect(client);
    let mut history = client.history(request(HistoryCursor::default())).unwrap();
    let (read, cursor) = numbers(&mut history).await;
    assert_eq!(read, [0, 1, 2]);
    drop((history, connection));
    cursor
}

#[tokio::test(start_paused = true)]
async fn a_witness_that_refuses_is_not_waited_for() {
    let client = node();
    let cursor = after_three(&client).await;
    let (witness, other) = (closed(1), Server::new(2));
    other.append(&sealed(1..5)).await;
    let _connections = [witness.connect(&client), other.connect(&client)];
    let mut history = client.history(request(cursor).live().nodes([other.id])).unwrap();
    let (read, took) = doubtful(&mut history).await;
    assert_eq!(read, [(1, true), (2, true), (3, true), (4, true)]);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_witness_holds_up_a_reader_for_a_minute_at_most() {
    let client = node();
    let cursor = after_three(&client).await;
    let witness = Scripted::connect(&client, 1, 9, None);
    let other = Server::new(2);
    let _connection = other.connect(&client);
    let mut history = client.history(request(cursor).live().nodes([other.id])).unwrap();
    let mut waited = Duration::ZERO;
    for number in 10..50 {
        other.append(&sealed(number..number + 1)).await;
        let (read, took) = doubtful(&mut history).await;
        assert_eq!(read, [(number, true)]);
        waited += took;
    }
    // A minute, a second for each question, and a tenth of that.
    assert!(waited < Duration::from_secs(115), "{waited:?}");
    assert_eq!(witness.asked(), 40, "it may answer again");
}

/// The archives with the lowest ids refuse: the others are found nevertheless.
#[tokio::test(start_paused = true)]
async fn archives_that_refuse_do_not_keep_the_others_from_being_read() {
    let client = node();
    let bad = [closed(1), closed(2), closed(3)];
    let good = [Server::new(4), Server::new(5)];
    good[0].append(&sealed(0..3)).await;
    good[1].append(&sealed(2..5)).await;
    let _connections: Vec<_> = bad.iter().chain(&good).map(|it| it.connect(&client)).collect();
    for live in [true, false] {
        let mut request = request(HistoryCursor::default());
        request.live = live;
        let mut history = client.history(request).unwrap();
        let mut read = Vec::new();
        let found = timeout(Duration::from_secs(5), async {
            while let Some(event) = history.next().await {
                match event {
                    HistoryEvent::Envelopes(part) => {
                        read.extend(part.iter().map(|it| it.envelope.nonce()));
                    }
                    HistoryEvent::CaughtUp { .. } if read.len() == 5 => return,
                    HistoryEvent::CaughtUp { .. } => {}
                    HistoryEvent::Refused { node, .. } => {
                        assert!(bad.iter().any(|bad| bad.id == node), "{node}");
                    }
                    other => panic!("{other:?}"),
                }
            }
        });
        found.await.unwrap();
        read.sort_unstable();
        assert_eq!(read, [0, 1, 2, 3, 4], "live: {live}");
    }
}

/// A second archive takes the place of one that goes, at once.
#[tokio::test(start_paused = true)]
async fn another_archive_is_asked_when_one_goes() {
    let client = node();
    let servers = [1, 2, 3].map(Server::new);
    let mut connections: Vec<_> = servers.iter().map(|it| Some(it.connect(&client))).collect();
    let mut history = client.history(request(HistoryCursor::default()).live()).unwrap();
    let Some(HistoryEvent::CaughtUp { nodes }) = history.next().await else { panic!() };
    let first = servers.iter().position(|server| server.id == nodes[0]).unwrap();
    while history.progress().count() < 2 {
        _ = timeout(Duration::from_millis(1), history.next()).await;
    }
    let followed: Vec<_> = history.progress().map(|progress| progress.node).collect();
    let third = servers.iter().find(|server| !followed.contains(&server.id)).unwrap();
    third.append(&sealed(7..8)).await;
    connections[first] = None;
    let began = Instant::now();
    assert_eq!(history.next().await, Some(HistoryEvent::Away { node: servers[first].id }));
    assert_eq!(numbers(&mut history).await.0, [7]);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_always_starts_over_is_left_alone() {
    let client = node();
    let liar = Scripted::connect(&client, 1, 9, Some(RefusalCode::Ahead));
    let mut history = client.history(request(HistoryCursor::default()).live()).unwrap();
    let (mut replaced, mut refused) = (0, 0);
    let an_hour = sleep(Duration::from_secs(3600));
    tokio::pin!(an_hour);
    loop {
        tokio::select! {
            event = history.next() => match event.unwrap() {
                HistoryEvent::Replaced { .. } => replaced += 1,
                HistoryEvent::Refused { node, code: RefusalCode::Ahead, .. } => {
                    assert_eq!(node, liar.id);
                    refused += 1;
                }
                other => panic!("{other:?}"),
            },
            () = &mut an_hour => break,
        }
    }
    assert_eq!(replaced, 1);
    // Half a second, then twice as long each time, up to a minute.
    assert!((60..=70).contains(&refused), "{refused}");
    assert_eq!(liar.asked(), refused + replaced);
    // Without `live`, the reader ends when no other archive has come.
    let (read, events) = rest(client.history(request(HistoryCursor::default())).unwrap()).await;
    assert!(read.is_empty() && events.len() < 9, "{events:?}");
}

/// Other archives that come and go do not hide that one is away.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_away_is_named_in_time() {
    let (away, other, client) = (NodeId([8; 64]), Server::new(1), node());
    let mut history =
        client.history(request(HistoryCursor::default()).live().nodes([away])).unwrap();
    let flapping = async {
        loop {
            let connection = other.connect(&client);
            sleep(Duration::from_secs(2)).await;
            drop(connection);
            sleep(Duration::from_secs(2)).await;
        }
    };
    let began = Instant::now();
    tokio::select! {
        event = history.next() => assert_eq!(event, Some(HistoryEvent::Away { node: away })),
        () = flapping => {}
    }
    assert!(began.elapsed() <= Duration::from_secs(10), "{:?}", began.elapsed());
    // It is said once.
    assert!(timeout(Duration::from_secs(3600), history.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn each_node_is_followed_once_and_not_too_many() {
    let (server, client) = (Server::new(1), node());
    server.append(&sealed(0..3)).await;
    let _connection = server.connect(&client);
    let twice = request(HistoryCursor::default()).nodes([server.id, server.id]);
    let (read, events) = rest(client.history(twice).unwrap()).await;
    assert_eq!(read, [0, 1, 2]);
    assert_eq!(events, [HistoryEvent::CaughtUp { nodes: vec![server.id] }]);
    let named = |count: u8| (1..=count).map(|number| NodeId([number; 64])).collect::<Vec<_>>();
    let request = |count| request(HistoryCursor::default()).nodes(named(count));
    assert!(client.history(request(16)).is_ok());
    let refused = client.history(request(17)).unwrap_err();
    assert_eq!(refused, HistoryError::Nodes { count: 17 });
    assert!(refused.to_string().contains("at most 16"), "{refused}");
}

/// The disk of an archive fails when a client connects. The client need not connect again.
#[tokio::test(start_paused = true)]
async fn an_archive_that_could_not_be_read_at_first_is_read_later() {
    let (server, client) = (Server::new(1), node());
    server.append(&sealed(0..2)).await;
    server.archive.set_failing(true);
    let _connection = server.connect(&client);
    let mut history = client.history(request(HistoryCursor::default()).live()).unwrap();
    let Some(HistoryEvent::Refused { node, code, .. }) = history.next().await else { panic!() };
    assert_eq!((node, code), (server.id, RefusalCode::Unreadable));
    server.archive.set_failing(false);
    assert_eq!(numbers(&mut history).await.0, [0, 1]);
    // The node itself reads it as well.
    let own = server.node.history(request(HistoryCursor::default())).unwrap();
    assert_eq!(rest(own).await.0, [0, 1]);
}
