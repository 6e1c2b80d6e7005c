//! What is particular to a database: several nodes, days, restarts of the server, and refusals.

use std::{collections::BTreeMap, path::Path, time::Duration};

use node_store::test_util::Killed;
use p2p_world::SystemWorld;
use tokio_postgres::NoTls;
use whisper_archive::{PostgresAddress, PostgresArchive, PostgresError, Retention};
use whisper_protocol::{
    Archive as _, ArchiveFuture, Bloom, Dialect, Envelope, HistoryFilter, HistoryQuery, Topic,
    identity::causes,
};

use crate::{
    postgres::{age, connect, fresh, open, open_with, run, server},
    samples::{SENT, envelope, sample},
};

fn batch(topic: u8, numbers: std::ops::Range<u64>) -> Vec<Envelope> {
    numbers.map(|number| envelope(topic, number)).collect()
}

/// Everything that the archive has, by a filter.
async fn all(archive: &PostgresArchive, filter: HistoryFilter) -> Vec<(u64, Envelope)> {
    let query = HistoryQuery::new(filter).limit(usize::MAX);
    let page = archive.page(HistoryQuery { max_bytes: usize::MAX, ..query }).await.unwrap();
    page.envelopes.into_iter().map(|stored| (stored.arrival, stored.envelope)).collect()
}

/// The arrival numbers of everything.
async fn numbers(archive: &PostgresArchive, filter: HistoryFilter) -> Vec<u64> {
    all(archive, filter).await.into_iter().map(|(number, _)| number).collect()
}

