//! Answers that are meant to differ from go-ethereum's.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// One row of the table in `RPC.md`, and what shows that it is true.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The row's first cell: what is requested.
    pub row: String,
    /// Our answers to recorded exchanges, by their names.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// Where no exchange was recorded for it: the file and the function that show it.
    pub shown_by: Option<String>,
}

/// All of them, in the order of the table.
pub fn differences() -> Vec<Difference> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rpc/replay/differences.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}
