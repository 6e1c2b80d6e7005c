//! Replays exchanges recorded with go-ethereum 1.8.27.
//!
//! `golden/README.md` describes the files. Every file is replayed. Intended differences are in `replay/differences.json`;
//! a test compares them with the table in `RPC.md`, so that exactly the documented differences are allowed. The order of
//! the fields of objects is compared as well.

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
fn every_recorded_exchange_is_replayed() {
    let exchanges = Exchange::all();
    assert_eq!(exchanges.len(), 366, "as many as were recorded");
    for name in differences().iter().flat_map(|difference| difference.answers.keys()) {
        assert!(exchanges.iter().any(|exchange| exchange.name == *name), "{name}");
    }
}

/// The documented differences are those that are allowed here or proved by other tests, in the same order.
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
                // Only this package is there.
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