/// Reads until there are this many envelopes, as a client does: from one page to the next, and then what arrives.
async fn follow(archive: &PostgresArchive, count: usize) -> BTreeMap<u64, Envelope> {
    let (mut read, mut newest, mut after) = (BTreeMap::new(), archive.newest(), 0);
    while read.len() < count {
        let query = HistoryQuery::new(HistoryFilter::All).after(after).limit(70);
        let page = archive.page(query).await.unwrap();
        for stored in page.envelopes {
            assert!(stored.arrival > after, "in order");
            after = stored.arrival;
            assert_eq!(read.insert(stored.arrival, stored.envelope), None);
        }
        assert!(page.end >= after);
        after = page.end;
        if !page.more && read.len() < count {
            newest.wait_for(|newest| *newest > after).await.unwrap();
        }
    }
    read
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn two_writers_and_readers_miss_nothing() {
    run(async {
        let address = fresh().await;
        let (rounds, size) = (20, 30);
        let writers = [open(&address).await, open(&address).await];
        let count = usize::try_from(3 * rounds * size).unwrap();
        let reading = [open(&address).await, writers[1].clone()]
            .map(|archive| tokio::spawn(async move { follow(&archive, count).await }));
        let writing = [0_u64, 1].map(|writer| {
            let archive = writers[usize::try_from(writer).unwrap()].clone();
            tokio::spawn(async move {
                for round in 0..rounds {
                    let own = (writer + 1) * 1_000_000 + round * size;
                    // Both nodes of a network get these.
                    let common = round * size;
                    let (own, common) =
                        (batch(1, own..own + size), batch(2, common..common + size));
                    let appended = archive.append([own, common].concat()).await.unwrap();
                    assert!(appended.iter().take(30).all(|one| !one.known));
                }
            })
        });
        for writer in writing {
            writer.await.unwrap();
        }
        for reader in reading {
            let read = reader.await.unwrap();
            assert!(read.keys().copied().eq(1..=count as u64), "no number is left out");
            let mut hashes: Vec<_> = read.values().map(|envelope| *envelope.hash()).collect();
            hashes.sort_unstable();
            hashes.dedup();
            assert_eq!(hashes.len(), count, "each is stored once");
        }
    });
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn a_writer_that_is_gone_within_a_transaction_holds_nothing_up() {
    run(async {
        let address = fresh().await;
        let archive = open(&address).await;
        archive.append(batch(1, 0..3)).await.unwrap();
        let (client, connection) = tokio_postgres::connect(&address, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client
            .batch_execute(
                "BEGIN; SELECT newest FROM whisper_archive FOR UPDATE;
                 INSERT INTO whisper_envelopes SELECT 4, sent, day, topic, dialect, '\\x00', raw
                    FROM whisper_envelopes WHERE arrival = 3;
                 UPDATE whisper_archive SET newest = 4",
            )
            .await
            .unwrap();
        let appending = tokio::spawn({
            let archive = archive.clone();
            async move { archive.append(batch(1, 3..5)).await }
        });
        // A reader does not see what is not committed, and does not pass it.
        let page = archive.page(HistoryQuery::new(HistoryFilter::All)).await.unwrap();
        assert_eq!((page.envelopes.len(), page.end), (3, 3));
        assert!(!appending.is_finished());
        // As if its process were killed.
        connection.abort();
        let appended = appending.await.unwrap().unwrap();
        assert_eq!(appended.iter().map(|one| one.arrival).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(numbers(&archive, HistoryFilter::All).await, [1, 2, 3, 4, 5]);
    });
}

/// Repeats work until it succeeds.
async fn again<'a, T>(work: impl Fn() -> ArchiveFuture<'a, T>) -> T {
    loop {
        match work().await {
            Ok(done) => return done,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn a_server_that_crashes_has_everything_that_was_acknowledged() {
    run(async {
        let address = fresh().await;
        let (archive, other) = (open(&address).await, open(&address).await);
        archive.append(batch(1, 0..5)).await.unwrap();
        let [client, witness] = [connect(&address).await, connect(&address).await];
        // A killed process of the server makes it end all others, and recover.
        let _ = client.batch_execute("COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'").await;
        while !witness.is_closed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Clients repeat what has failed.
        let appended = again(|| archive.append(batch(1, 4..8))).await;
        assert_eq!(appended.iter().map(|one| one.arrival).collect::<Vec<_>>(), [5, 6, 7, 8]);
        again(|| archive.page(HistoryQuery::new(HistoryFilter::All))).await;
        other.newest().wait_for(|newest| *newest == 8).await.unwrap();
        assert_eq!(numbers(&other, HistoryFilter::All).await, (1..=8).collect::<Vec<_>>());
    });
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn pages_go_over_days() {
    run(async {
        let address = fresh().await;
        let archive = open(&address).await;
        let client = connect(&address).await;
        for day in 0..3_u64 {
            let mixed = (day * 4..day * 4 + 4).map(|number| envelope((number % 2) as u8, number));
            archive.append(mixed.collect()).await.unwrap();
            if day < 2 {
                age(&client, 1).await;
            }
        }
        let topics = HistoryFilter::Topics(vec![Topic([1, 1, 2, 3]), Topic([9, 1, 2, 3])]);
        assert_eq!(numbers(&archive, topics.clone()).await, [2, 4, 6, 8, 10, 12]);
        assert_eq!(numbers(&archive, HistoryFilter::All).await, (1..=12).collect::<Vec<_>>());
        let query = HistoryQuery::new(topics).after(3).limit(3);
        let page = archive.page(query).await.unwrap();
        let read: Vec<_> = page.envelopes.iter().map(|stored| stored.arrival).collect();
        assert_eq!((read, page.end, page.more), (vec![4, 6, 8], 8, true));
        // Known from another day.
        let known = archive.append(batch(0, 0..1)).await.unwrap();
        assert!(known[0].known && known[0].arrival == 1);
    });
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn old_days_and_too_many_bytes_are_removed() {
    run(async {
        let address = fresh().await;
        let archive = open(&address).await;
        let client = connect(&address).await;
        archive.append(batch(1, 0..5)).await.unwrap();
        age(&client, 40).await;
        archive.append(batch(2, 5..15)).await.unwrap();
        let size = envelope(2, 5).raw().len() as u64;
        for (max_age, max_bytes, left) in [
            (None, None, 1..=15_u64),
            (Some(Duration::from_secs(30 * 86400)), None, 6..=15),
            (None, Some(size * 4), 12..=15),
        ] {
            let archive = open_with(&address, Retention { max_age, max_bytes }).await;
            let removed = left.start() - 1;
            loop {
                let page = archive.page(HistoryQuery::new(HistoryFilter::All)).await.unwrap();
                if page.oldest == removed + 1 {
                    break;
                }
            }
            assert_eq!(numbers(&archive, HistoryFilter::All).await, left.collect::<Vec<_>>());
            archive.close().await;
        }
        let old = HistoryFilter::Topics(vec![Topic([1, 1, 2, 3])]);
        assert!(numbers(&archive, old).await.is_empty());
        let rows = client.query("SELECT topic FROM whisper_topics", &[]).await.unwrap();
        assert_eq!(rows.len(), 1, "the topics of the removed day are gone");
        let again = archive.append(batch(1, 0..1)).await.unwrap();
        assert!(again[0].arrival == 16 && !again[0].known);
    });
}

/// On one thread, so that its clock can be advanced.
#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn what_arrived_while_the_clock_was_ahead_is_moved_back() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(async {
        let address = fresh().await;
        let archive = open(&address).await;
        let client = connect(&address).await;
        archive.append(batch(1, 0..3)).await.unwrap();
        // As if the clock of the server had been ten years ahead, and was set right.
        let ahead = "UPDATE whisper_archive SET day = day + 3650";
        client.batch_execute(ahead).await.unwrap();
        archive.append(batch(2, 3..5)).await.unwrap();
        let days = || async {
            let query = "SELECT day, first, last, bytes FROM whisper_days ORDER BY day";
            let rows = client.query(query, &[]).await.unwrap();
            let day = |row: &tokio_postgres::Row| {
                let [first, last, bytes] = [1, 2, 3].map(|column| row.get::<_, i64>(column));
                (row.get::<_, i32>(0), first, last, bytes)
            };
            rows.iter().map(day).collect::<Vec<_>>()
        };
        let [(day, 1, 3, bytes), (ahead, 4, 5, more_bytes)] = days().await[..] else {
            panic!("two days: {:?}", days().await)
        };
        assert_eq!(ahead, day + 3650);

        // The next search for what is to be removed.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();
        let moved = async {
            while days().await.len() > 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), moved).await.expect("it is moved back");
        let appended = archive.append(batch(1, 5..6)).await.unwrap();
        assert_eq!(appended[0].arrival, 6);
        let bytes = bytes + more_bytes + envelope(1, 5).raw().len() as i64;
        assert_eq!(days().await, [(day, 1, 6, bytes)]);
        assert_eq!(numbers(&archive, HistoryFilter::All).await, [1, 2, 3, 4, 5, 6]);
        let topics = HistoryFilter::Topics(vec![Topic([2, 1, 2, 3])]);
        assert_eq!(numbers(&archive, topics).await, [4, 5]);
        let known = archive.append(batch(2, 3..4)).await.unwrap();
        assert!(known[0].known && known[0].arrival == 4);
        // They are removed with the day to which they were moved.
        age(&client, 40).await;
        archive.append(batch(3, 6..7)).await.unwrap();
        let archive = open(&address).await;
        let mut oldest = 1;
        while oldest == 1 {
            oldest = archive.page(HistoryQuery::new(HistoryFilter::All)).await.unwrap().oldest;
        }
        assert_eq!(oldest, 7);
    });
}

/// Who asks for what hardly anyone sends does not make the database read everything at once.
#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn a_page_ends_when_enough_was_read_and_says_how_far_it_is_complete() {
    run(async {
        let address = fresh().await;
        let archive = open(&address).await;
        archive.append(vec![envelope(1, 1)]).await.unwrap();
        // 24 999 more rows, whose content does not matter.
        let fill = "
            INSERT INTO whisper_envelopes
                SELECT arrival + n, sent, day, topic, dialect, int8send(n), raw
                FROM whisper_envelopes, generate_series(1, 24999) AS n;
            UPDATE whisper_archive SET newest = 25000; UPDATE whisper_days SET last = 25000";
        connect(&address).await.batch_execute(fill).await.unwrap();
        let rare = sample(Dialect::V5, 1, SENT, 1);
        assert_eq!(archive.append(vec![rare.clone()]).await.unwrap()[0].arrival, 25001);
        for filter in [
            HistoryFilter::All,
            HistoryFilter::Topics(vec![Topic([1, 1, 2, 3])]),
            HistoryFilter::Bloom(Box::new(Bloom::FULL)),
        ] {
            let query = HistoryQuery { dialect: Some(Dialect::V5), ..HistoryQuery::new(filter) };
            let page = archive.page(query.clone()).await.unwrap();
            assert_eq!((page.envelopes.len(), page.end, page.more), (0, 20_000, true));
            let page = archive.page(query.after(page.end)).await.unwrap();
            assert_eq!((page.end, page.more), (25001, false));
            assert_eq!(page.envelopes[0].envelope, rare);
        }
    });
}

/// What is removed all the time does not keep a reader from its page.
#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn a_reader_gets_its_page_while_envelopes_are_removed_without_pause() {
    run(async {
        let address = fresh().await;
        let archive = open(&address).await;
        archive.append(batch(1, 0..200)).await.unwrap();
        let client = connect(&address).await;
        let removing = tokio::spawn(async move {
            for removed in 1..=150_i64 {
                let remove = format!(
                    "BEGIN; SELECT FROM whisper_archive FOR UPDATE;
                     DELETE FROM whisper_envelopes WHERE arrival = {removed};
                     UPDATE whisper_archive SET removed = {removed}; COMMIT"
                );
                client.batch_execute(&remove).await.unwrap();
            }
        });
        while !removing.is_finished() {
            let page =
                archive.page(HistoryQuery::new(HistoryFilter::All).limit(200)).await.unwrap();
            let numbers = page.envelopes.iter().map(|stored| stored.arrival);
            assert!(numbers.eq(page.oldest..=200), "nothing is left out silently");
        }
        removing.await.unwrap();
    });
}

/// Why an archive at this address cannot be opened.
async fn refusal(address: &str) -> PostgresError {
    let address: PostgresAddress = address.parse().unwrap();
    let opened = PostgresArchive::open(SystemWorld::shared(), address, Retention::default()).await;
    let refused = opened.unwrap_err();
    let text = format!("{} {refused:?}", causes(&refused));
    assert!(!text.contains("secret"), "the password is not shown: {text}");
    refused
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn what_is_wrong_with_a_database_is_said() {
    run(async {
        let server = server();
        let place = server.rsplit_once('@').unwrap().1.to_owned();
        let nothing = refusal("postgres://user:secret@127.0.0.1:1/none").await;
        assert!(matches!(nothing, PostgresError::Unreachable { .. }), "{nothing:?}");
        let wrong = refusal(&format!("postgres://stranger:secret@{place}")).await;
        assert!(matches!(wrong, PostgresError::WrongPassword { .. }), "{wrong:?}");
        let none = refusal(&format!("postgres://stranger@{place}")).await;
        assert!(matches!(none, PostgresError::WrongPassword { .. }), "{none:?}");
        let absent = refusal(&format!("{}/absent", server.rsplit_once('/').unwrap().0)).await;
        assert!(matches!(absent, PostgresError::NoDatabase { .. }), "{absent:?}");

        let address = fresh().await;
        let client = connect(&address).await;
        let weak = "DROP ROLE IF EXISTS weak; CREATE ROLE weak LOGIN PASSWORD 'secret'";
        client.batch_execute(weak).await.unwrap();
        let schema = address.split_once('?').unwrap().1;
        let weak = refusal(&format!("postgres://weak:secret@{place}?{schema}")).await;
        assert!(matches!(weak, PostgresError::NoRight { .. }), "{weak:?}");

        open(&address).await.close().await;
        client.batch_execute("UPDATE whisper_archive SET version = 99").await.unwrap();
        let newer = refusal(&address).await;
        assert!(matches!(newer, PostgresError::Newer { found: 99, known: 2, .. }), "{newer:?}");
    });
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn a_restart_goes_on_with_the_numbers_and_a_damaged_row_is_not_left_out() {
    run(async {
        let address = fresh().await;
        let archive = open(&address).await;
        let id = archive.id();
        archive.append(batch(1, 0..3)).await.unwrap();
        archive.close().await;
        let archive = open(&address).await;
        assert!(archive.id() == id && *archive.newest().borrow() == 3);
        let appended = archive.append(batch(1, 2..4)).await.unwrap();
        assert_eq!(appended.iter().map(|one| one.arrival).collect::<Vec<_>>(), [3, 4]);

        let damage = "UPDATE whisper_envelopes SET raw = '\\xc0' WHERE arrival = 2";
        connect(&address).await.batch_execute(damage).await.unwrap();
        let query = HistoryQuery::new(HistoryFilter::All);
        let refused = archive.page(query).await.unwrap_err();
        let text = causes(&refused).to_string();
        assert!(text.contains("is damaged") && text.contains("envelope 2"), "{text}");
    });
}

#[test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --only postgres"]
fn a_killed_writer_of_a_database_loses_nothing() {
    let killed = Killed::test("nodes::a_killed_writer_of_a_database_loses_nothing");
    run(async move {
        if let Some(address) = killed.writer() {
            return append_without_end(address.to_str().unwrap()).await;
        }
        let address = fresh().await;
        let archive = open(&address).await;
        let mut before = 0;
        for kill in 0..killed.times() {
            let path = address.clone();
            let killing =
                tokio::task::spawn_blocking(move || killed.kill_while_writing(Path::new(&path)));
            let acknowledged = killing.await.unwrap();
            // A writer that was killed within a transaction does not hold this one up.
            let own = archive.append(batch(2, kill.into()..u64::from(kill) + 1)).await.unwrap();
            let newest = own[0].arrival;
            assert!(newest > acknowledged && acknowledged > before, "{kill}: {acknowledged}");
            let query = HistoryQuery::new(HistoryFilter::All).after(before).limit(usize::MAX);
            let page = archive.page(HistoryQuery { max_bytes: usize::MAX, ..query }).await.unwrap();
            let stored = page.envelopes.iter().map(|stored| stored.arrival);
            assert!(stored.eq(before + 1..=newest), "{kill}: none is missing");
            before = newest;
        }
    });
}

async fn append_without_end(address: &str) {
    let archive = open(address).await;
    for number in (0..).step_by(50) {
        let process = u64::from(std::process::id()) << 32;
        let numbers = process + number..process + number + 50;
        let appended = archive.append(batch(1, numbers)).await.unwrap();
        Killed::acknowledge(appended.last().unwrap().arrival);
    }
}
