//! A private network: its files, a trial on this machine, and its state.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::running::{Log, PROGRAM, Running};

fn network(dir: &Path, words: &[&str]) -> Result<String, String> {
    let mut command = Command::new(PROGRAM);
    let Output { status, stdout, stderr } =
        command.current_dir(dir).arg("network").args(words).output().unwrap();
    match status.success() {
        true => Ok(String::from_utf8(stdout).unwrap()),
        false => Err(String::from_utf8(stderr).unwrap()),
    }
}

/// Gives every node of the network ports that are free.
fn use_free_ports(dir: &Path) {
    let file = dir.join("network.toml");
    let text = fs::read_to_string(&file).unwrap();
    let mut held = Vec::new();
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some((name @ ("peers" | "http" | "ws" | "metrics"), _)) => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            held.push(listener);
            format!("{name} = {port}\n")
        }
        _ => format!("{line}\n"),
    });
    let text: String = lines.collect();
    assert!(!held.is_empty());
    fs::write(file, text).unwrap();
}

#[test]
fn a_network_runs_on_one_machine_and_its_state_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let made = network(dir.path(), &["init", "acme", "--nodes", "3"]).unwrap();
    assert!(made.contains("network up ./acme"), "{made}");
    let again = network(dir.path(), &["init", "acme"]).unwrap_err();
    assert!(again.contains("cannot use ./acme: File exists"), "keys are not overwritten: {again}");
    let acme = dir.path().join("acme");
    use_free_ports(&acme);
    let state = |json: bool| {
        let more: &[&str] = if json { &["--json"] } else { &[] };
        network(dir.path(), &[&["status", "acme"], more].concat()).unwrap()
    };
    assert!(state(false).contains("no node answers at acme/node1/whisper-node.ipc"));

    let mut command = Command::new(PROGRAM);
    let mut up = Running::start(command.current_dir(dir.path()).args(["network", "up", "acme"]));
    for name in ["node1", "node2", "node3", "network"] {
        up.value(name);
    }
    let lines: Value = serde_json::from_str(&state(true)).unwrap();
    for line in lines.as_array().unwrap() {
        let (peers, version) = (&line["state"]["peers"], line["state"]["version"].as_str());
        assert!(
            peers.as_u64() >= Some(1) && version.unwrap().starts_with("WhisperNode/node"),
            "{line}"
        );
    }
    a_message_passes(&acme);
    let (_, success) = up.signal("-INT");
    assert!(success);
    assert!(state(false).contains("no node answers"));
}

#[test]
fn a_script_reads_a_network_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let made = parse(&network(dir.path(), &["init", "solo", "--nodes", "1", "--json"]).unwrap());
    let node = &made["nodes"][0];
    assert_eq!((&made["name"], &made["dir"]), (&Value::from("solo"), &Value::from("./solo")));
    assert_eq!((&node["name"], node["id"].as_str().unwrap().len()), (&Value::from("node1"), 128));
    use_free_ports(&dir.path().join("solo"));
    let mut command = Command::new(PROGRAM);
    let words = ["network", "up", "solo", "--json"];
    let mut up = Running::start(command.current_dir(dir.path()).args(words));
    let running = parse(&up.value(""));
    assert_eq!((&running["id"], &running["nodes"][0]["id"]), (&made["id"], &node["id"]));
    assert!(running["millis"].as_f64() > Some(0.0), "{running}");
    let state = parse(&network(dir.path(), &["status", "solo", "--json"]).unwrap());
    assert_eq!(state[0]["state"]["peers"], 0, "{state}");
    let (rest, success) = up.signal("-INT");
    assert!(success && rest.is_empty(), "{rest}");
}

