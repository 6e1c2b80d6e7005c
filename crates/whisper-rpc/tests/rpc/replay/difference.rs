//! Intended differences from go-ethereum's answers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// One row of the table in `RPC.md`, and what proves it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The first cell of the row: the request.
    pub row: String,
    /// The answers of this node to recorded exchanges, by name.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// The file and the function that prove it, if no exchange was recorded for it.
    pub shown_by: Option<String>,
}

/// All differences, in the order of the table.
pub fn differences() -> Vec<Difference> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rpc/replay/differences.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}
