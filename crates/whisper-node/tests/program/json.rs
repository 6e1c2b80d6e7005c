//! `--json`: what a script reads of each command.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::running::{PROGRAM, Running};

/// The values that a command prints, one a line.
fn values(words: &[&str]) -> Vec<Value> {
    let mut command = Command::new(PROGRAM);
    command.args(words).arg("--json").env("WHISPER_KEY_PASSWORD", "swordfish");
    let output = command.env("WHISPER_PASSWORD", "swordfish").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.is_empty(), "{words:?} prints nothing");
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{words:?}: {line}: {error}"))
    };
    text.lines().map(parse).collect()
}

/// The one value that a command prints.
fn value(words: &[&str]) -> Value {
    let mut values = values(words);
    assert_eq!(values.len(), 1, "{words:?}: {values:?}");
    values.remove(0)
}

/// The words of `discover` with these arguments, in a network.
fn discover<'a>(network: &[&'a str], words: &[&'a str]) -> Vec<&'a str> {
    [&["discover"], words, network].concat()
}

/// The value has these fields, and perhaps more.
fn assert_has(value: &Value, fields: &Value) {
    for (name, expected) in fields.as_object().unwrap() {
        assert_eq!(value.get(name), Some(expected), "{name} in {value}");
    }
}

#[test]
fn offline_commands_print_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();

    assert_eq!(value(&["rlp", "dump", "c70583736868c180"]), json!(["0x05", "0x736868", ["0x"]]));
    assert_eq!(value(&["rlp", "parse", "[5]"]), json!({ "rlp": "0xc105" }));

    let seal = ["envelope", "seal", "--text", "hi", "--topic", "0x6e657773", "--pow-target", "0"];
    let sealed = value(&seal);
    let envelope = sealed["envelope"].as_str().unwrap();
    let inspected = value(&["envelope", "inspect", envelope]);
    let fields = json!({ "hash": sealed["hash"], "dialect": 6, "topic": "0x6e657773", "ttl": 50 });
    assert_has(&inspected, &fields);
    assert!(inspected["work"]["eip-627"].is_f64(), "{inspected}");
    let opened = value(&["envelope", "open", envelope]);
    assert_has(&opened, &json!({ "payload": "0x6869", "text": "hi", "signer": null }));

    let key = value(&["key", "new", &path("key"), "--lightkdf"]);
    let inspected = value(&["key", "inspect", &path("key")]);
    assert_has(&inspected, &key);
    assert_eq!(inspected["encryption"], "scrypt, N=4096, r=8, p=6");
    let signed = value(&["key", "sign", &path("key"), "--text", "hi"]);
    let signature = signed["signature"].as_str().unwrap();
    let signer = value(&["key", "verify", "-", signature, "--text", "hi"]);
    assert_has(&signer, &json!({ "address": key["address"], "publicKey": key["publicKey"] }));
    fs::write(path("raw"), "11".repeat(32)).unwrap();
    let imported = value(&["key", "import", &path("raw"), &path("imported"), "--lightkdf"]);
    assert_eq!(imported["nodeId"].as_str().unwrap().len(), 128);

    let added = value(&["team", "add", "red", "--teams", &path("teams.toml")]);
    assert_has(&added, &json!({ "team": "red", "expires": null }));
    let token = value(&["team", "token", "red", "--teams", &path("teams.toml"), "--days", "1"]);
    assert!(token["expires"].is_u64() && token["token"] != added["token"], "{token}");

    fs::write(path("audit"), "").unwrap();
    assert_has(&value(&["audit", "verify", &path("audit")]), &json!({ "lines": 0 }));
    let measured = value(&["pow", "bench"]);
    assert!(measured["kernels"][0]["hashesPerSecond"].as_f64().unwrap() > 0.0, "{measured}");
    assert!(measured["example"]["millis"].is_f64(), "{measured}");
}

#[test]
fn the_configuration_and_backups_are_printed_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir(path("data")).unwrap();
    fs::write(path("data/whisper-node.toml"), "port = 7\nproxy = \"socks5://a:b@[::1]:1\"\n")
        .unwrap();
    let shown = value(&["config", "show", "--datadir", &path("data"), "--maxpeers", "9"]);
    let setting = |key: &str| {
        let all = shown.as_array().unwrap();
        all.iter().find(|setting| setting["key"] == key).unwrap().clone()
    };
    let file = format!("{}:1", path("data/whisper-node.toml"));
    assert_has(&setting("port"), &json!({ "value": "7", "source": file }));
    assert_has(&setting("maxpeers"), &json!({ "value": "9", "source": "the command line" }));
    assert_has(&setting("http.port"), &json!({ "value": "8545", "source": null }));
    assert_eq!(setting("proxy")["value"], Value::Null, "it may have a password");
    let checked = value(&["config", "check", "--datadir", &path("data")]);
    assert_has(&checked, &json!({ "fromFile": 2, "fromEnvironment": 0, "warnings": [] }));

    let made = value(&["backup", &path("copy"), "--datadir", &path("data")]);
    assert_has(&made, &json!({ "files": ["whisper-node.toml"], "to": path("copy") }));
    let restored = value(&["restore", &path("copy"), "--datadir", &path("back")]);
    assert_has(&restored, &json!({ "files": ["whisper-node.toml"], "to": path("back") }));
}

#[test]
fn discovery_prints_json() {
    let folder = tempfile::tempdir().unwrap();
    let datadir = folder.path().join("boot").display().to_string();
    let words = ["bootnode", "--addr", "127.0.0.1", "--port", "0", "--verbosity", "1"];
    let network = ["--networkid", "7"];
    let mut command = Command::new(PROGRAM);
    let mut boot = Running::start(command.args(words).args(network).args(["--datadir", &datadir]));
    let (enode, record) = (boot.value("enode"), boot.value("record"));

    let pongs = values(&discover(&network, &["ping", &enode]));
    assert_eq!((pongs.len(), &pongs[0]["number"]), (1, &json!(1)));
    assert!(pongs[0]["millis"].as_f64().unwrap() > 0.0);
    let resolved = value(&discover(&network, &["resolve", &enode]));
    assert_has(&resolved, &json!({ "record": record }));
    assert_eq!(resolved["entries"]["net"], "7", "{resolved}");
    let crawl = ["crawl", "--bootnodes", &enode, "--time", "20"];
    assert_eq!(values(&discover(&network, &crawl)), [json!({ "enode": enode })]);
    let records = [&crawl[..], &["--records"]].concat();
    assert_eq!(values(&discover(&network, &records)), [json!({ "record": record })]);
    let lookup = values(&discover(&network, &["lookup", "--bootnodes", &enode]));
    assert_eq!(lookup, [json!({ "enode": enode })]);

    let key = folder.path().join("key").display().to_string();
    fs::write(&key, "22".repeat(32)).unwrap();
    let sign = ["discover", "dns", "sign", &record, "--key", &key, "--domain", "n.example"];
    let list = value(&[&sign[..], &["--seq", "1"]].concat());
    assert!(list["link"].as_str().unwrap().starts_with("enrtree://"), "{list}");
    let texts = list["records"].as_array().unwrap();
    assert_has(&texts[0], &json!({ "label": "@", "ttl": 60 }));
    assert!(texts.iter().any(|it| it["text"] == json!(record)), "{list}");
}
