//! A node with teams: the file, its changes while the node runs, and what is wrong with it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use whisper_rpc::Token;

use crate::reload::call;
use crate::running::{Log, PROGRAM, Running};

const TOKEN: &str = "the-token-of-the-weather";

/// A node with this file of teams, in a data directory.
fn start(datadir: &Path, teams: &str) -> (Running, Log, String) {
    let file = datadir.join("teams.toml");
    fs::write(&file, teams).unwrap();
    let mut command = Command::new("setsid");
    command.arg(PROGRAM).arg("--datadir").arg(datadir).arg("--teams").arg(file);
    command.args(["--addr=127.0.0.1", "--port=0", "--nodiscover", "--http.port=0", "--ws=false"]);
    let (mut node, log) = Log::of(&mut command);
    node.value("enode");
    let address = node.value("HTTP").replace("http://", "");
    (node, log, address)
}

/// The status and the body of a call over HTTP with a token.
fn post(address: &str, token: &str, method: &str, params: &Value) -> (u16, String) {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn teams_are_read_again_and_changes_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let hash = Token::new(TOKEN).unwrap().hash();
    let text = format!("# ours\n[team.weather]\ntokens = [\"{hash}\"] # since May\n");
    let (node, log, address) = start(dir.path(), &text);
    let version = |token: &str| post(&address, token, "net_version", &json!([])).0;
    assert_eq!((version(TOKEN), version("no-token-of-anyone")), (200, 401));

    // What an administrator adds is in the file, and so it is there after a reload.
    let added = call(dir.path(), "admin_addTeam", &json!(["alarms"]))["result"].take();
    let alarms = added["token"].as_str().unwrap().to_owned();
    let file = dir.path().join("teams.toml");
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.starts_with(&text) && kept.contains("[team.alarms]"), "{kept}");
    assert!(!kept.contains(&alarms), "the token itself is not kept");
    let reload = || call(dir.path(), "admin_reload", &json!([]))["result"].take();
    assert_eq!(reload(), json!({ "applied": [], "needsRestart": [] }), "the node has it already");
    fs::write(&file, kept.replace("# ours", "[team.extra]")).unwrap();
    assert_eq!(reload(), json!({ "applied": ["teams"], "needsRestart": [] }));
    fs::write(&file, &kept).unwrap();
    assert_eq!((version(TOKEN), version(&alarms)), (200, 200));

    // A bad file changes nothing, and says where it is bad.
    fs::write(&file, "[team.weather]\ntokns = []\n").unwrap();
    let error = call(dir.path(), "admin_reload", &json!([]))["error"]["message"].to_string();
    assert!(
        error.contains("teams.toml:2: there is no setting tokns here; did you mean tokens?"),
        "{error}"
    );
    assert_eq!((version(TOKEN), version(&alarms)), (200, 200));

    // The token of one team is taken back.
    fs::write(&file, kept.replace(&hash.to_string(), &"00".repeat(32))).unwrap();
    call(dir.path(), "admin_reload", &json!([]));
    log.line(
        &["the configuration was read again", "teams"],
        Instant::now() + Duration::from_secs(30),
    );
    assert_eq!((version(TOKEN), version(&alarms)), (401, 200));
    assert!(node.signal("-TERM").1);
}

#[test]
fn a_command_makes_teams_and_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("teams.toml");
    let team = |words: &[&str]| {
        let output =
            Command::new(PROGRAM).arg("team").args(words).arg("--teams").arg(&file).output();
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    };
    let first = team(&["add", "weather"]).unwrap();
    let second = team(&["token", "weather", "--days", "30"]).unwrap();
    assert!(team(&["add", "weather"]).unwrap_err().contains("there is a team weather already"));
    assert!(team(&["token", "alarms"]).unwrap_err().contains("there is no team alarms"));
    assert!(team(&["add", "Alarms"]).is_err());
    let text = fs::read_to_string(&file).unwrap();
    for token in [&first, &second] {
        assert_eq!(token.len(), 64);
        let hash = Token::new(token.as_str()).unwrap().hash().to_string();
        assert!(text.contains(&hash) && !text.contains(token.as_str()), "{text}");
    }
    assert!(text.contains("expires = 20"), "{text}");
}

#[test]
fn a_bad_file_of_teams_is_told_before_the_node_starts() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("teams.toml");
    let check = || {
        let output = Command::new(PROGRAM).args(["config", "check", "--teams"]).arg(&file).output();
        String::from_utf8(output.unwrap().stderr).unwrap()
    };
    assert!(check().contains("cannot read the file of the teams"), "{}", check());
    fs::write(&file, "ipc = \"weather\"\n[team.alarms]\nmethods = [\"shh_psot\"]\n").unwrap();
    let error = check();
    assert!(error.contains("teams.toml:1: ipc: there is no team weather"), "{error}");
    assert!(
        error.contains(
            "teams.toml:3: team.alarms.methods: there is no method or namespace shh_psot"
        ),
        "{error}"
    );
    fs::write(&file, "[team.alarms]\n").unwrap();
    assert_eq!(check(), "");
}
