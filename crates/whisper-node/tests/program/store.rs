//! A node that keeps what its applications have: restarts, kills, changes of the passphrase, damage, and what is on the disk.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::reload::call;
use crate::running::{Log, PROGRAM, Running};

const PASSPHRASE: &str = "correct horse battery staple";

/// A data directory, and the file of the passphrase.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        place.set_passphrase(PASSPHRASE);
        place
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn passphrase(&self) -> PathBuf {
        self.dir.path().join("passphrase")
    }

    fn set_passphrase(&self, text: &str) {
        fs::write(self.passphrase(), format!("{text}\n")).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["--addr", "127.0.0.1", "--port", "0", "--http=false", "--ws=false"]);
        command.args(["--nodiscover", "--store", "--shh.pow", "0", "--datadir"]).arg(self.data());
        command.arg("--store.passphrase-file").arg(self.passphrase());
        // A group of its own, so that a hangup is only for it.
        command.process_group(0);
        command
    }

    fn start(&self) -> (Running, Log) {
        Self::run(&mut self.command())
    }

    fn run(command: &mut Command) -> (Running, Log) {
        let (mut node, log) = Log::of(command);
        node.value("enode");
        (node, log)
    }

    /// The error with which a node ends that cannot start.
    fn refused(&self) -> String {
        let output = self.command().stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    fn call(&self, method: &str, params: &Value) -> Value {
        call(&self.data(), method, params)["result"].take()
    }

    /// The payloads that a method about a filter returns.
    fn payloads(&self, method: &str, filter: &Value) -> Vec<String> {
        let messages = self.call(method, &json!([filter]));
        let payload = |message: &Value| message["payload"].as_str().unwrap().to_owned();
        messages.as_array().unwrap_or_else(|| panic!("{messages}")).iter().map(payload).collect()
    }

    /// Posts a message, and waits until this filter has it. Returns what the filter has.
    fn post(&self, key: &Value, payload: &str, filter: &Value) -> Vec<String> {
        let message = json!({
            "symKeyID": key, "topic": "0x63686174", "payload": payload, "powTime": 5, "ttl": 600,
        });
        assert!(self.call("shh_post", &json!([message])).is_string());
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let waiting = self.payloads("shh_getUnacknowledged", filter);
            if waiting.iter().any(|waiting| waiting == payload) {
                return waiting;
            }
            assert!(Instant::now() < deadline, "{payload} is not in {waiting:?}");
        }
    }

    fn filter(&self, key: &Value, acknowledge: bool) -> Value {
        let criteria =
            json!({ "symKeyID": key, "topics": ["0x63686174"], "acknowledge": acknowledge });
        self.call("shh_newMessageFilter", &json!([criteria]))
    }

    fn hashes(&self, filter: &Value) -> Vec<Value> {
        let messages = self.call("shh_getUnacknowledged", &json!([filter]));
        messages.as_array().unwrap().iter().map(|message| message["hash"].clone()).collect()
    }
}

/// All files below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    all.collect()
}

