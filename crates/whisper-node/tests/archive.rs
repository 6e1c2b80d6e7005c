//! A node with an archive is asked after it was restarted, over archive/1 and as a mail server.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use whisper_node::{
    ArchiveConfig, ArchiveStore, Node, NodeConfig,
    p2p_server::{Config, Event, identity::SecretKey},
    whisper_archive::Retention,
    whisper_protocol::{
        FilterKey, FilterSpec, History, HistoryCursor, HistoryEvent, HistoryRequest,
        MailServerSettings, Post, Recipient, SymmetricKey, Topic, Whisper,
        packet::{Query, Request},
    },
    whisper_rpc::RpcConfig,
};

const NEWS: Topic = Topic(*b"news");

async fn start(config: Config, archive: Option<ArchiveConfig>) -> Node {
    let rpc = RpcConfig { http: None, ws: None, ..RpcConfig::default() };
    Node::start(NodeConfig { rpc, archive, ..NodeConfig::new(config) }).await.unwrap()
}

async fn start_with_archive(store: ArchiveStore) -> Node {
    let config = Config::new(SecretKey::from_bytes(&[1; 32]).unwrap()).listen("127.0.0.1:0");
    let mail = MailServerSettings::default();
    let archive = ArchiveConfig { store, retention: Retention::default(), mail };
    start(config, Some(archive)).await
}

/// An archive in this directory.
fn file(dir: &tempfile::TempDir) -> ArchiveStore {
    ArchiveStore::File(dir.path().join("archive"))
}

fn key(whisper: &Whisper) -> whisper_node::whisper_protocol::KeyId {
    whisper.keys().add_symmetric(SymmetricKey::from_bytes([7; 32]))
}

