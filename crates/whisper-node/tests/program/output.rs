//! Programs whose output nothing reads.

use std::process::Command;

use crate::running::{PROGRAM, Running, without_log};

/// A node and a boot node.
fn nodes(datadir: &str) -> [Vec<&str>; 2] {
    let node = ["run", "--http=false", "--ws=false", "--ipcdisable"];
    let both = ["--addr=127.0.0.1", "--port=0", "--datadir", datadir];
    [[&node[..], &both].concat(), [&["bootnode"][..], &both].concat()]
}

#[test]
fn without_standard_output_a_node_runs_until_the_signal() {
    let datadir = tempfile::tempdir().unwrap();
    for words in nodes(datadir.path().to_str().unwrap()) {
        let command = &mut Command::new(PROGRAM);
        let mut running = Running::start(command.args(&words).args(["--verbosity", "1"]));
        running.value("enode");
        assert!(running.signal_unread("-TERM"), "{words:?}");
    }
}

/// The log has many lines, and each fails to be written.
#[test]
fn without_standard_error_a_node_runs_until_the_signal() {
    let datadir = tempfile::tempdir().unwrap();
    for words in nodes(datadir.path().to_str().unwrap()) {
        let command = &mut Command::new(PROGRAM);
        let mut running = without_log(command.args(&words).args(["--verbosity", "5"]));
        running.value("enode");
        assert!(running.signal("-TERM").1, "{words:?}");
    }
}

/// Every command that prints and ends. Its reader is gone before it prints, or the disk is full.
#[test]
#[cfg(target_os = "linux")]
fn commands_end_quietly_without_a_reader_and_report_a_full_disk() {
    for words in ["rpc discover", "rlp dump c0", "demo", "--help", "--version", "discover --help"] {
        let run = |redirected: &str| {
            let script = format!("{PROGRAM} {words} {redirected}");
            let output = Command::new("bash").args(["-c", &script]).output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let (_, error) = run("| true");
        assert_eq!(error, "", "{words}");
        let (_, error) = run("> /dev/full");
        assert!(!error.contains("panicked"), "{words}: {error}");
    }
}
