//! What an envelope shows to everybody.

use std::fmt::Write as _;

use whisper_envelope::{Bloom, Dialect, Envelope};
use whisper_pow::{Rule, work};

use crate::cli::input::hex;

/// Every rule by the name that `seal --rule` takes.
const RULES: [(&str, Rule); 4] = [
    ("geth-1.8", Rule::GETH_1_8),
    ("eip-627", Rule::EIP_627),
    ("parity", Rule::PARITY),
    ("nim", Rule::NIM),
];

/// One `name  value` a line.
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
        let kind = envelope.aes_nonce().map_or("none (asymmetric)".to_owned(), hex);
        line("AES nonce", kind);
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
    for (name, rule) in RULES {
        let value = work(rule, envelope).map_or_else(|none| none.to_string(), |it| it.to_string());
        line(&format!("work, {name}"), value);
    }
    page.truncate(page.trim_end().len());
    page
}
