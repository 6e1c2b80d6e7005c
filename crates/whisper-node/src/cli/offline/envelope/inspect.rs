//! What can be read of an envelope without a key.

use std::fmt::Write as _;

use clap::ValueEnum as _;
use whisper_envelope::{Bloom, Dialect, Envelope};
use whisper_pow::work;

use super::rule_name::RuleName;
use crate::cli::console::hex;

/// Describes an envelope, one `name  value` per line.
pub(super) fn describe(envelope: &Envelope) -> String {
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
