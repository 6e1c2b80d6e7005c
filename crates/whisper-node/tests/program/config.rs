//! The configuration file, the environment, and `whisper-node config`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::running::{PROGRAM, Running};

/// The program without the variables of the machine that runs the test.
fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WHISPER_NODE_")) {
        command.env_remove(name);
    }
    command
}

fn output(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } = command.output().unwrap();
    match status.success() {
        true => Ok(String::from_utf8(stdout).unwrap()),
        false => Err(String::from_utf8(stderr).unwrap()),
    }
}

/// Runs `config WHAT` with a file that contains the text.
fn with_file(what: &str, text: &str, more: &[&str]) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.toml");
    fs::write(&file, text).unwrap();
    let mut command = program();
    command.args(["config", what, "--config"]).arg(&file).args(more);
    output(&mut command).map_err(|error| error.replace(&*file.to_string_lossy(), "FILE"))
}

#[test]
fn a_flag_is_stronger_than_a_variable_and_a_variable_than_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("whisper-node.toml");
    fs::write(&file, "port = 1\nmaxpeers = 2\nidentity = \"file\"\n[http]\nenabled = false\n")
        .unwrap();
    let mut command = program();
    command.args(["config", "show", "--datadir"]).arg(dir.path());
    command.args(["--maxpeers", "4", "--http"]).env("WHISPER_NODE_IDENTITY", "variable");
    command.env("WHISPER_NODE_MAXPEERS", "3");
    let shown = output(&mut command).unwrap();
    for line in [
        &format!("port = 1 # {}:1", file.display()),
        "maxpeers = 4 # the command line",
        "identity = \"variable\" # WHISPER_NODE_IDENTITY",
        "enabled = true # the command line",
        "#verbosity = 3",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
}

#[test]
fn every_error_of_a_file_has_its_line_and_the_nearest_name() {
    let text = "port = 70000\nprot = 3\n[http]\nprt = 8\n[shh]\nseal = 1979-05-27\npow = \"x\"\n[nat]\na = 1\n";
    let error = with_file("check", text, &[]).unwrap_err();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(
        lines,
        [
            "whisper-node: the configuration has 6 errors:",
            "  FILE:1: port: \"70000\" cannot be used: 70000 is not in 0..=65535",
            "  FILE:2: there is no setting prot; did you mean port?",
            "  FILE:4: there is no setting http.prt; did you mean http.port?",
            "  FILE:6: shh.seal: expected a string or an array of strings, found a datetime",
            "  FILE:7: shh.pow: \"x\" cannot be used: invalid float literal",
            "  FILE:8: nat: expected a string or a number, found a table",
        ]
    );
    let error = with_file("check", "port = 1\nport = 2\n", &[]).unwrap_err();
    assert!(error.contains("FILE:2: not TOML: duplicate key"), "{error}");
    // Right as a flag, wrong for a node.
    let error = with_file("check", "[shh]\nmaxmessagesize = 99999999\n", &[]).unwrap_err();
    assert!(error.contains("--shh.maxmessagesize 99999999 is too large"), "{error}");
    let error = with_file("check", "[archive]\ndays = 3\n", &[]).unwrap_err();
    assert!(error.contains("--archive"), "{error}");
}

#[test]
fn a_wrong_variable_is_an_error_and_an_unknown_one_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let check = |name: &str, value: &str| {
        let mut command = program();
        output(command.args(["config", "check", "--datadir"]).arg(dir.path()).env(name, value))
    };
    let error = check("WHISPER_NODE_HTTP_PORT", "http").unwrap_err();
    assert!(
        error.contains("WHISPER_NODE_HTTP_PORT: http.port: \"http\" cannot be used"),
        "{error}"
    );
    let warned = check("WHISPER_NODE_HTTP_PROT", "1").unwrap();
    assert!(warned.contains("did you mean WHISPER_NODE_HTTP_PORT?"), "{warned}");
}

#[test]
fn a_stronger_source_replaces_what_it_excludes() {
    let key = "11".repeat(32);
    let text = format!("nodekeyhex = \"{key}\"\n");
    let shown = with_file("show", &text, &["--nodekey", "other"]).unwrap();
    assert!(shown.contains("nodekey = \"other\" # the command line"), "{shown}");
    assert!(shown.contains("#nodekeyhex is not set"), "{shown}");
    let shown = with_file("show", &text, &[]).unwrap();
    assert!(!shown.contains(&key) && shown.contains("#nodekeyhex is a secret"), "{shown}");
    let both = format!("{text}nodekey = \"other\"\n");
    assert!(with_file("check", &both, &[]).unwrap_err().contains("cannot be used with"));
}

#[test]
fn the_printed_file_has_the_defaults_and_can_be_used() {
    let printed = output(program().args(["config", "default"])).unwrap();
    assert!(with_file("check", &printed, &[]).unwrap().contains("no errors; 0 settings"));
    // Every default that is shown is the default.
    let is_placeholder = |line: &str| {
        let value = line.split(" = ").nth(1).unwrap().trim_matches('"');
        value.chars().all(|letter| letter.is_ascii_uppercase() || letter == '=')
    };
    let set: String = printed
        .lines()
        .map(|line| match line.strip_prefix('#').filter(|line| !line.starts_with(' ')) {
            Some(line) if !line.is_empty() && !is_placeholder(line) => format!("{line}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let checked = with_file("check", &set, &["--archive", "x"]).unwrap();
    assert!(!checked.contains("; 0 settings"), "{checked}");
}

/// The book shows the file as the program prints it.
#[test]
fn the_book_has_the_printed_file() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/book/src/configuration.md");
    // The archive of this crate has no book.
    let Ok(page) = fs::read_to_string(page) else { return };
    let block = page.split("```toml\n").last().unwrap().split("```").next().unwrap();
    let printed = output(program().args(["config", "default"])).unwrap();
    assert!(
        block == printed,
        "replace the last block of docs/book/src/configuration.md by:\n{printed}"
    );
}

#[test]
fn a_node_runs_with_the_file_in_its_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let text =
        "addr = \"127.0.0.1\"\nport = 0\nverbosity = 1\n[http]\nport = 0\n[ws]\nenabled = false\n";
    fs::write(dir.path().join("whisper-node.toml"), text).unwrap();
    let mut node = Running::start(program().arg("--datadir").arg(dir.path()));
    assert!(node.value("enode").contains("@127.0.0.1:"));
    assert!(node.value("HTTP").starts_with("http://127.0.0.1:"));
    assert_eq!(node.value("WebSocket"), "off");
    assert!(node.signal("-INT").1);

    let missing = output(program().args(["--config", "none.toml"])).unwrap_err();
    assert!(missing.contains("cannot read the configuration file none.toml"), "{missing}");
    fs::write(dir.path().join("whisper-node.toml"), "datadir = \"/elsewhere\"\n").unwrap();
    let moved = output(program().arg("--datadir").arg(dir.path())).unwrap_err();
    assert!(moved.contains("the file in the data directory cannot name another one"), "{moved}");
}