#[test]
fn an_application_that_comes_back_finds_what_it_had() {
    let place = Place::new();
    let (node, _log) = place.start();
    let key = place.call("shh_newSymKey", &json!([]));
    let pair = place.call("shh_newKeyPair", &json!([]));
    let gone = place.call("shh_newSymKey", &json!([]));
    assert_eq!(place.call("shh_deleteSymKey", &json!([gone])), true);
    let (filter, plain) = (place.filter(&key, true), place.filter(&key, false));
    place.post(&key, "0x01", &filter);
    assert_eq!(place.payloads("shh_getFilterMessages", &plain), ["0x01"]);
    place.post(&key, "0x02", &filter);
    let hashes = place.hashes(&filter);
    assert_eq!(place.call("shh_ack", &json!([filter, [hashes[0]]])), 1);
    let refused = call(&place.data(), "shh_ack", &json!([plain, []]))["error"]["message"].take();
    assert!(refused.as_str().unwrap().contains("are not acknowledged"), "{refused}");

    node.send("-KILL");
    drop(node);
    let (node, _log) = place.start();
    assert_eq!(place.call("shh_hasSymKey", &json!([key])), true);
    assert_eq!(place.call("shh_hasKeyPair", &json!([pair])), true);
    assert_eq!(place.call("shh_hasSymKey", &json!([gone])), false);
    // What was fetched does not come again, unless it is asked for and was not acknowledged.
    assert_eq!(place.payloads("shh_getFilterMessages", &filter), [""; 0]);
    assert_eq!(place.payloads("shh_getUnacknowledged", &filter), ["0x02"]);
    assert_eq!(place.payloads("shh_getFilterMessages", &plain), ["0x02"], "it was not fetched");
    assert_eq!(place.post(&key, "0x03", &filter), ["0x02", "0x03"], "it goes on");
    assert!(node.signal("-TERM").1);
    let (node, _log) = place.start();
    assert_eq!(place.payloads("shh_getFilterMessages", &plain), ["0x03"]);
    assert_eq!(place.payloads("shh_getUnacknowledged", &filter), ["0x02", "0x03"]);
    assert!(node.signal("-TERM").1);
}

/// The payloads that an archive has after the cursor of a name, and the cursor after them, when there is at least one.
fn read_named(place: &Place, key: &Value) -> (Vec<String>, Value) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let named = json!({ "symKeyID": key, "topics": ["0x63686174"], "cursor": "name:reader" });
        let mut part = place.call("history_query", &json!([named]));
        let messages = part["messages"].as_array().into_iter().flatten();
        let payloads: Vec<_> = messages.map(|found| found["payload"].to_string()).collect();
        if !payloads.is_empty() {
            return (payloads, part["cursor"].take());
        }
        assert!(Instant::now() < deadline, "the archive has nothing: {part}");
    }
}

#[test]
fn a_reader_of_the_archive_goes_on_where_it_was_acknowledged() {
    let place = Place::new();
    let archive = place.dir.path().join("archive");
    let (node, _log) = Place::run(place.command().arg("--archive").arg(&archive));
    let key = place.call("shh_newSymKey", &json!([]));
    let filter = place.filter(&key, true);
    place.post(&key, "0x01", &filter);
    let (payloads, cursor) = read_named(&place, &key);
    assert_eq!(payloads, ["\"0x01\""]);
    assert_eq!(place.call("history_ack", &json!(["reader", cursor])), true);
    place.post(&key, "0x02", &filter);
    assert_eq!(read_named(&place, &key).0, ["\"0x02\""]);

    node.send("-KILL");
    drop(node);
    let (node, _log) = Place::run(place.command().arg("--archive").arg(&archive));
    assert_eq!(place.call("history_cursors", &json!([])), json!(["reader"]));
    assert_eq!(read_named(&place, &key).0, ["\"0x02\""], "it was not acknowledged");
    assert!(node.signal("-TERM").1);
}

#[test]
fn no_secret_is_on_the_disk_or_in_the_log() {
    let place = Place::new();
    let (node, log) = place.start();
    let secret = "5ec4e7".repeat(11)[..64].to_owned();
    let key = place.call("shh_addSymKey", &json!([format!("0x{secret}")]));
    let private = "0123456789abcdef".repeat(4);
    let pair = place.call("shh_addPrivateKey", &json!([format!("0x{private}")]));
    let filter = place.filter(&key, true);
    let payload = hex::encode(b"the payload of a message that is secret");
    place.post(&key, &format!("0x{payload}"), &filter);
    let ids = [&key, &pair, &filter].map(|id| id.as_str().unwrap().to_owned());
    assert!(node.signal("-TERM").1);
    let hexes = [secret, private, payload].into_iter().chain(ids);
    let mut secrets: Vec<Vec<u8>> =
        hexes.flat_map(|text| [hex::decode(&text).unwrap(), text.into_bytes()]).collect();
    secrets.push(PASSPHRASE.as_bytes().to_vec());
    let found = files(&place.data());
    assert!(found.iter().any(|path| path.ends_with("state")), "{found:?}");
    for path in found {
        let content = fs::read(&path).unwrap();
        for secret in &secrets {
            let shown = String::from_utf8_lossy(secret);
            let is_there = content.windows(secret.len()).any(|window| window == secret);
            assert!(!is_there, "{shown} is in {}", path.display());
        }
    }
    for secret in &secrets {
        let text = String::from_utf8_lossy(secret);
        assert_eq!(log.count(&text), 0, "{text} is in the log");
    }
}

