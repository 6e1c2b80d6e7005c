//! Tests that kill a process while it writes a file, and a file that shows what was lost.
//!
//! A killed process must leave a file with everything that it has acknowledged. The process is the test itself, run again:
//!
//! ```no_run
//! use node_store::test_util::Killed;
//! # use std::path::Path;
//! # fn write_and_acknowledge(path: &Path) {}
//! # fn newest(path: &Path) -> u64 { 0 }
//!
//! // In a test with this name:
//! let killed = Killed::test("a_killed_writer_loses_nothing");
//! if let Some(path) = killed.writer() {
//!     write_and_acknowledge(&path); // It never returns. It calls `Killed::acknowledge` after each write.
//! }
//! # let path = Path::new("file");
//! for _ in 0..killed.times() {
//!     let acknowledged = killed.kill_while_writing(path);
//!     assert!(newest(path) >= acknowledged);
//! }
//! ```

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use p2p_world::{World, rng};
use redb::{ReadableTable as _, TableDefinition};

use crate::{Layout, OnDamage, Store, StoreError};

/// The variable with the file that the process writes.
const WRITES_TO: &str = "NODE_STORE_WRITES_TO";

/// The variable with the number of kills.
const KILLS: &str = "NODE_STORE_KILLS";

/// Maximum time from the first write to the kill.
const MAX_DELAY: Duration = Duration::from_millis(60);

/// What the process prints after each write, before the number of the write.
const WRITTEN: &str = "written ";

/// A test that runs itself as another process, and kills that (`SIGKILL` on Unix).
#[derive(Debug, Clone, Copy)]
pub struct Killed {
    test: &'static str,
}

impl Killed {
    /// The test with this name, as in `cargo test -- --exact NAME`.
    #[must_use]
    pub const fn test(test: &'static str) -> Self {
        Self { test }
    }

    /// The file to write, if this is the process that is killed.
    #[must_use]
    pub fn writer(self) -> Option<PathBuf> {
        env::var_os(WRITES_TO).map(PathBuf::from)
    }

    /// How often to kill: 10 times, or as often as the environment variable `NODE_STORE_KILLS` says.
    #[must_use]
    pub fn times(self) -> u32 {
        env::var(KILLS).ok().and_then(|text| text.parse().ok()).unwrap_or(10)
    }

    /// Says that a write is on the disk.
    pub fn acknowledge(number: u64) {
        eprintln!("{WRITTEN}{number}.");
    }

    /// Starts the process, and kills it at a random time after its first write. Returns the last write that it has
    /// acknowledged.
    ///
    /// # Panics
    ///
    /// If the process cannot be started, or ends by itself.
    #[must_use]
    pub fn kill_while_writing(self, path: &Path) -> u64 {
        let mut writer = Command::new(env::current_exe().expect("a test has a program"))
            .args(["--exact", self.test, "--nocapture", "--include-ignored"])
            .env(WRITES_TO, path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a program can be started");
        let output = writer.stderr.take().expect("it is piped");
        let mut written = BufReader::new(output).lines().map_while(Result::ok);
        let mut said = String::new();
        let first = written.find_map(|line| {
            said = said.clone() + "\n" + &line;
            number(&line)
        });
        let Some(mut last) = first else { panic!("the writer has ended: {said}") };
        thread::sleep(MAX_DELAY.mul_f64(rng().fraction()));
        writer.kill().expect("the writer runs");
        writer.wait().expect("the writer was started");
        for line in written {
            last = number(&line).unwrap_or(last);
        }
        last
    }
}

const NUMBERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("numbers");

const LAYOUT: Layout = Layout {
    what: "the numbers",
    version: 1,
    create: |transaction| {
        transaction.open_table(NUMBERS)?;
        Ok(())
    },
    upgrades: &[],
    on_damage: OnDamage::MoveAside,
};

/// A file with the numbers from 1 on, which shows whether something was lost.
#[derive(Debug)]
pub struct Numbers(Store);

impl Numbers {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`].
    ///
    /// # Panics
    ///
    /// If the file is damaged.
    pub fn open(world: Arc<dyn World>, path: &Path) -> Result<Self, StoreError> {
        let opened = Store::open(world, path, &LAYOUT)?;
        assert!(opened.moved_aside.is_none(), "{:?}", opened.moved_aside);
        Ok(Self(opened.store))
    }

    /// Writes the numbers after `last` up to `next`, at once.
    ///
    /// # Errors
    ///
    /// Those of [`Store::write`].
    pub fn write(&self, last: u64, next: u64) -> Result<(), StoreError> {
        self.0.write(|transaction| {
            let mut numbers = transaction.open_table(NUMBERS)?;
            for number in last + 1..=next {
                numbers.insert(number, &content(number)[..])?;
            }
            Ok(())
        })
    }

    /// The greatest number in the file.
    ///
    /// # Errors
    ///
    /// Those of [`Store::read`].
    ///
    /// # Panics
    ///
    /// If a smaller one is missing, or is not as it was written.
    pub fn last(&self) -> Result<u64, StoreError> {
        self.0.read(|transaction| {
            let numbers = transaction.open_table(NUMBERS)?;
            let mut last = 0;
            for (expected, row) in (1..).zip(numbers.iter()?) {
                let (number, value) = row?;
                assert_eq!((number.value(), value.value()), (expected, &content(expected)[..]));
                last = expected;
            }
            Ok(last)
        })
    }
}

fn content(number: u64) -> [u8; 700] {
    [number.to_le_bytes()[0]; 700]
}

/// The number in a line, which may be cut off.
fn number(line: &str) -> Option<u64> {
    line.strip_prefix(WRITTEN)?.strip_suffix('.')?.parse().ok()
}
