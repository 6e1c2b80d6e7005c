//! The archive in a PostgreSQL database, on the server of the variable `WHISPER_TEST_POSTGRES`, which `cargo xtask bench` starts.

#[path = "shared/archive.rs"]
mod archive;

use std::env;

use archive::{FOREVER, Layer};
use p2p_world::SystemWorld;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};
use whisper_archive::PostgresArchive;

const CASES: [&str; 6] = [
    "append_eps",
    "page_p99_ms",
    "page_10m_vs_100k",
    "bloom_p99_ms",
    "bloom_10m_vs_100k",
    "bytes_per_envelope",
];

fn main() {
    let Ok(address) = env::var("WHISPER_TEST_POSTGRES") else {
        for case in CASES {
            benches::skipped(&format!("archive-pg.{case}"), "PostgreSQL is not installed");
        }
        return;
    };
    Runtime::new().expect("a runtime").block_on(measure(&address));
}

async fn measure(address: &str) {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await.expect("a server");
    tokio::spawn(connection);
    let fresh = "DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench";
    client.batch_execute(fresh).await.expect("rights");
    let address = format!("{address}?options=-csearch_path%3Dbench").parse().expect("an address");
    let opened = PostgresArchive::open(SystemWorld::shared(), address, FOREVER).await;
    let archive = opened.expect("an empty schema");
    let layer = Layer { name: "archive-pg" };
    layer.run(&archive, || size(&client)).await;
    archive.close().await;
    client.batch_execute("DROP SCHEMA bench CASCADE").await.expect("rights");
}

async fn size(client: &Client) -> u64 {
    let sum = "SELECT sum(pg_total_relation_size(pg_class.oid))::BIGINT
        FROM pg_class JOIN pg_namespace ON relnamespace = pg_namespace.oid
        WHERE nspname = 'bench' AND relkind = 'r'";
    let row = client.query_one(sum, &[]).await.expect("a size");
    row.get::<_, i64>(0).cast_unsigned()
}
