//! The commands that need no network: `rlp`, `rpc` and `envelope`.
//!
//! `vectors/envelopes.json` contains envelopes made by go-ethereum 1.8.27 and 1.9.6: three of the test vectors of
//! `whisper-envelope`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs the program with `input` on its standard input.
fn run(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_whisper-node"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The error is ignored: a program that does not read its input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// What the program prints when it succeeds.
fn printed(args: &[&str], input: &str) -> String {
    let Output { status, stdout, stderr } = run(args, input);
    assert!(status.success(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
    assert!(stderr.is_empty());
    String::from_utf8(stdout).unwrap().trim_end_matches('\n').to_owned()
}

/// The one line of the error when it fails.
fn failure(args: &[&str], input: &str) -> String {
    let Output { status, stdout, stderr } = run(args, input);
    assert!(!status.success() && stdout.is_empty(), "{args:?}: {stdout:?}");
    let error = String::from_utf8(stderr).unwrap();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn rlp_is_converted_in_both_directions() {
    let hex = "0xcd0578c6c58373686806827 65f80".replace(' ', "");
    let text = "[\n  0x05,\n  0x78,\n  [\n    [\n      \"shh\",\n      0x06,\n    ],\n  ],\n  0x765f,\n  0x,\n]";
    assert_eq!(printed(&["rlp", "dump", &hex], ""), text);
    assert_eq!(printed(&["rlp", "parse", text], ""), hex);
    // From standard input, without a prefix, with white space.
    assert_eq!(printed(&["rlp", "dump"], &format!("{} \n{}\n", &hex[2..11], &hex[11..])), text);
    let written = r#"[5, "x", [["shh", 6]], 30303, 0x]"#;
    assert_eq!(printed(&["rlp", "parse", "-"], written), hex);
}

#[test]
fn the_openrpc_document_is_printed() {
    let document: Value = serde_json::from_str(&printed(&["rpc", "discover"], "")).unwrap();
    let names = |document: &Value| -> Vec<String> {
        let methods = document["methods"].as_array().unwrap().iter();
        methods.map(|method| method["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(names(&document).contains(&"shh_post".to_owned()));
    let some: Value =
        serde_json::from_str(&printed(&["rpc", "discover", "--api", "net,web3"], "")).unwrap();
    assert!(names(&some).iter().all(|name| !name.starts_with("shh_")));
}

#[test]
fn invalid_rlp_is_an_error_that_names_the_byte() {
    for (args, word) in [
        (&["rlp", "dump", "c3c28105"][..], "single byte with an unnecessary header at byte 2"),
        (&["rlp", "dump", "c30"], "not hexadecimal"),
        (&["rlp", "dump", "0xzz"], "not hexadecimal"),
        (&["rlp", "dump", ""], "at byte 0"),
        (&["rlp", "parse", "[1, 02]"], "leading zero at byte 4"),
        (&["rlp", "parse", "[1"], "without its end at byte 2"),
    ] {
        let error = failure(args, "");
        assert!(error.contains(word), "{args:?}: {error}");
    }
    assert!(printed(&["rlp", "--help"], "").contains("dump"));
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../vectors/envelopes.json")).unwrap()
}

/// The value that a printed page gives to `name`.
fn value<'a>(page: &'a str, name: &str) -> &'a str {
    let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name}  ")));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).trim()
}

fn text(vector: &Value, name: &str) -> String {
    vector[name].as_str().unwrap().to_owned()
}

#[test]
fn envelopes_of_go_ethereum_are_inspected() {
    for vector in vectors() {
        let page = printed(&["envelope", "inspect"], &text(&vector, "rlp"));
        let is = |name: &str, wanted: String| assert_eq!(value(&page, name), wanted, "{page}");
        is("dialect", format!("shh/{}", vector["dialect"]));
        is("hash", format!("0x{}", text(&vector, "hash")));
        is("expiry", vector["expiry"].to_string());
        is("ttl", format!("{} s", vector["ttl"]));
        is("sent", "1700000000".to_owned());
        is("topic", format!("0x{}", text(&vector, "topic")));
        is("nonce", text(&vector, "nonce"));
        is("size, geth", format!("{} bytes", vector["size"]));
        is("size, RLP", format!("{} bytes", text(&vector, "rlp").len() / 2));
        let work: f64 = value(&page, &format!("work, {}", text(&vector, "rule"))).parse().unwrap();
        assert_eq!(work.to_bits(), vector["pow"].as_f64().unwrap().to_bits());
        for rule in ["geth-1.8", "eip-627", "parity", "nim"] {
            assert!(value(&page, &format!("work, {rule}")).parse::<f64>().is_ok());
        }
        // In the bloom of go-ethereum 1.8, a byte has only the bit that was set last.
        if let Some(bloom) = vector["bloom"].as_str() {
            is("bloom, geth", format!("0x{bloom}"));
        }
        assert_eq!(value(&page, "bloom").len(), 2 + 128);
        if vector["dialect"] == 5 {
            assert!(page.contains("AES nonce") && page.contains("version"));
        }
    }
}

#[test]
fn an_envelope_opens_with_its_key_only() {
    for vector in vectors() {
        let envelope = text(&vector, "rlp");
        let (flag, key) = match vector["sym_key"].as_str() {
            Some(key) => ("--sym-key", key),
            None => ("--key", vector["dst_private"].as_str().unwrap()),
        };
        let page = printed(&["envelope", "open", &envelope, flag, key], "");
        assert_eq!(value(&page, "payload"), format!("0x{}", text(&vector, "payload")));
        assert_eq!(value(&page, "signer"), format!("0x{}", text(&vector, "src_public")));

        let other = "11".repeat(32);
        let error = failure(&["envelope", "open", &envelope, flag, &other], "");
        assert!(error.contains("cannot open the envelope: wrong key"), "{error}");
    }
}

const TOPIC: [&str; 2] = ["--topic", "0x5a4ea131"];

#[test]
fn a_sealed_envelope_opens_and_has_the_work() {
    let key = "42".repeat(32);
    let signer = "07".repeat(32);
    for (dialect, rule) in [("5", "geth-1.8"), ("6", "eip-627"), ("6", "geth-1.8")] {
        let mut args = vec!["envelope", "seal", "--dialect", dialect, "--rule", rule];
        args.extend(["--sym-key", &key, "--text", "good news", "--sign", &signer, "--ttl", "7"]);
        args.extend(["--pow-target", "0.05", "--pow-time", "60", "--sent", "1700000000"]);
        args.extend(TOPIC);
        let envelope = printed(&args, "");

        let page = printed(&["envelope", "inspect", &envelope], "");
        assert_eq!(value(&page, "dialect"), format!("shh/{dialect}"));
        assert_eq!((value(&page, "ttl"), value(&page, "expiry")), ("7 s", "1700000007"));
        assert_eq!(value(&page, "topic"), TOPIC[1]);
        assert!(value(&page, &format!("work, {rule}")).parse::<f64>().unwrap() >= 0.05);

        let page = printed(&["envelope", "open", "--sym-key", &key], &envelope);
        assert_eq!(value(&page, "text"), "good news");
        assert!(value(&page, "signer").starts_with("0x04"));
    }
}

#[test]
fn every_kind_of_key_and_padding_works() {
    let page = |seal: &[&str], open: &[&str]| {
        let seal = [&["envelope", "seal", "--pow-time", "0.05"], seal].concat();
        printed(&[&["envelope", "open", "-"], open].concat(), &printed(&seal, ""))
    };
    let secret = p2p_identity::SecretKey::from_bytes(&[9; 32]).unwrap();
    let (secret_hex, public) = ("09".repeat(32), secret.id().to_string());
    let opened = page(&["--pub-key", &public, "--payload", "0x00ff"], &["--key", &secret_hex]);
    assert_eq!((value(&opened, "payload"), value(&opened, "signer")), ("0x00ff", "none"));
    let with_prefix = format!("0x04{public}");
    let opened = page(&["--pub-key", &with_prefix, "--padding", "abcd"], &["--key", &secret_hex]);
    assert_eq!((value(&opened, "payload"), value(&opened, "padding")), ("0x", "0xabcd"));

    let password = ["--password", "correct horse"];
    let opened = page(&[&password[..], &["--text", "a\u{1b}[2J"]].concat(), &password);
    assert_eq!(value(&opened, "payload"), "0x611b5b324a");
    assert!(!opened.contains("text "), "control characters are not printed");
}

#[test]
fn errors_of_the_envelope_commands_name_the_mistake() {
    let key = "42".repeat(32);
    let zeros = "00".repeat(32);
    let id = "11".repeat(64);
    for (args, word) in [
        (&["inspect", "c0"][..], "not an envelope"),
        (&["inspect", "--dialect", "5", "c0"], "not an envelope"),
        (&["open", "c0", "--sym-key", &key], "not an envelope"),
        (&["open", "c0"], "not an envelope"),
        (&["seal"], "no terminal to ask"),
        (&["seal", "--sym-key", "42"], "--sym-key"),
        (&["seal", "--pub-key", "42"], "--pub-key"),
        (&["seal", "--pub-key", &id], "curve"),
        (&["seal", "--sym-key", &key, "--sign", &zeros], "zero"),
        (&["seal", "--sym-key", &key, "--payload", "x"], "not hexadecimal"),
        (&["seal", "--sym-key", &key, "--ttl", "0"], "time to live of 0"),
        (&["seal", "--sym-key", &key, "--pow-target=-1"], "--pow-target"),
        (&["seal", "--sym-key", &key, "--pow-time=-1"], "--pow-time"),
        (&["seal", "--sym-key", &key, "--pow-target", "1e30", "--pow-time", "0.01"], "out of time"),
    ] {
        let error = failure(&[&["envelope"], args].concat(), "");
        assert!(error.contains(word), "{args:?}: {error}");
    }
    // A command line that cannot be parsed is refused, with a hint.
    for args in [
        &["open", "c0", "--key", &key, "--password", "x"][..],
        &["seal", "--sym-key", &key, "--topic", "0x12"],
        &["seal", "--sym-key", &key, "--text", "a", "--payload", "61"],
    ] {
        let output = run(&[&["envelope"], args].concat(), "");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("--help"));
    }
}
