//! A data directory is backed up and restored.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::running::{PROGRAM, Running};

fn run(words: &[&str], dir: &Path, datadir: &Path) -> Result<String, String> {
    let output = Command::new(PROGRAM).args(words).arg(dir).arg("--datadir").arg(datadir).output();
    let output = output.unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

/// Starts the node with an archive in its data directory.
fn start(datadir: &Path) -> (Running, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["--addr", "127.0.0.1", "--port", "0", "--http=false", "--ws=false"]);
    command.args(["--nodiscover", "--verbosity", "1", "--datadir"]).arg(datadir);
    command.arg("--archive").arg(datadir.join("archive"));
    let mut node = Running::start(&mut command);
    let enode = node.value("enode");
    (node, enode.split('@').next().unwrap().to_owned())
}

#[test]
fn a_restored_node_is_the_same_node() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy, restored) =
        (dir.path().join("data"), dir.path().join("copy"), dir.path().join("restored"));
    let (node, id) = start(&data);
    let running = run(&["backup"], &copy, &data).unwrap_err();
    assert!(running.contains("is in use"), "{running}");
    assert!(!copy.exists());
    assert!(node.signal("-TERM").1);

    let made = run(&["backup"], &copy, &data).unwrap();
    assert!(made.contains("keep them secret"), "{made}");
    let again = run(&["backup"], &copy, &data).unwrap_err();
    assert!(again.contains("File exists"), "a backup is not overwritten: {again}");
    let done = run(&["restore"], &copy, &restored).unwrap();
    assert!(done.contains("files are in"), "{done}");
    assert!(done.contains("has the new id"), "clients may have read more of the archive: {done}");
    assert_eq!(
        fs::read(data.join("nodekey")).unwrap(),
        fs::read(restored.join("nodekey")).unwrap()
    );
    let (node, same) = start(&restored);
    assert_eq!(same, id);
    assert!(node.signal("-TERM").1);

    // A data directory with files is not overwritten, and a backup that has changed is not used.
    let full = run(&["restore"], &copy, &restored).unwrap_err();
    assert!(full.contains("is not empty"), "{full}");
    let key = copy.join("nodekey");
    fs::write(&key, "11".repeat(32)).unwrap();
    let empty = dir.path().join("empty");
    let changed = run(&["restore"], &copy, &empty).unwrap_err();
    assert!(changed.contains("nodekey is not as it was backed up"), "{changed}");
    assert!(!empty.exists());
    let none = run(&["backup"], &dir.path().join("b"), &dir.path().join("none")).unwrap_err();
    assert!(none.contains("there is no data directory"), "{none}");
}
