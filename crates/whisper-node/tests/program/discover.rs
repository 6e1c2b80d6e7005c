//! `whisper-node bootnode`, `whisper-node discover`, and nodes that find each other.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::running::{PROGRAM, Running};

/// A private network. Nodes of other tests may still know the port by another node.
const PRIVATE_NETWORK: [&str; 2] = ["--networkid", "7"];

fn start(arguments: &[&str]) -> Running {
    Running::start(Command::new(PROGRAM).args(arguments))
}

/// Starts a boot node on a free port of loopback. Returns it, its URL and its record.
fn boot_node(datadir: &tempfile::TempDir, more: &[&str]) -> (Running, String, String) {
    let datadir = datadir.path().to_str().unwrap();
    let words = ["bootnode", "--addr", "127.0.0.1", "--port", "0", "--verbosity", "1"];
    let mut boot = start(&[&words[..], &["--datadir", datadir], more].concat());
    let enode = boot.value("enode");
    let record = boot.value("record");
    (boot, enode, record)
}

fn discover(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(PROGRAM)
        .arg("discover")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What a command prints when it succeeds.
fn printed(arguments: &[&str], input: &str) -> String {
    let Output { status, stdout, stderr } = discover(arguments, input);
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// The error of a command that fails.
fn failure(arguments: &[&str], input: &str) -> String {
    let Output { status, stdout, stderr } = discover(arguments, input);
    assert!(!status.success() && stdout.is_empty(), "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

#[test]
fn a_boot_node_answers_keeps_its_key_and_stops() {
    let datadir = tempfile::tempdir().unwrap();
    let (boot, enode, record) = boot_node(&datadir, &[]);
    assert!(enode.contains("@127.0.0.1:0?discport="), "{enode}");
    assert!(printed(&["ping", &enode], "").starts_with("pong 1 after "));
    assert!(printed(&["ping", &record], "").starts_with("pong 1 after "));
    let resolved = printed(&["resolve", &enode], "");
    assert_eq!(resolved.lines().next(), Some(&record[..]));
    let udp = enode.rsplit('=').next().unwrap();
    for line in
        [format!("enode      {enode}"), "ip         127.0.0.1".into(), format!("udp        {udp}")]
    {
        assert!(resolved.lines().any(|resolved| resolved == line), "{line}: {resolved}");
    }
    // By its id, with the node itself as the boot node.
    let id = enode["enode://".len()..].split('@').next().unwrap();
    assert_eq!(printed(&["resolve", id, "--bootnodes", &enode], ""), resolved);
    let (rest, success) = boot.signal("-INT");
    assert!(success && rest.ends_with("stopping\n"), "{rest:?}");
    let (_again, same, _) = boot_node(&datadir, &[]);
    assert!(same.contains(id), "the key was kept");
}

#[test]
fn nodes_with_the_same_boot_node_find_each_other_and_connect() {
    let datadirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let (_boot, enode, _) = boot_node(&datadirs[0], &PRIVATE_NETWORK);
    let network = [&PRIVATE_NETWORK[..], &["--bootnodes", &enode]].concat();
    let node = |datadir: &tempfile::TempDir| {
        let datadir = datadir.path().to_str().unwrap();
        let words = ["--addr=127.0.0.1", "--port=0", "--http.port=0", "--ws=false"];
        let rest = ["--verbosity=1", "--datadir", datadir];
        let mut node = start(&[&words[..], &rest, &network].concat());
        let enode = node.value("enode");
        (node.value("HTTP"), enode, node)
    };
    let (first, second) = (node(&datadirs[1]), node(&datadirs[2]));
    let deadline = Instant::now() + Duration::from_secs(60);
    for (url, ..) in [&first, &second] {
        while !peer_count(url).contains("\"0x1\"") {
            assert!(Instant::now() < deadline, "the nodes do not find each other");
        }
    }
    let found = printed(&[&["crawl"], &network[..]].concat(), "");
    let mut found: Vec<&str> = found.lines().collect();
    let mut all = [&enode[..], &first.1, &second.1];
    found.sort_unstable();
    all.sort_unstable();
    assert_eq!(found, all);
    let nearest = printed(&[&["lookup", &second.1], &network[..]].concat(), "");
    assert_eq!(nearest.lines().next(), Some(&second.1[..]));

    let elsewhere = failure(&["crawl", "--networkid", "8", "--bootnodes", &enode], "");
    assert!(elsewhere.contains("--networkid") && elsewhere.lines().count() == 1, "{elsewhere}");

    // The records of the nodes, and a signed list of them.
    let records = printed(&[&["crawl", "--records"], &network[..]].concat(), "");
    assert_eq!(records.lines().filter(|line| line.starts_with("enr:")).count(), 3);
    let key = datadirs[0].path().join("bootkey");
    let key = key.to_str().unwrap();
    let sign = ["dns", "sign", "--key", key, "--domain", "nodes.example.org", "--seq", "7"];
    let zone = printed(&sign, &format!("# a comment\n\n{records}"));
    assert!(zone.starts_with("; enrtree://") && zone.contains("$ORIGIN nodes.example.org."));
    assert!(zone.contains(" 60     IN TXT \"enrtree-root:v1 e="), "{zone}");
    let leaves = zone.lines().filter(|line| line.contains("IN TXT \"enr:")).count();
    assert_eq!((leaves, zone.lines().count()), (3, 2 + 1 + 1 + 3 + 1));
}

/// A node on loopback that logs to a file. Returns it, its URL, its HTTP address and the file.
fn logging_node(datadir: &tempfile::TempDir, more: &[&str]) -> (Running, String, String, PathBuf) {
    let log = datadir.path().join("log");
    let mut command = Command::new(PROGRAM);
    command.args(["--addr=127.0.0.1", "--port=0", "--http.port=0", "--ws=false", "--ipcdisable"]);
    command.arg("--datadir").arg(datadir.path()).args(more).stderr(File::create(&log).unwrap());
    let mut node = Running::start(&mut command);
    let enode = node.value("enode");
    let http = node.value("HTTP");
    (node, enode, http, log)
}

/// Waits for a line of the log that contains `text`.
fn logged(log: &Path, text: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let lines = fs::read_to_string(log).unwrap();
        // The last line may not be complete.
        let complete = lines.rsplit_once('\n').map_or("", |(complete, _)| complete);
        if let Some(line) = complete.lines().find(|line| line.contains(text)) {
            return line.to_owned();
        }
        assert!(Instant::now() < deadline, "{text}: {lines}");
    }
}

/// A connection does not tell the network. So it stays, and the log says it.
#[test]
fn a_static_node_of_another_network_connects_and_is_named() {
    let datadirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let (_other, enode, ..) = logging_node(&datadirs[0], &["--networkid", "8"]);
    let more = ["--networkid", "7", "--staticnodes", &enode];
    let (_node, _, http, log) = logging_node(&datadirs[1], &more);
    let warning = logged(&log, "its record names network 8");
    assert!(warning.contains("WARN") && warning.contains(&enode), "{warning}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !peer_count(&http).contains("\"0x1\"") {
        assert!(Instant::now() < deadline, "the nodes do not connect");
    }
}

#[test]
fn nodes_find_each_other_over_discv5() {
    let datadirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let v5 = ["--discovery.v4=false", "--discovery.v5"];
    let (_first, _, _, log) = logging_node(&datadirs[0], &v5);
    let record = logged(&log, "discv5 started");
    let record = record.split("record=").nth(1).unwrap().split_whitespace().next().unwrap();
    let more = [&v5[..], &["--bootnodesv5", record]].concat();
    let (_second, _, http, _) = logging_node(&datadirs[1], &more);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !peer_count(&http).contains("\"0x1\"") {
        assert!(Instant::now() < deadline, "the nodes do not connect");
    }
}

/// A command without a data directory does not name one.
#[test]
fn the_help_of_a_command_names_only_what_it_takes() {
    for command in ["ping", "resolve", "lookup", "crawl", "listen"] {
        let help = printed(&[command, "--help"], "").to_lowercase();
        assert!(
            help.contains("--nodekey") && !help.contains("data directory"),
            "{command}: {help}"
        );
    }
}

/// The response to `net_peerCount`.
fn peer_count(url: &str) -> String {
    let host = url.strip_prefix("http://").unwrap();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"net_peerCount"}"#;
    let mut socket = TcpStream::connect(host).unwrap();
    write!(
        socket,
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn listening_prints_the_found_nodes() {
    let datadir = tempfile::tempdir().unwrap();
    let (_boot, enode, _) = boot_node(&datadir, &[]);
    let mut listen = start(&["discover", "listen", "--addr", "127.0.0.1", "--bootnodes", &enode]);
    assert!(listen.value("listening").starts_with("enode://"));
    assert_eq!(listen.value("found"), enode);
    assert!(listen.signal("-TERM").1);
}

#[test]
fn an_error_of_discovery_is_one_line() {
    let datadir = tempfile::tempdir().unwrap();
    let (boot, enode, _) = boot_node(&datadir, &[]);
    let key = datadir.path().join("bootkey");
    let key = key.to_str().unwrap();
    assert!(boot.signal("-TERM").1);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let list = "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@a.example";
    let sign = |domain| ["dns", "sign", "--key", key, "--seq", "1", "--domain", domain];
    for (words, input, about) in [
        (&["ping", &enode][..], "", "no answer to a ping"),
        (&["lookup", "--bootnodes", &enode], "", "(--bootnodes): no answer over UDP"),
        (&["crawl"], "", "--bootnodes"),
        (&["dns", "fetch", list, "--server", &silent, "--time", "1"], "", "no answer from"),
        (&sign("a..b"), "", "--domain"),
        (&sign("a.b"), "\nenr:x\n", "line 2"),
    ] {
        let error = failure(words, input);
        assert!(error.contains(about) && error.lines().count() == 1, "{words:?}: {error}");
    }
}
