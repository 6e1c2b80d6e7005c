//! A node with an archive answers requests after it was restarted.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use whisper_node::{
    ArchiveConfig, Node, NodeConfig,
    p2p_server::{Config, Event, identity::SecretKey},
    whisper_archive::Retention,
    whisper_protocol::{
        FilterKey, FilterSpec, MailServerSettings, Post, Recipient, SymmetricKey, Topic, Whisper,
        packet::{Query, Request},
    },
    whisper_rpc::RpcConfig,
};

const NEWS: Topic = Topic(*b"news");

async fn start(config: Config, archive: Option<ArchiveConfig>) -> Node {
    let rpc = RpcConfig { http: None, ws: None, ..RpcConfig::default() };
    Node::start(NodeConfig { rpc, archive, ..NodeConfig::new(config) }).await.unwrap()
}

async fn start_with_archive(dir: &Path) -> Node {
    let config = Config::new(SecretKey::from_bytes(&[1; 32]).unwrap()).listen("127.0.0.1:0");
    let mail = MailServerSettings::default();
    let archive =
        ArchiveConfig { path: dir.join("archive"), retention: Retention::default(), mail };
    start(config, Some(archive)).await
}

fn key(whisper: &Whisper) -> whisper_node::whisper_protocol::KeyId {
    whisper.keys().add_symmetric(SymmetricKey::from_bytes([7; 32]))
}

#[tokio::test]
async fn a_client_gets_what_was_posted_before_the_node_was_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let node = start_with_archive(dir.path()).await;
    let to = Recipient::Symmetric(key(&node.whisper));
    let payload = b"said yesterday".to_vec();
    node.whisper.post(Post { topic: NEWS, payload, ..Post::new(to) }).await.unwrap();
    node.stop().await;

    let node = start_with_archive(dir.path()).await;
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