#[test]
fn the_passphrase_changes_while_the_node_runs() {
    let place = Place::new();
    let (node, _log) = place.start();
    let key = place.call("shh_newSymKey", &json!([]));
    place.set_passphrase("another passphrase");

    // What cannot be applied as a whole changes nothing: the port of the metrics is taken.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = place.data().join("whisper-node.toml");
    let port = taken.local_addr().unwrap().port();
    fs::write(&config, format!("[metrics]\nenabled = true\nport = {port}\n")).unwrap();
    let error = call(&place.data(), "admin_reload", &json!([]))["error"]["message"].to_string();
    assert!(error.contains("nothing was changed: "), "{error}");
    fs::remove_file(&config).unwrap();

    // The passphrase was put back with the rest, so it is changed now.
    let report = place.call("admin_reload", &json!([]));
    assert_eq!(report, json!({ "applied": ["store"], "needsRestart": [] }));
    let later = place.call("shh_newSymKey", &json!([]));
    assert!(node.signal("-TERM").1);

    place.set_passphrase(PASSPHRASE);
    let error = place.refused();
    assert!(error.contains("the passphrase does not open the store"), "{error}");
    assert!(error.contains("--store.passphrase-file"), "{error}");
    place.set_passphrase("another passphrase");
    let (node, _log) = place.start();
    for key in [key, later] {
        assert_eq!(place.call("shh_hasSymKey", &json!([key])), true);
    }
    assert!(node.signal("-TERM").1);
}

#[test]
fn the_passphrase_changes_while_the_node_is_stopped() {
    let place = Place::new();
    let (node, _log) = place.start();
    let key = place.call("shh_newSymKey", &json!([]));
    assert!(node.signal("-TERM").1);
    let new = place.dir.path().join("new");
    fs::write(&new, "another passphrase\n").unwrap();
    let secret = |path: &Path| format!("file:{}", path.display());
    let change = |old: &Path| {
        let mut command = Command::new(PROGRAM);
        command.args([
            "store",
            "passwd",
            "--passphrase",
            &secret(old),
            "--new-passphrase",
            &secret(&new),
        ]);
        command.arg("--datadir").arg(place.data()).output().unwrap()
    };
    let wrong = change(&new);
    let error = String::from_utf8(wrong.stderr).unwrap();
    assert!(error.contains("the passphrase does not open the store"), "{error}");
    let changed = change(&place.passphrase());
    assert!(changed.status.success(), "{changed:?}");
    assert!(place.refused().contains("the passphrase does not open the store"));
    place.set_passphrase("another passphrase");
    let (node, _log) = place.start();
    assert_eq!(place.call("shh_hasSymKey", &json!([key])), true);
    assert!(node.signal("-TERM").1);
}

