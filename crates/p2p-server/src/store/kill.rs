//! A process that is killed while it writes leaves a valid file with all acknowledged writes.
//!
//! The test runs itself as another process, which writes without end, and kills it (`SIGKILL` on Unix) at
//! a random time. `P2P_SERVER_KILLS` sets how often.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rand::Rng as _;

use super::tests::{node, open_store};

const KILLS: u32 = 25;

/// The variable with the file that the other process writes.
const WRITES_TO: &str = "P2P_SERVER_WRITES_TO";

/// What the other process prints after each write, before the number of the write.
const WRITTEN: &str = "written ";

#[test]
fn a_killed_writer_leaves_a_valid_file() {
    if let Some(path) = env::var_os(WRITES_TO) {
        return write_without_end(Path::new(&path));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nodes");
    let kills = env::var("P2P_SERVER_KILLS").ok().and_then(|text| text.parse().ok());
    let mut last = 0;
    for kill in 0..kills.unwrap_or(KILLS) {
        let written = kill_while_writing(&path);
        let store = open_store(&path).unwrap();
        let known = store.best(0, 1).unwrap();
        assert!(known[0].success >= written && written > last, "{kill}: {known:?}, {written}");
        last = known[0].success;
    }
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 1, "nothing was moved aside");
}

/// Kills a writer. Returns the last write that it acknowledged.
fn kill_while_writing(path: &Path) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "store::kill::a_killed_writer_leaves_a_valid_file", "--nocapture"])
        .env(WRITES_TO, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut written = number(&lines.next().unwrap().unwrap());
    thread::sleep(Duration::from_micros(rand::rng().random_range(0..20_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    while let Some(Ok(line)) = lines.next() {
        written = number(&line).or(written);
    }
    written.unwrap()
}

/// The number in a line, which may be truncated.
fn number(line: &str) -> Option<u64> {
    line.strip_prefix(WRITTEN)?.strip_suffix('.')?.parse().ok()
}

fn write_without_end(path: &Path) {
    let store = open_store(path).unwrap();
    let first = store.best(0, 1).unwrap().first().map_or(1, |known| known.success + 1);
    for number in first.. {
        let some = u16::try_from(number % 500).unwrap();
        store.record_dial(&node(some), true, number);
        store.put(number, &(some..some + 50).map(node).collect::<Vec<_>>()).unwrap();
        eprintln!("{WRITTEN}{number}.");
    }
}
