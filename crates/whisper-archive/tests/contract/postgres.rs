//! The archive in a PostgreSQL database. `cargo xtask test --only postgres` starts a server for these tests.

use std::{env, future::Future, time::Duration};

use p2p_world::{SystemWorld, rng};
use proptest::prelude::*;
use tokio_postgres::{Client, NoTls};
use whisper_archive::{PostgresAddress, PostgresArchive, Retention};
use whisper_protocol::{Archive as _, HistoryFilter, HistoryQuery};

use crate::{promises, samples::envelope};

/// The server of the tests: the address of a database of its superuser.
pub(crate) fn server() -> String {
    env::var("WHISPER_TEST_POSTGRES").expect("WHISPER_TEST_POSTGRES is the address of a server")
}

/// A connection beside the archive.
pub(crate) async fn connect(address: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The address of an empty schema of its own.
pub(crate) async fn fresh() -> String {
    let name = format!("test_{}", rng().bytes::<8>().map(|byte| format!("{byte:02x}")).concat());
    let server = server();
    connect(&server).await.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
    format!("{server}?options=-csearch_path%3D{name}")
}

/// Lets everything have arrived some days earlier.
pub(crate) async fn age(client: &Client, days: i32) {
    let row = client.query_one("SELECT day FROM whisper_archive", &[]).await.unwrap();
    let newest: i32 = row.get(0);
    let rows = client.query("SELECT day FROM whisper_days ORDER BY day", &[]).await.unwrap();
    for day in rows.iter().map(|row| row.get::<_, i32>(0)) {
        let (old, next) = (day - days, day - days + 1);
        let moved = format!(
            "ALTER TABLE whisper_envelopes DETACH PARTITION whisper_envelopes_{day};
             UPDATE whisper_envelopes_{day} SET day = {old};
             ALTER TABLE whisper_envelopes_{day} RENAME TO whisper_envelopes_{old};
             ALTER TABLE whisper_envelopes
                ATTACH PARTITION whisper_envelopes_{old} FOR VALUES FROM ({old}) TO ({next});
             UPDATE whisper_days SET day = {old} WHERE day = {day};
             UPDATE whisper_topics SET day = {old} WHERE day = {day}"
        );
        client.batch_execute(&moved).await.unwrap();
    }
    let update = format!("UPDATE whisper_archive SET day = {}", newest - days);
    client.batch_execute(&update).await.unwrap();
}

pub(crate) async fn open(address: &str) -> PostgresArchive {
    open_with(address, Retention::default()).await
}

pub(crate) async fn open_with(address: &str, retention: Retention) -> PostgresArchive {
    let address: PostgresAddress = address.parse().unwrap();
    PostgresArchive::open(SystemWorld::shared(), address, retention).await.unwrap()
}

/// Runs a test on real time: the server knows no other.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test);
    runtime.shutdown_timeout(Duration::ZERO);
}

/// A page for which the archive must be held, and cannot be.
#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn a_connection_that_failed_within_a_transaction_is_not_used_again() {
    run(async {
        let address = fresh().await;
        let (archive, client) = (open(&address).await, connect(&address).await);
        archive.append(vec![envelope(1, 1)]).await.unwrap();
        let all = || HistoryQuery::new(HistoryFilter::All);
        assert_eq!(archive.page(all()).await.unwrap().envelopes.len(), 1);
        // Something is removed whenever a reader looks, and a sequence cannot be locked.
        let broken = "
            ALTER TABLE whisper_archive RENAME TO the_archive;
            CREATE SEQUENCE removals;
            CREATE VIEW whisper_archive AS
                SELECT newest, nextval('removals') AS removed, id FROM the_archive, removals";
        client.batch_execute(broken).await.unwrap();
        archive.page(all()).await.unwrap_err();
        let mended = "
            DROP VIEW whisper_archive;
            ALTER TABLE the_archive RENAME TO whisper_archive";
        client.batch_execute(mended).await.unwrap();
        assert_eq!(archive.page(all()).await.unwrap().envelopes.len(), 1);
    });
}

macro_rules! promises {
    ($($name:ident),*) => {
        $(#[test]
        #[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
        fn $name() {
            run(async {
                let archive = open(&fresh().await).await;
                promises::$name(&archive).await;
            });
        })*
    };
}

crate::promises::every!(promises);

proptest! {
    // Few cases: each append waits for its group in real time.
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
    fn it_answers_as_a_list(
        batches in promises::batches(),
        queries in prop::collection::vec(promises::queries(), 1..40),
    ) {
        run(async {
            let archive = open(&fresh().await).await;
            promises::it_answers_as_a_list(&archive, batches, queries).await;
        });
    }
}
