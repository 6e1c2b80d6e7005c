//! The log of the program.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::running::{Log, PROGRAM};

#[test]
fn with_the_format_json_each_line_is_an_object() {
    let datadir = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("--datadir").arg(datadir.path()).args(["--addr", "127.0.0.1", "--port", "0"]);
    command.args(["--http=false", "--ws=false", "--nodiscover", "--verbosity", "0"]);
    // A node that does not answer: the failure to dial it is logged.
    let id = p2p_identity::SecretKey::from_bytes(&[7; 32]).unwrap().id();
    command.args(["--staticnodes", &format!("enode://{id}@127.0.0.1:1")]);
    command.args(["--log.format", "json", "--log.levels", "p2p_server=debug,whisper_node=debug"]);
    let (_node, log) = Log::of(&mut command);
    let line = log.line(&["\"target\":"], Instant::now() + Duration::from_secs(30));
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    for field in ["timestamp", "level", "message", "target"] {
        assert!(line[field].is_string(), "{field}: {line}");
    }
}
