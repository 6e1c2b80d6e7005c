//! `whisper-node file`: a file passes between two nodes, and what was received before is not sent again.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::running::{Log, PROGRAM, Running};

/// The size of a piece.
const PIECE: usize = 32 * 1024;

/// A node that needs no work, and its enode URL.
fn node(datadir: &Path, more: &[&str]) -> (Running, String) {
    let mut command = Command::new(PROGRAM);
    command.arg("--datadir").arg(datadir).args(["--addr", "127.0.0.1", "--port", "0"]);
    command.args([
        "--http=false",
        "--ws=false",
        "--nodiscover",
        "--shh.pow",
        "0",
        "--verbosity",
        "1",
    ]);
    let mut node = Running::start(command.args(more));
    let enode = node.value("enode");
    (node, enode)
}

fn file(words: &[&str], datadir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("file").args(words).args(["--topic", "files", "--pow", "0", "--datadir"]);
    command.arg(datadir).env("WHISPER_PASSWORD", "swordfish");
    command
}

fn json(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_file_passes_and_an_interrupted_transfer_goes_on() {
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (_one, enode) = node(dirs[0].path(), &[]);
    let (_other, _) = node(dirs[1].path(), &["--staticnodes", &enode]);
    let work = tempfile::tempdir().unwrap();
    // Not a multiple of the size of a piece, and no two pieces are equal.
    let mut content: Vec<u8> =
        (0..PIECE * 20 + 77).map(|at| (at / 251 * 7 + at).to_le_bytes()[0]).collect();
    let source = work.path().join("picture.png");
    for known in [0_usize, 12] {
        content[0] = known.to_le_bytes()[0];
        fs::write(&source, &content).unwrap();
        let target = work.path().join(format!("after{known}"));
        fs::create_dir(&target).unwrap();
        let hash = keccak_lanes::keccak256(&content);
        let part = target.join(format!("{}.part", hex::encode(&hash[..16])));
        // What an interrupted call has left: whole pieces, and a beginning of the next one.
        if known > 0 {
            fs::write(&part, &content[..PIECE * known + 9]).unwrap();
        }
        let mut receive = file(&["receive", target.to_str().unwrap()], dirs[1].path());
        let (mut receiving, log) = Log::of(&mut receive);
        log.line(&["waiting for a file"], Instant::now() + Duration::from_secs(30));
        let sent = file(&["send", source.to_str().unwrap()], dirs[0].path()).output().unwrap();
        let line: Value = serde_json::from_str(&receiving.value("")).unwrap();
        assert_eq!((&line["resumed"], &line["size"]), (&known.into(), &content.len().into()));
        assert_eq!(fs::read(target.join("picture.png")).unwrap(), content);
        assert!(!part.exists());
        let sent = json(&sent);
        assert_eq!((&sent["hash"], &sent["size"]), (&line["hash"], &line["size"]));
        let pieces = sent["sent"].as_u64().unwrap();
        assert!(pieces >= 21 - known as u64 && (known == 0 || pieces < 21), "{pieces} were sent");
    }
    // A file of this name is there, and stays.
    let target = work.path().join("after0");
    let mut receive = file(&["receive", target.to_str().unwrap()], dirs[1].path());
    let (_receiving, log) = Log::of(&mut receive);
    let send = Running::start(&mut file(&["send", source.to_str().unwrap()], dirs[0].path()));
    log.line(&["is there already"], Instant::now() + Duration::from_secs(30));
    send.send("-INT");
    let missing = file(&["send", "/nowhere/x"], dirs[0].path()).output().unwrap();
    assert!(!missing.status.success());
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot use /nowhere/x"));
}
