//! A node that is killed loses no key, filter, message or cursor that it has acknowledged, and no message comes twice.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use node_store::test_util::Killed;
use p2p_world::SystemWorld;
use whisper_protocol::Config;
use whisper_store::test_util::Client;

/// Kills with one file. Then there is a new one, because a larger file takes longer.
const PER_FILE: u32 = 50;

#[tokio::test]
async fn a_killed_node_loses_nothing() {
    let killed = Killed::test("a_killed_node_loses_nothing");
    if let Some(path) = killed.writer() {
        return work_without_end(&path).await;
    }
    let (mut dir, mut before) = (tempfile::tempdir().unwrap(), 0);
    for kill in 0..killed.times() {
        if kill % PER_FILE == 0 {
            (dir, before) = (tempfile::tempdir().unwrap(), 0);
        }
        let path = dir.path().join("state");
        let acknowledged = killed.kill_while_writing(&path);
        assert!(acknowledged > before, "{kill}: {acknowledged}");
        let client = start(&path).await;
        before = client.check(acknowledged, before).await;
        client.stop().await;
    }
}

async fn start(path: &Path) -> Client {
    Client::start(SystemWorld::shared(), path, Config::default()).await.unwrap()
}

async fn work_without_end(path: &Path) {
    let mut client = start(path).await;
    let first = client.next_round();
    for round in first.. {
        client.work(round).await.unwrap();
        Killed::acknowledge(round);
    }
}
