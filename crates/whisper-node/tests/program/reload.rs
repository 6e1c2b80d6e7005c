//! A node that reads its configuration again: `admin_reload` and SIGHUP.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::running::{Log, PROGRAM, Running};

/// Calls the node with this data directory over IPC.
pub(crate) fn call(datadir: &Path, method: &str, params: &Value) -> Value {
    let mut stream = UnixStream::connect(datadir.join("whisper-node.ipc")).unwrap();
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    writeln!(stream, "{request}").unwrap();
    let answers = serde_json::Deserializer::from_reader(stream);
    answers.into_iter::<Value>().next().unwrap().unwrap()
}

/// The number of peers of the node.
fn peers(datadir: &Path) -> usize {
    call(datadir, "admin_peers", &json!([]))["result"].as_array().unwrap().len()
}

/// Waits for a line of the log.
fn wait(log: &Log, texts: &[&str]) {
    log.line(texts, Instant::now() + Duration::from_secs(30));
}

/// The part of a configuration that stays.
const BASE: &str =
    "addr = \"127.0.0.1\"\nnodiscover = true\nhttp.enabled = false\nws.enabled = false\n";

/// A node without a controlling terminal, as a service has none, and its log.
fn start(datadir: &Path, file: &str) -> (Running, Log, String) {
    fs::write(datadir.join("whisper-node.toml"), format!("{BASE}port = 0\n{file}")).unwrap();
    let mut command = Command::new("setsid");
    let (mut node, log) = Log::of(command.arg(PROGRAM).arg("--datadir").arg(datadir));
    let enode = node.value("enode");
    (node, log, enode)
}

#[test]
fn a_reload_changes_live_peers_and_a_bad_file_changes_nothing() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_peer, _peer_log, enode) = start(other.path(), "");
    let statics = format!("staticnodes = [\"{enode}\"]\n");
    let (node, log, _) = start(one.path(), &statics);
    wait(&log, &["peer connected"]);
    let file = one.path().join("whisper-node.toml");
    let write = |text: &str| fs::write(&file, format!("{BASE}port = 0\n{statics}{text}")).unwrap();

    // Nothing is changed by a file that is wrong, in its text or for this node.
    for bad in ["ban = [\"127.0.0.1\"]\nprot = 1\n", "ban = [\"127.0.0.1\"]\n[shh]\npow = -1.0\n"] {
        write(bad);
        let error = call(one.path(), "admin_reload", &json!([]))["error"]["message"].to_string();
        assert!(error.contains("nothing was changed: "), "{error}");
        assert!(error.contains("whisper-node.toml:8: ") || error.contains("--shh.pow"), "{error}");
        assert_eq!(peers(one.path()), 1);
        assert_eq!(call(one.path(), "admin_bans", &json!([]))["result"], json!([]));
    }

    // A file that is gone for a moment, because it is being saved, opens nothing.
    fs::remove_file(&file).unwrap();
    let gone = call(one.path(), "admin_reload", &json!([]))["error"]["message"].to_string();
    assert!(gone.contains("is gone"), "{gone}");
    assert_eq!(peers(one.path()), 1);

    write("ban = [\"127.0.0.1\"]\nmaxpeers = 7\nidentity = \"new\"\nverbosity = 4\n");
    let answer = call(one.path(), "admin_reload", &json!([]));
    let applied = json!(["verbosity", "maxpeers", "ban"]);
    assert_eq!(answer["result"], json!({ "applied": applied, "needsRestart": ["identity"] }));
    wait(&log, &["peer disconnected"]);

    // A service manager sends SIGHUP. What needs a restart is named again.
    write("identity = \"new\"\n");
    node.send("-HUP");
    wait(&log, &["the configuration was read again", "needs_restart=\"identity\""]);
    wait(&log, &["peer connected"]);
    assert!(node.signal("-TERM").1);
}

#[test]
fn a_plain_node_has_only_what_go_ethereum_has() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_node, log, enode) = start(one.path(), "");
    let statics = format!("staticnodes = [\"{enode}\"]\nplain = true\n");
    let (_plain, ..) = start(other.path(), &statics);
    wait(&log, &["peer connected"]);
    let answer = call(one.path(), "admin_peers", &json!([]));
    let peer = &answer["result"][0];
    assert_eq!(peer["caps"], json!(["shh/5", "shh/6"]));
    assert_eq!(peer["network"]["link"], "rlpx");
}
