//! A database that is a copy, and may lack what the archive had.

use whisper_archive::PostgresArchive;
use whisper_protocol::{Archive as _, HistoryFilter, HistoryQuery};

use crate::{
    postgres::{connect, fresh, open, run},
    samples::envelope,
};

/// Waits until the archive has another id than this one. It tells of that as of an arrival.
async fn renewed(archive: &PostgresArchive, id: whisper_protocol::ArchiveId) {
    archive.newest().wait_for(|_| archive.id() != id).await.unwrap();
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn an_archive_on_another_server_or_timeline_has_another_id() {
    run(async {
        let address = fresh().await;
        let archive = open(&address).await;
        let id = archive.id();
        archive.append(vec![envelope(1, 1), envelope(1, 2)]).await.unwrap();
        let other = open(&address).await;
        assert_eq!(other.id(), id, "the same server");
        archive.close().await;

        // As if the server had been restored or replaced. The node that runs learns of it from the one that starts.
        let client = connect(&address).await;
        let moved = "UPDATE whisper_archive SET cluster = cluster || ' before'";
        client.batch_execute(moved).await.unwrap();
        let archive = open(&address).await;
        assert!(archive.id() != id);
        renewed(&other, id).await;
        assert_eq!(other.id(), archive.id());
        assert_eq!(*other.newest().borrow(), 2);
        let page = other.page(HistoryQuery::new(HistoryFilter::All)).await.unwrap();
        assert_eq!(page.envelopes.len(), 2, "nothing is lost");
        archive.close().await;
        assert_eq!(open(&address).await.id(), other.id(), "once");
    });
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn a_node_that_knows_of_more_than_a_restored_database_has_gives_it_another_id() {
    run(async {
        let address = fresh().await;
        let archive = open(&address).await;
        let id = archive.id();
        archive.append((0..5).map(|number| envelope(1, number)).collect()).await.unwrap();
        // The database is restored from a copy with two envelopes, which ends all connections.
        let client = connect(&address).await;
        let restore = "
            DELETE FROM whisper_envelopes WHERE arrival > 2;
            UPDATE whisper_days SET last = 2;
            UPDATE whisper_hours SET last = 2;
            UPDATE whisper_archive SET newest = 2;
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'whisper-archive' AND pid <> pg_backend_pid()";
        client.batch_execute(restore).await.unwrap();
        let again = loop {
            if let Ok(appended) = archive.append(vec![envelope(1, 9)]).await {
                break appended;
            }
        };
        assert_eq!(again[0].arrival, 3, "the number is used again");
        renewed(&archive, id).await;
        archive.newest().wait_for(|newest| *newest == 3).await.unwrap();
        let page = archive.page(HistoryQuery::new(HistoryFilter::All)).await.unwrap();
        assert_eq!((page.envelopes.len(), page.newest), (3, 3));
    });
}
