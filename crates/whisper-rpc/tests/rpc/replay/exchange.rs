//! One recorded exchange, as its file holds it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::fill;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Http,
    Ws,
    Ipc,
}

/// See `golden/README.md`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    pub name: String,
    pub order: u32,
    pub transport: Transport,
    pub at: Option<String>,
    pub request: Option<Value>,
    pub request_raw: Option<String>,
    pub template: Option<Value>,
    pub save: Option<String>,
    pub http_method: Option<String>,
    pub query: Option<String>,
    pub request_headers: Option<BTreeMap<String, String>>,
    pub status: Option<u16>,
    pub content_type: Option<String>,
    pub response_raw: String,
    #[serde(default)]
    pub volatile: BTreeMap<String, String>,
    #[serde(default)]
    pub shape: bool,
    #[serde(default)]
    pub loose: Vec<String>,
    #[serde(default)]
    pub closes_connection: bool,
}

/// Questions whose answer depends on what a peer or a worker has done meanwhile.
const EVENTUAL: [&str; 5] = [
    "admin_peers-outbound",
    "admin_peers-inbound",
    "admin_peers-after-removal",
    "net_peerCount-one",
    "shh_markTrustedPeer",
];

impl Exchange {
    /// All of them, in their order.
    pub fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|kind| kind == "json"));
        let read = |path| -> Self {
            let text = std::fs::read_to_string(&path).unwrap();
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
        };
        let mut all: Vec<_> = files.map(read).collect();
        all.sort_by_key(|exchange| exchange.order);
        all
    }

    /// Whether the question is to be asked until it is answered as recorded.
    pub fn is_eventual(&self) -> bool {
        let fetches = self.name.starts_with("shh_getFilterMessages");
        let some = !self.response_raw.contains("\"result\":[]");
        EVENTUAL.contains(&self.name.as_str()) || (fetches && some)
    }

    /// The text to send, if any.
    pub fn request_text(&self, saved: &BTreeMap<String, String>) -> Option<String> {
        if self.name == "http-body-over-limit" {
            // The file holds only its beginning and its length.
            let start = r#"{"jsonrpc":"2.0","id":1,"method":"web3_sha3","params":["0x"#;
            return Some(format!("{start}{}\"]}}", "0".repeat(600_061 - start.len() - 3)));
        }
        let Some(request) = &self.request else { return self.request_raw.clone() };
        let mut request = request.clone();
        if let Some(template) = &self.template {
            request["params"] = fill(template, saved);
        }
        Some(request.to_string())
    }
}
