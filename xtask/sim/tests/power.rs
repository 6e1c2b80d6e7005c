//! What is acknowledged survives a power failure during any operation of the disk, and the file opens.
//!
//! `POWER_FAILURES` is the number of failures, 100 by default. `cargo xtask test --long` takes 10 000.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{env, future::Future, path::Path};

use node_store::test_util::Numbers;
use p2p_sim::Machine;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use whisper_archive::{EmbeddedArchive, Retention};
use whisper_envelope::Unsealed;
use whisper_protocol::{
    Archive as _, Config, Envelope, HistoryFilter, HistoryQuery, StateError, Topic,
};
use whisper_store::test_util::Client;

/// Failures of one disk. Then there is a new one, because a larger file takes longer.
const PER_DISK: u64 = 50;

/// Maximum number of operations of the disk before a failure.
const MAX_OPERATIONS: u64 = 120;

fn failures() -> u64 {
    env::var("POWER_FAILURES").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

/// Runs `test` with each disk: its seed, and the number of failures. It returns which they were.
fn each_disk<F: Future<Output = Failures>>(test: impl Fn(u64, u64) -> F) {
    let (count, mut all) = (failures(), Failures::default());
    for seed in 0..count.div_ceil(PER_DISK) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let failures = runtime.block_on(test(seed, PER_DISK.min(count - seed * PER_DISK)));
        all.opening += failures.opening;
        all.writing += failures.writing;
    }
    // Both happen. On a single disk, one of them may not.
    assert!(count < 2 * PER_DISK || (all.opening > 0 && all.writing > 0), "{all:?}");
}

/// How many ended with the power off while the file was opened, and while it was written.
#[derive(Debug, Default)]
struct Failures {
    opening: u64,
    writing: u64,
}

impl Failures {
    fn count(&mut self, opened: bool) {
        *if opened { &mut self.writing } else { &mut self.opening } += 1;
    }
}

#[test]
fn a_store_keeps_what_was_acknowledged_when_the_power_fails() {
    each_disk(|seed, count| async move {
        let (machine, mut rng) = (Machine::new(seed), StdRng::seed_from_u64(seed));
        let (mut acknowledged, mut failures) = (0, Failures::default());
        for _ in 0..count {
            machine.fail_at(rng.random_range(1..=MAX_OPERATIONS));
            let opened = Numbers::open(machine.world(), Path::new("numbers"));
            failures.count(opened.is_ok());
            if let Ok(numbers) = opened
                && let Ok(last) = numbers.last()
            {
                assert!(last >= acknowledged, "{last} of {acknowledged} numbers");
                acknowledged = write_numbers(&numbers, last, &mut rng);
            }
            assert!(machine.is_off(), "nothing else ends it");
            machine.restart();
        }
        let numbers = Numbers::open(machine.world(), Path::new("numbers")).unwrap();
        assert!(numbers.last().unwrap() >= acknowledged);
        failures
    });
}

/// Writes until the power fails. Returns the last number that was acknowledged.
fn write_numbers(numbers: &Numbers, mut last: u64, rng: &mut StdRng) -> u64 {
    loop {
        let next = last + rng.random_range(1..20);
        if numbers.write(last, next).is_err() {
            return last;
        }
        last = next;
    }
}

fn envelope(number: u64) -> Envelope {
    let topic = Topic([(number % 7) as u8, 1, 2, 3]);
    Unsealed::v6(1_700_000_050, 50, topic, &[number.to_le_bytes()[0]; 200]).seal(number)
}

fn open(machine: &Machine) -> Option<EmbeddedArchive> {
    let opened = EmbeddedArchive::open(machine.world(), Path::new("archive"), Retention::default());
    let (archive, moved_aside) = opened.ok()?;
    assert!(moved_aside.is_none(), "{moved_aside:?}");
    Some(archive)
}

#[test]
fn an_archive_keeps_what_was_acknowledged_when_the_power_fails() {
    each_disk(|seed, count| async move {
        let (machine, mut rng) = (Machine::new(seed), StdRng::seed_from_u64(seed));
        let (mut acknowledged, mut failures) = (0, Failures::default());
        for _ in 0..count {
            machine.fail_at(rng.random_range(1..=MAX_OPERATIONS));
            let archive = open(&machine);
            failures.count(archive.is_some());
            if let Some(archive) = archive
                && let Some(newest) = check_archive(&archive, &machine, acknowledged).await
            {
                acknowledged = append(&archive, newest, &mut rng).await;
            }
            assert!(machine.is_off(), "nothing else ends it");
            machine.restart();
        }
        let archive = open(&machine).unwrap();
        check_archive(&archive, &machine, acknowledged).await.unwrap();
        failures
    });
}

/// All envelopes up to the last acknowledged one are there, by each index. Returns the newest number; `None` if the power fails
/// meanwhile.
async fn check_archive(
    archive: &EmbeddedArchive,
    machine: &Machine,
    acknowledged: u64,
) -> Option<u64> {
    let newest = *archive.newest().borrow();
    assert!(newest >= acknowledged, "{newest} of {acknowledged} envelopes");
    let topics = (0..7).map(|number| Topic([number, 1, 2, 3])).collect();
    let hashes = (1..=newest).map(|number| *envelope(number).hash()).collect();
    for filter in [HistoryFilter::All, HistoryFilter::Topics(topics), HistoryFilter::Hashes(hashes)]
    {
        let query = HistoryQuery::new(filter).limit(usize::MAX);
        let page = archive.page(HistoryQuery { max_bytes: usize::MAX, ..query }).await;
        if page.is_err() && machine.is_off() {
            return None;
        }
        let page = page.unwrap();
        assert_eq!((page.end, page.oldest), (newest, 1));
        let stored = page.envelopes.iter().map(|stored| (stored.arrival, &stored.envelope));
        let expected: Vec<_> = (1..=newest).map(|number| (number, envelope(number))).collect();
        assert!(stored.eq(expected.iter().map(|(number, one)| (*number, one))), "{newest}");
    }
    Some(newest)
}

/// Appends until the power fails. Returns the last number that was acknowledged.
async fn append(archive: &EmbeddedArchive, mut last: u64, rng: &mut StdRng) -> u64 {
    loop {
        let next = last + rng.random_range(1..20);
        let Ok(appended) = archive.append((last + 1..=next).map(envelope).collect()).await else {
            return last;
        };
        assert_eq!(appended.last().unwrap().arrival, next);
        last = next;
    }
}

#[test]
fn an_application_finds_what_was_acknowledged_when_the_power_fails() {
    each_disk(|seed, count| async move {
        let (machine, mut rng) = (Machine::new(seed), StdRng::seed_from_u64(seed));
        let (mut acknowledged, mut checked, mut failures) = (0, 0, Failures::default());
        for _ in 0..count {
            machine.fail_at(rng.random_range(1..=MAX_OPERATIONS));
            let client = start_client(&machine).await;
            failures.count(client.is_ok());
            if let Ok(mut client) = client {
                let mut round = client.next_round();
                while client.work(round).await.is_ok() {
                    (acknowledged, round) = (round, round + 1);
                }
            }
            assert!(machine.is_off(), "nothing else ends it");
            machine.restart();
            let client = start_client(&machine).await.unwrap();
            checked = client.check(acknowledged, checked).await;
            client.stop().await;
        }
        failures
    });
}

async fn start_client(machine: &Machine) -> Result<Client, StateError> {
    let config = Config::simulated(machine.world());
    Client::start(machine.world(), Path::new("state"), config).await
}
