//! The audit log of a running node, and the command that checks it.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::reload::call;
use crate::running::{Log, PROGRAM};

fn verify(args: &[&str]) -> Result<String, String> {
    let output = Command::new(PROGRAM).args(["audit", "verify"]).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn administration_is_written_and_changes_of_the_log_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let (file, teams) = (dir.path().join("audit.log"), dir.path().join("teams.toml"));
    fs::write(&teams, "").unwrap();
    let run = || {
        let mut command = Command::new("setsid");
        command.arg(PROGRAM).arg("--datadir").arg(dir.path());
        command.arg("--audit").arg(&file).arg("--teams").arg(&teams);
        command.args([
            "--addr=127.0.0.1",
            "--port=0",
            "--nodiscover",
            "--http=false",
            "--ws=false",
        ]);
        let (mut node, _log) = Log::of(&mut command);
        node.value("enode");
        call(dir.path(), "admin_addTeam", &json!(["weather"]));
        call(dir.path(), "admin_removeTeam", &json!(["weather"]));
        assert!(node.signal("-TERM").1);
    };
    run();
    let name = file.to_str().unwrap();
    let first = verify(&[name]).unwrap();
    let hash = first.rsplit(' ').next().unwrap().to_owned();
    run();
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let of_a_run = ["started", "teams", "administration", "teams", "administration"];
    assert_eq!(events, [of_a_run, of_a_run].concat());
    assert_eq!((&lines[1]["added"], &lines[1]["team"]), (&json!(["weather"]), &json!("operator")));
    assert_eq!(lines[4]["method"], "admin_removeTeam");
    assert!(verify(&[name, "--contains", &hash]).unwrap().starts_with("10 lines"));

    let wrong = |text: String| {
        fs::write(&file, text).unwrap();
        verify(&[name]).unwrap_err()
    };
    let changed = wrong(text.replacen("admin_addTeam\"", "admin_peers\"", 1));
    assert!(
        changed.contains("line 4 is wrong") && changed.contains("does not follow"),
        "{changed}"
    );
    let without = text.lines().enumerate().filter(|(index, _)| *index != 2);
    let without: String = without.map(|(_, line)| format!("{line}\n")).collect();
    assert!(wrong(without).contains("the number 4 instead of 3"));
    assert!(wrong(text.trim_end().to_owned()).contains("line 10 is incomplete"));
    // The end was cut off: only a hash that was noted tells.
    let short: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    fs::write(&file, short).unwrap();
    assert!(verify(&[name]).is_ok());
    assert!(verify(&[name, "--contains", &hash]).unwrap_err().contains("no line has this hash"));
}
