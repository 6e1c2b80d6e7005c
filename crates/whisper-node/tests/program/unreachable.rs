//! Nodes that cannot be reached: the log says so, with the URL and the reason.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use p2p_identity::{NodeId, SecretKey};

use crate::running::{Log, PROGRAM, Running};

fn id(number: u8) -> NodeId {
    SecretKey::from_bytes(&[number; 32]).unwrap().id()
}

/// A node on free ports with IPC.
fn node(datadir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--addr", "127.0.0.1", "--port", "0", "--http=false", "--ws=false", "--datadir"]);
    command.arg(datadir);
    command
}

/// Nothing listens at these addresses, over UDP and over TCP.
#[test]
#[cfg(target_os = "linux")] // Other systems have only one loopback address.
fn a_silent_boot_node_is_reported_once_within_15_seconds() {
    let datadir = tempfile::tempdir().unwrap();
    let urls = [
        format!("enode://{}@127.0.0.77:0?discport=30301", id(1)),
        format!("enode://{}@127.0.0.78:30303", id(2)),
    ];
    let start = Instant::now();
    let mut command = node(datadir.path());
    let (mut running, log) = Log::of(command.args(["--bootnodes", &urls.join(",")]));
    running.value("enode");
    let deadline = start + Duration::from_secs(15);
    let first = log.line(&["WARN", "no answer over UDP"], deadline);
    let second = log.line(&["WARN", "no answer over UDP"], deadline);
    for url in &urls {
        let lines = [&first, &second];
        assert_eq!(lines.iter().filter(|line| line.contains(url.as_str())).count(), 1, "{lines:?}");
    }
    assert!(running.signal("-TERM").1);
    assert_eq!(log.count("no answer over UDP"), 0);
}

/// Calls a method of the node over IPC. Returns its result.
fn ipc(datadir: &Path, method: &str) -> serde_json::Value {
    use std::io::{BufRead as _, Write as _};
    let mut socket =
        std::os::unix::net::UnixStream::connect(datadir.join("whisper-node.ipc")).unwrap();
    writeln!(socket, r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#).unwrap();
    let mut answer = String::new();
    std::io::BufReader::new(socket).read_line(&mut answer).unwrap();
    serde_json::from_str::<serde_json::Value>(&answer).unwrap()["result"].take()
}

/// `admin_nodeInfo` shows the record in hexadecimal. It is pasted with blanks and a line end.
#[test]
fn the_record_that_a_node_shows_is_a_static_node_or_boot_node_of_another() {
    let datadirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut first = Running::start(node(datadirs[0].path()).args(["--verbosity", "1"]));
    first.value("enode");
    let record = ipc(datadirs[0].path(), "admin_nodeInfo")["enr"].as_str().unwrap().to_owned();
    assert!(record.starts_with("0xf8"), "{record}");
    for (flag, datadir) in ["--staticnodes", "--bootnodes"].into_iter().zip(&datadirs[1..]) {
        let mut other = node(datadir.path());
        let mut other =
            Running::start(other.args(["--verbosity", "1", flag, &format!(" {record}\n")]));
        other.value("enode");
        let deadline = Instant::now() + Duration::from_secs(30);
        while ipc(datadir.path(), "net_peerCount") != "0x1" {
            assert!(Instant::now() < deadline, "{flag}: no peer");
        }
        assert!(other.signal("-TERM").1);
    }
    assert!(first.signal("-TERM").1);
}

/// Flags refuse addresses that cannot be dialed, and say what is wrong.
#[test]
fn an_address_that_cannot_be_dialed_is_refused_when_it_is_given() {
    let refused = |flag: &str, at: &str| {
        let url = format!("enode://{}@{at}", id(1));
        let output = Command::new(PROGRAM).args([flag, &url]).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{flag} {at}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (at, text) in [
        ("127.0.0.9:0?discport=30301", "port 0 takes no connections"),
        ("[::]:30303", ":: is the address of no machine"),
        ("0.0.0.0:30303", "0.0.0.0 is the address of no machine"),
        ("[::ffff:0.0.0.0]:30303", "0.0.0.0 is the address of no machine"),
        ("224.0.0.1:30303", "group of machines"),
        ("255.255.255.255:30303", "group of machines"),
        ("[ff02::1]:30303", "group of machines"),
        ("[fe80::1]:30303", "link-local"),
    ] {
        let error = refused("--staticnodes", at);
        assert!(error.contains(text), "{at}: {error}");
        if !at.contains(":0?") {
            let error = refused("--bootnodes", at);
            assert!(error.contains(text), "{at}: {error}");
        }
    }
}
