//! The archive in one file: appends that are on the disk, pages, and a client that was away.
//!
//! An archive of 10 million envelopes takes minutes and some gigabytes in the folder for temporary files.

#[path = "shared/archive.rs"]
mod archive;

use std::sync::Arc;

use archive::{FOREVER, Layer, fill, timed};
use p2p_mux::identity::SecretKey;
use p2p_server::Server;
use p2p_world::SystemWorld;
use tokio::{runtime::Runtime, task::yield_now};
use whisper_archive::EmbeddedArchive;
use whisper_protocol::{
    Archive, ArchiveSettings, Config, HistoryCursor, HistoryEvent, HistoryFilter, HistoryRequest,
    Whisper,
};

/// Number of messages that the client has missed.
const MISSED: u64 = 100_000;

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    if benches::wanted("archive.catch_up_100k_s") {
        benches::measured("archive.catch_up_100k_s", runtime.block_on(catch_up()));
    }
    if benches::wanted(
        "archive.append_eps archive.page_p99_ms archive.page_10m_vs_100k archive.bloom_p99_ms \
         archive.bloom_10m_vs_100k archive.bytes_per_envelope",
    ) {
        runtime.block_on(pages());
    }
}

fn open(dir: &tempfile::TempDir) -> EmbeddedArchive {
    let path = dir.path().join("archive");
    EmbeddedArchive::open(SystemWorld::shared(), &path, FOREVER).expect("a new file").0
}

async fn pages() {
    let dir = tempfile::tempdir().expect("a folder");
    let archive = open(&dir);
    let layer = Layer { name: "archive" };
    let path = dir.path().join("archive");
    layer.run(&archive, || async move { std::fs::metadata(path).expect("the file").len() }).await;
    archive.close().await;
}

/// The seconds until a client has read everything over `archive/1`, on a connection that is open.
async fn catch_up() -> f64 {
    let count = if benches::measuring() { MISSED } else { 1000 };
    let dir = tempfile::tempdir().expect("a folder");
    let archive = open(&dir);
    fill(&archive, 0..count, &mut benches::rng()).await;
    let [server, client] = [1_u8, 2].map(|_| Whisper::new(Config::default()));
    server.serve_archive(Arc::new(archive.clone()) as Arc<dyn Archive>, ArchiveSettings::default());
    let config = || {
        let key = SecretKey::random(&mut rand::rng());
        (key.id(), p2p_server::Config::new(key).listen("127.0.0.1:0"))
    };
    let (id, network) = config();
    let serving = network.protocol(server.archive_protocol(id));
    let serving = Server::start(serving).await.expect("a free port");
    let (id, network) = config();
    let network = network.static_node(serving.enode());
    let reading = Server::start(network.protocol(client.archive_protocol(id))).await;
    let reading = reading.expect("a free port");
    while serving.peers().is_empty() || reading.peers().is_empty() {
        yield_now().await;
    }
    let request = HistoryRequest::new(HistoryFilter::All, HistoryCursor::default());
    let ((), seconds) = timed(async {
        let mut history = client.history(request.nodes([serving.id()])).expect("a valid question");
        let mut left = count;
        while left > 0 {
            match history.next().await.expect("the node runs") {
                HistoryEvent::Envelopes(part) => left -= part.len() as u64,
                HistoryEvent::Away { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    reading.stop().await;
    serving.stop().await;
    client.stop().await;
    server.stop().await;
    drop(server);
    archive.close().await;
    seconds
}
