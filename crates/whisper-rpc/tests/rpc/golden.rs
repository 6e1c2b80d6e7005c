//! Replays exchanges recorded with go-ethereum 1.8.27 against our node.
//!
//! `golden/README.md` says what the files hold. Every file is replayed. Every difference on
//! purpose is in `rpc_replay/differences.json`, which is held against the table of `RPC.md`: the test allows what the users are
//! told, and nothing else. In objects the order of the fields is compared, too.

use std::path::Path;

use crate::replay::{Difference, Exchange, Replay, differences};

#[tokio::test]
async fn the_node_answers_as_go_ethereum_does() {
    let exchanges = Exchange::all();
    let differences = differences();
    let mut replay = Replay::start().await;
    let mut faults = Vec::new();
    for exchange in &exchanges {
        let meant =
            differences.iter().find_map(|difference| difference.answers.get(&exchange.name));
        if let Err(fault) = replay.step(exchange, meant.map(String::as_str)).await {
            faults.push(format!("{} ({}): {fault}", exchange.name, exchange.order));
        }
    }
    replay.stop().await;
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), exchanges.len(), faults.join("\n"));
}

#[test]
fn every_recorded_exchange_is_accounted_for() {
    let exchanges = Exchange::all();
    assert_eq!(exchanges.len(), 182, "as many as were recorded");
    for name in differences().iter().flat_map(|difference| difference.answers.keys()) {
        assert!(exchanges.iter().any(|exchange| exchange.name == *name), "{name}");
    }
}

/// Users are told of the same differences, in the same order, as are allowed here or shown by other tests.
#[test]
fn the_differences_are_those_of_the_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(root.join("RPC.md")).unwrap();
    let table = document.split("\n## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
    let told: Vec<_> = rows.map(|row| row.split(" | ").next().unwrap()).collect();
    let differences = differences();
    assert_eq!(told, differences.iter().map(|difference| &difference.row).collect::<Vec<_>>());
    for Difference { row, answers, shown_by } in &differences {
        assert_ne!(
            answers.is_empty(),
            shown_by.is_none(),
            "{row}: answers, or a test, and not both"
        );
        if let Some((file, name)) = shown_by.as_ref().and_then(|test| test.split_once(": ")) {
            let file = root.join(file);
            if file.starts_with(root.join("..")) && !root.join("../whisper-protocol").exists() {
                // The package is tested alone.
                continue;
            }
            let source = std::fs::read_to_string(&file).unwrap();
            assert!(
                source.contains(&format!("fn {name}(")),
                "{row}: {} has no {name}",
                file.display()
            );
        }
    }
}
