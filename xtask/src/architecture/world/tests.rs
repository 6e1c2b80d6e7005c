use super::*;
use crate::architecture::violation::texts;

const FILE: &str = "crates/a/src/lib.rs";

fn found(text: &str) -> Vec<String> {
    texts(&violations(&Tree::of(&[(FILE, text)])))
}

/// Whether exactly this line breaks the rule, by naming this.
fn breaks(text: &str, line: usize, path: &str) {
    let found = found(text);
    assert!(!found.is_empty(), "`{text}` should break the rule");
    for found in found {
        assert!(found.starts_with(&format!("{FILE}:{line}: `{path}`")), "`{text}`: {found}");
    }
}

#[test]
fn each_thing_from_outside_is_found() {
    for path in [
        "std::time::SystemTime::now",
        "std::time::Instant::now",
        "rand::rng",
        "rand::random",
        "rand::random_range",
        "rand::thread_rng",
        "rand::rngs::OsRng",
        "rand_core::OsRng",
        "getrandom::fill",
        "std::collections::HashMap::new",
        "std::collections::HashSet::new",
        "std::collections::hash_map::RandomState::new",
        "std::hash::RandomState::new",
        "hashbrown::HashMap::new",
        "hashbrown::HashSet::new",
        "tokio::spawn",
        "tokio::task::spawn",
        "tokio::task::spawn_blocking",
        "tokio::task::spawn_local",
        "std::thread::spawn",
        "std::thread::available_parallelism",
        "tokio::net::TcpStream::connect",
        "tokio::net::lookup_host",
        "std::net::TcpListener::bind",
        "std::net::TcpStream::connect",
        "std::net::UdpSocket::bind",
        "std::os::unix::net::UnixListener::bind",
        "std::fs::read",
        "tokio::fs::read",
    ] {
        breaks(&format!("fn f() {{ {path}(); }}"), 1, path);
        // Through an import of the last module or type.
        let (before, name) = path.rsplit_once("::").unwrap();
        let last = before.rsplit("::").next().unwrap();
        let text = format!("use {before};\nfn f() {{\n    {last}::{name}();\n}}");
        let lines = self::found(&text);
        assert!(
            lines.iter().any(|line| line.starts_with(&format!("{FILE}:3: `{path}`"))),
            "{text}"
        );
    }
}

#[test]
fn what_is_imported_under_another_name_or_named_in_a_macro_is_found() {
    breaks(
        "use std::{fmt, time::Instant as Now};\nfn f() { g(Now::now()) }",
        2,
        "std::time::Instant::now",
    );
    breaks(
        "fn f() { println!(\"{:?}\", std::time::SystemTime::now()) }",
        1,
        "std::time::SystemTime::now",
    );
    breaks("use rand::random;", 1, "rand::random");
    let import_in_function = "fn f() {\n use std::collections::HashMap;\n}";
    breaks(import_in_function, 2, "std::collections::HashMap");
}

#[test]
fn a_select_needs_an_order() {
    let name = RANDOM_SELECT;
    breaks("fn f() { tokio::select! { x = a => x, y = b => y } }", 1, name);
    breaks("use tokio::select;\nfn f() { select! { x = a => x } }", 2, name);
    breaks("fn f() { futures_util::select! { x = a => x } }", 1, name);
    let nested =
        "fn f() { tokio::select! { biased; x = a => {\n tokio::select! { y = b => y } } } }";
    breaks(nested, 2, name);
    assert!(found("fn f() { tokio::select! { biased; x = a => x } }").is_empty());
}

#[test]
fn what_has_the_same_name_elsewhere_is_not_found() {
    for text in [
        "use tokio::time::Instant;\nfn f() { Instant::now(); }",
        "use tokio::time;\nfn f() { time::Instant::now().into_std(); }",
        "use p2p_world::{HashMap, rng};\nfn f() { rng(); HashMap::default(); }",
        "use std::collections::{BTreeMap, hash_map::Entry};",
        "use std::{net::SocketAddr, time::{Duration, SystemTime}};",
        "use rand::{Rng, rngs::StdRng};",
        "/// ```\n/// std::fs::read(a);\n/// ```\nfn f() {} // std::fs",
        "fn f() { world.spawn(task); \"std::fs\"; }",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}

#[test]
fn tests_the_program_and_other_folders_may_use_everything() {
    let text = "use std::fs;";
    let tree = Tree::of(&[
        (FILE, "#[cfg(test)] mod tests; #[cfg(test)] mod more { use std::fs; }"),
        ("crates/a/src/tests.rs", text),
        ("crates/a/tests/a.rs", text),
        ("crates/whisper-node/src/main.rs", text),
        ("crates/p2p-world/src/lib.rs", text),
        ("xtask/src/main.rs", text),
    ]);
    assert_eq!(texts(&violations(&tree)), [""; 0]);
}

#[test]
fn leave_is_for_one_place_and_must_be_needed() {
    let tree = Tree::of(&[
        ("crates/p2p-identity/src/lib.rs", "mod key_file; mod context;"),
        ("crates/p2p-identity/src/key_file.rs", "use std::{fs, thread};"),
        ("crates/p2p-identity/src/context.rs", ""),
    ]);
    let found = texts(&violations(&tree));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("crates/p2p-identity/src/key_file.rs:1: `std::thread`"));
    assert!(
        found[1].starts_with("crates/p2p-identity/src/context.rs: is allowed what it does not")
    );
}