#[test]
fn the_node_key_is_in_the_store() {
    let place = Place::new();
    let id = |extra: &[&str]| {
        let (node, log) = Place::run(place.command().args(extra));
        let id = place.call("admin_nodeInfo", &json!([]))["id"].take();
        assert!(node.signal("-TERM").1);
        (id, log)
    };
    let (first, _) = id(&[]);
    let file = place.data().join("nodekey");
    let secret = fs::read_to_string(&file).unwrap();
    let (imported, log) = id(&["--store.nodekey"]);
    assert_eq!((&imported, log.count("delete the file")), (&first, 1));
    fs::remove_file(&file).unwrap();
    assert_eq!(id(&["--store.nodekey"]).0, first);
    assert!(!file.exists(), "no key is made");
    for path in files(&place.data()) {
        let content = fs::read(&path).unwrap();
        for secret in [hex::decode(secret.trim()).unwrap(), secret.trim().as_bytes().to_vec()] {
            let is_there = content.windows(secret.len()).any(|window| window == secret);
            assert!(!is_there, "the node key is in {}", path.display());
        }
    }
    fs::write(&file, "07".repeat(32)).unwrap();
    let refused = place.command().arg("--store.nodekey").stdin(Stdio::null()).output().unwrap();
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("the store has the node key of "), "{error}");
}

#[test]
fn a_damaged_store_is_not_moved_aside_and_a_backup_is_put_back() {
    let place = Place::new();
    let (node, _log) = place.start();
    let key = place.call("shh_newSymKey", &json!([]));
    assert!(node.signal("-TERM").1);
    let copy = place.dir.path().join("copy");
    let tool = |words: &[&Path]| {
        let output = Command::new(PROGRAM).args(words).arg("--datadir").arg(place.data()).output();
        assert!(output.unwrap().status.success(), "{words:?}");
    };
    tool(&[Path::new("backup"), &copy]);

    let state = place.data().join("state");
    fs::write(&state, vec![0xa5; 10_000]).unwrap();
    let error = place.refused();
    assert!(error.contains("is damaged: restore a backup"), "{error}");
    assert!(error.contains("whisper-node restore"), "{error}");
    assert_eq!(fs::read(&state).unwrap(), vec![0xa5; 10_000], "it stays as it is");

    fs::rename(place.data(), place.dir.path().join("damaged")).unwrap();
    tool(&[Path::new("restore"), &copy]);
    let (node, _log) = place.start();
    assert_eq!(place.call("shh_hasSymKey", &json!([key])), true);
    assert!(node.signal("-TERM").1);
}

/// As the node leaves it when it finds damage in the store while it runs.
#[test]
fn a_store_in_which_damage_was_found_is_refused_until_it_is_a_whole_one() {
    let place = Place::new();
    let (node, _log) = place.start();
    let key = place.call("shh_newSymKey", &json!([]));
    assert!(node.signal("-TERM").1);
    let (state, mark) = (place.data().join("state"), place.data().join("state.damaged"));
    let whole = fs::read(&state).unwrap();
    fs::write(&mark, "page 9").unwrap();
    let error = place.refused();
    for text in ["is damaged: restore a backup", "page 9", "whisper-node restore"] {
        assert!(error.contains(text), "{text}: {error}");
    }
    assert!(error.contains(&format!("delete {}", mark.display())), "{error}");
    assert_eq!(fs::read(&state).unwrap(), whole, "it stays as it is");
    fs::remove_file(mark).unwrap();
    let (node, _log) = place.start();
    assert_eq!(place.call("shh_hasSymKey", &json!([key])), true);
    assert!(node.signal("-TERM").1);
}

#[test]
fn a_store_needs_a_secret() {
    let place = Place::new();
    place.set_passphrase("");
    assert!(place.refused().contains("--store.passphrase-file"), "{}", place.refused());
    let key = place.dir.path().join("key");
    fs::write(&key, "not a key").unwrap();
    let run = |command: &mut Command| {
        command.args(["--store", "--datadir"]).arg(place.data()).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let error = run(Command::new(PROGRAM).arg("--store.key-file").arg(&key));
    assert!(error.contains("64 hexadecimal digits"), "{error}");
    let error = run(Command::new(PROGRAM).env_remove("WHISPER_STORE_PASSPHRASE"));
    assert!(error.contains("WHISPER_STORE_PASSPHRASE"), "{error}");
}
