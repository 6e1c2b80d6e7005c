//! What can be read of an envelope without a key.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Args, ValueEnum as _};
use serde::Serialize;
use whisper_envelope::{Bloom, Dialect, Envelope};
use whisper_pow::work;

use super::EnvelopeArgs;
use super::rule_name::RuleName;
use crate::cli::console::hex;
use crate::cli::failure::Failure;
use crate::cli::flags::Output;

#[derive(Args, Debug)]
pub(crate) struct Inspect {
    #[command(flatten)]
    envelope: EnvelopeArgs,

    #[command(flatten)]
    output: Output,
}

/// What can be read of an envelope without a key. What an envelope does not have is `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inspected {
    hash: String,
    /// 5 or 6.
    dialect: u64,
    /// Only in shh/5.
    version: Option<u32>,
    aes_nonce: Option<String>,
    expiry: u32,
    ttl: u32,
    /// When it was sent, in seconds since 1970; `None` if that was before.
    sent: Option<u32>,
    topic: String,
    nonce: u64,
    data: String,
    /// Size in bytes, as go-ethereum counts it, and that of the RLP.
    size: usize,
    rlp_size: usize,
    bloom: String,
    /// As go-ethereum computes it.
    geth_bloom: String,
    /// The work under each rule; `None` if it has none.
    work: BTreeMap<String, Option<f64>>,
}

impl Inspect {
    pub(super) fn run(self) -> Result<(), Failure> {
        let envelope = self.envelope.envelope()?;
        self.output.print(&Inspected::of(&envelope), || describe(&envelope))
    }
}

impl Inspected {
    fn of(envelope: &Envelope) -> Self {
        let is_old = envelope.dialect() == Dialect::V5;
        let work_of = |rule: &RuleName| {
            let name = rule.name();
            (name, work((*rule).into(), envelope).ok().map(whisper_pow::Work::get))
        };
        Self {
            hash: hex(envelope.hash()),
            dialect: envelope.dialect().version(),
            version: is_old.then(|| envelope.version()),
            aes_nonce: envelope.aes_nonce().filter(|_| is_old).map(hex),
            expiry: envelope.expiry(),
            ttl: envelope.ttl(),
            sent: envelope.sent(),
            topic: envelope.topic().to_string(),
            nonce: envelope.nonce(),
            data: hex(envelope.data()),
            size: envelope.size(),
            rlp_size: envelope.raw().len(),
            bloom: hex(envelope.bloom().0),
            geth_bloom: hex(Bloom::of_overwriting(envelope.topic()).0),
            work: RuleName::value_variants().iter().map(work_of).collect(),
        }
    }
}

/// Describes an envelope, one `name  value` per line.
fn describe(envelope: &Envelope) -> String {
    let mut page = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(page, "{name:16}{value}");
    };
    line("dialect", format!("shh/{}", envelope.dialect().version()));
    line("hash", hex(envelope.hash()));
    if envelope.dialect() == Dialect::V5 {
        line("version", envelope.version().to_string());
        let nonce = envelope.aes_nonce().map_or("none (asymmetric)".to_owned(), hex);
        line("AES nonce", nonce);
    }
    line("expiry", envelope.expiry().to_string());
    line("ttl", format!("{} s", envelope.ttl()));
    line("sent", envelope.sent().map_or("before 1970".to_owned(), |sent| sent.to_string()));
    line("topic", envelope.topic().to_string());
    line("nonce", envelope.nonce().to_string());
    line("data", hex(envelope.data()));
    line("data length", format!("{} bytes", envelope.data().len()));
    line("size, geth", format!("{} bytes", envelope.size()));
    line("size, RLP", format!("{} bytes", envelope.raw().len()));
    line("bloom", hex(envelope.bloom().0));
    line("bloom, geth", hex(Bloom::of_overwriting(envelope.topic()).0));
    for rule in RuleName::value_variants() {
        let value = work((*rule).into(), envelope);
        let value = value.map_or_else(|error| error.to_string(), |work| work.to_string());
        line(&format!("work, {}", rule.name()), value);
    }
    page.truncate(page.trim_end().len());
    page
}