#[tokio::test]
async fn a_client_gets_what_was_posted_before_the_node_was_restarted() {
    let dir = tempfile::tempdir().unwrap();
    restart(file(&dir)).await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
async fn a_client_gets_what_was_stored_in_a_database() {
    let address = std::env::var("WHISPER_TEST_POSTGRES").unwrap();
    restart(ArchiveStore::Database(address.parse().unwrap())).await;
}

async fn restart(store: ArchiveStore) {
    let node = start_with_archive(store.clone()).await;
    let to = Recipient::Symmetric(key(&node.whisper));
    let payload = b"said yesterday".to_vec();
    node.whisper.post(Post { topic: NEWS, payload, ..Post::new(to) }).await.unwrap();
    node.stop().await;

    let node = start_with_archive(store).await;
    assert_eq!(node.whisper.info().envelopes, 0, "it is only in the archive");
    let network = Config::new(SecretKey::generate()).static_node(node.server.enode());
    let mut client = start(network, None).await;
    let spec = FilterSpec::new(FilterKey::Symmetric(key(&client.whisper))).topic(NEWS);
    let mut watch = client.whisper.watch(FilterSpec { allow_p2p: true, ..spec }).unwrap();
    loop {
        if let Event::Added { .. } = client.events.next().await.unwrap() {
            break;
        }
    }
    let query = Query { topics: vec![NEWS], batch: true, ..Query::default() };
    let request = Request::Open { id: [1; 32], query };
    while client.whisper.request_mail(node.server.id(), request.clone()).await.is_err() {
        tokio::task::yield_now().await; // The session begins after the connection.
    }
    let received = watch.next().await.unwrap();
    assert_eq!(received.message.payload, &b"said yesterday"[..]);
    assert!(received.direct);
    client.stop().await;
    node.stop().await;
}

/// Reads the messages after a cursor.
fn read(whisper: &Whisper, cursor: HistoryCursor) -> History {
    let spec = FilterSpec::new(FilterKey::Symmetric(key(whisper))).topic(NEWS);
    let messages = whisper.stored_messages(spec).unwrap();
    whisper.history(HistoryRequest::messages(messages, cursor).live()).unwrap()
}

/// The payload of the next message, and the cursor after it.
async fn next(history: &mut History) -> (Vec<u8>, HistoryCursor) {
    loop {
        let event = history.next_at_most(1).await.unwrap();
        let HistoryEvent::Envelopes(mut part) = event else { continue };
        let message = part.pop().unwrap().message.unwrap();
        return (message.message.payload.to_vec(), history.cursor());
    }
}

/// Posts a message, and waits until it is in the archive.
async fn post(node: &Node, payload: &[u8]) {
    let to = Recipient::Symmetric(key(&node.whisper));
    let (payload, stored) = (payload.to_vec(), node.whisper.stats().archive.stored);
    node.whisper.post(Post { topic: NEWS, payload, ..Post::new(to) }).await.unwrap();
    while node.whisper.stats().archive.stored == stored {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_reader_goes_on_after_the_archive_and_itself_were_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let node = start_with_archive(file(&dir)).await;
    post(&node, b"first").await;
    let network = Config::new(SecretKey::generate());
    let client = start(network.clone().static_node(node.server.enode()), None).await;
    let mut reader = read(&client.whisper, HistoryCursor::default());
    assert_eq!(next(&mut reader).await.0, b"first");
    post(&node, b"second").await;
    let (payload, cursor) = next(&mut reader).await;
    assert_eq!(payload, b"second");
    drop(reader);
    client.stop().await;
    post(&node, b"third").await;
    node.stop().await;

    let node = start_with_archive(file(&dir)).await;
    let client = start(network.static_node(node.server.enode()), None).await;
    let mut reader = read(&client.whisper, cursor.to_string().parse().unwrap());
    assert_eq!(next(&mut reader).await.0, b"third");
    // A node reads its own archive in the same way.
    let mut own = read(&node.whisper, HistoryCursor::default());
    for expected in [&b"first"[..], b"second", b"third"] {
        assert_eq!(next(&mut own).await.0, expected);
    }
    drop((reader, own));
    client.stop().await;
    node.stop().await;
}

/// Runs the command `history`, and returns what it prints.
async fn run_history(args: Vec<String>) -> (bool, String, String) {
    let run = move || {
        let program = env!("CARGO_BIN_EXE_whisper-node");
        std::process::Command::new(program).arg("history").args(args).output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn one_command_shows_what_was_missed_since_the_last_call() {
    let dir = tempfile::tempdir().unwrap();
    let node = start_with_archive(file(&dir)).await;
    let cursor = dir.path().join("cursor").display().to_string();
    let args = |more: &[&str]| -> Vec<String> {
        let key = "07".repeat(32);
        let enode = node.server.enode().to_string();
        let args = [enode.as_str(), "--sym-key", &key, "--topic", "0x6e657773"];
        args.iter().chain(more).map(ToString::to_string).collect()
    };
    post(&node, b"first").await;
    let with_cursor = ["--cursor", &cursor];
    let (ok, out, err) = run_history(args(&with_cursor)).await;
    assert!(ok && out.ends_with("  0x6e657773  first\n"), "{out}{err}");
    assert_eq!(err, "1 found\n");
    post(&node, b"second").await;
    post(&node, b"two\nlines").await;
    let (ok, out, err) = run_history(args(&with_cursor)).await;
    assert!(ok && !out.contains("first") && out.contains("  second\n"), "{out}{err}");
    assert!(out.contains("  0x74776f0a6c696e6573\n"), "a terminal is not controlled: {out}");
    let (ok, out, _) = run_history(args(&with_cursor)).await;
    assert!(ok && out.is_empty(), "{out}");

    let (ok, out, err) = run_history(args(&["--json"])).await;
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(ok && err.is_empty(), "{err}");
    assert_eq!((lines.len(), &lines[0]["arrival"]), (3, &1.into()));
    assert_eq!(lines[0]["payload"], "0x6669727374");

    // The cursor belongs to the question.
    let other = ["--cursor", cursor.as_str(), "--topic", "weather"];
    let (ok, _, err) = run_history(args(&other)).await;
    assert!(!ok && err.contains("use another file with --cursor"), "{err}");
    node.stop().await;
}
