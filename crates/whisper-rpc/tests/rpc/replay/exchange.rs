//! Recorded exchanges, as in their files.

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

/// One recorded exchange. `golden/README.md` explains the fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    pub name: String,
    pub order: u32,
    pub transport: Transport,
    pub at: Option<String>,
    pub save: Option<String>,
    pub response_raw: String,
    #[serde(default)]
    pub closes_connection: bool,
    #[serde(flatten)]
    pub request: RecordedRequest,
    #[serde(flatten)]
    pub http: HttpPart,
    #[serde(flatten)]
    pub tolerance: Tolerance,
}

/// What was sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedRequest {
    request: Option<Value>,
    request_raw: Option<String>,
    template: Option<Value>,
}

/// What is special about the HTTP request and the response.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpPart {
    pub http_method: Option<String>,
    pub query: Option<String>,
    pub request_headers: Option<BTreeMap<String, String>>,
    pub status: Option<u16>,
    pub content_type: Option<String>,
}

/// What may differ from the recorded answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tolerance {
    #[serde(default)]
    pub volatile: BTreeMap<String, String>,
    #[serde(default)]
    pub shape: bool,
    #[serde(default)]
    pub loose: Vec<String>,
}

/// Exchanges whose answer depends on what happens in the background.
const EVENTUAL: [&str; 5] = [
    "admin_peers-outbound",
    "admin_peers-inbound",
    "admin_peers-after-removal",
    "net_peerCount-one",
    "shh_markTrustedPeer",
];

impl Exchange {
    /// All exchanges, in order.
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

    /// Whether it is repeated until the answer is the recorded one.
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
        let RecordedRequest { request, request_raw, template } = &self.request;
        let Some(request) = request else { return request_raw.clone() };
        let mut request = request.clone();
        if let Some(template) = template {
            request["params"] = fill(template, saved);
        }
        Some(request.to_string())
    }
}