/// Two clients at two nodes of the network exchange a message.
fn a_message_passes(acme: &Path) {
    let client = |words: &[&str], node: &str| {
        let mut command = Command::new(PROGRAM);
        command.args(words).args(["--topic", "news", "--datadir"]).arg(acme.join(node));
        command.env("WHISPER_PASSWORD", "swordfish");
        command
    };
    let mut listen = client(&["listen", "--count", "1"], "node3");
    let (mut listening, log) = Log::of(&mut listen);
    log.line(&["listening"], Instant::now() + Duration::from_secs(30));
    let sent = client(&["send", "hello, acme"], "node1").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&sent.stdout), String::from_utf8_lossy(&sent.stderr));
    assert!(sent.status.success() && out.contains("\"state\":\"delivered\""), "{out}{err}");
    let line: Value = serde_json::from_str(&listening.value("")).unwrap();
    assert_eq!(line["text"], "hello, acme");
    let sent: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(line["hash"], sent["hash"]);
    the_message_is_traced(acme, sent["hash"].as_str().unwrap());

    let unknown = client(&["send", "x"], "node9").output().unwrap();
    assert!(!unknown.status.success() && unknown.stdout.is_empty());
    let no_password = client(&["send", "x"], "node1").env_remove("WHISPER_PASSWORD").output();
    let error = no_password.unwrap().stderr;
    assert!(String::from_utf8_lossy(&error).contains("no password: give --password-file"));
}

/// The nodes of a private network say where it is.
fn the_message_is_traced(acme: &Path, hash: &str) {
    let trace = |hash: &str, more: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(["trace", hash, "--datadir"]).arg(acme.join("node2")).args(more);
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.success(), text(stdout), text(stderr))
    };
    // A busy machine may not answer within the time of a trace, which then says so.
    let mut traces = (0..20).map(|_| trace(hash, &[]));
    let whole = traces.find(|(_, text, _)| !text.contains("others did not answer"));
    let (success, text, error) = whole.expect("all nodes answer in time once");
    assert!(success && text.contains("posted here") && text.contains("└─ "), "{text}{error}");
    assert!(text.ends_with("3 nodes answered: all that could be asked\n"), "{text}");
    let (_, json, _) = trace(hash, &["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let nodes = json["nodes"].as_array().unwrap();
    assert_eq!((nodes.len(), &nodes[0]["depth"]), (3, &Value::from(0)));
    assert!(nodes[1..].iter().all(|node| node["state"] == "pooled" && node["parent"].is_u64()));
    let (success, text, error) = trace(&"5a".repeat(32), &[]);
    assert!(!success && text.contains("Nodes that do not have it"), "{text}");
    assert!(error.contains("none of the 3 nodes that answered has the envelope"), "{error}");
}

#[test]
fn every_machine_gets_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = "10.0.0.1, node2.example.org,fd00::3";
    network(dir.path(), &["init", "acme", "--nodes", "3", "--hosts", hosts]).unwrap();
    let acme = dir.path().join("acme");
    let read = |file: &str| fs::read_to_string(acme.join(file)).unwrap();
    let first = read("node1/whisper-node.toml");
    assert!(first.contains("@node2.example.org:30303") && first.contains("@[fd00::3]:30303"));
    for node in ["node1", "node2", "node3"] {
        let file = acme.join(node).join("whisper-node.toml");
        let mut command = Command::new(PROGRAM);
        let checked = command.args(["config", "check", "--config"]).arg(file).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        assert!(read("compose.yaml").contains(&format!("./{node}:/var/lib/whisper-node")));
    }
    assert!(read("whisper-node.service").contains("ExecReload=/bin/kill -HUP $MAINPID"));
    let checked = Command::new("sh").args(["-n"]).arg(acme.join("install.sh")).status().unwrap();
    assert!(checked.success());
    assert!(read("docker/Dockerfile").contains("COPY whisper-node"));
    assert!(acme.join("docker/whisper-node").exists());

    let few = network(dir.path(), &["init", "two", "--nodes", "2", "--hosts", "a"]).unwrap_err();
    assert!(few.contains("--hosts names 1 machines, and --nodes 2 nodes"), "{few}");
    for (hosts, why) in
        [("a:30303,b", "neither an IP address nor a name"), ("a,a", "is there twice")]
    {
        let bad = network(dir.path(), &["init", "two", "--nodes", "2", "--hosts", hosts]);
        assert!(bad.as_ref().unwrap_err().contains(why), "{bad:?}");
    }
    assert!(!dir.path().join("two").exists());
    assert!(network(dir.path(), &["init", "../x"]).is_err());
}
