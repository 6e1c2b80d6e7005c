//! Prints what archives have.

use std::time::{Duration, UNIX_EPOCH};

use p2p_identity::NodeId;
use whisper_protocol::{HistoryEnvelope, HistoryEvent};
use whisper_rpc::types::{HistoryEnvelopeJson, HistoryMessageJson};

use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::Output;

/// Prints a message, or an envelope that was not opened.
pub(super) fn print(output: Output, stored: &HistoryEnvelope) -> Result<(), Failure> {
    match HistoryMessageJson::of(stored) {
        Some(message) => output.print(&message, || text(stored)),
        None => output.print(&HistoryEnvelopeJson::from(stored), || text(stored)),
    }
}

fn text(stored: &HistoryEnvelope) -> String {
    let envelope = &stored.envelope;
    let sent = UNIX_EPOCH + Duration::from_secs(envelope.sent().unwrap_or_default().into());
    let content = match &stored.message {
        None => format!("envelope {} ({} bytes)", console::hex(envelope.hash()), envelope.size()),
        // Text with control characters is not printed: a terminal would interpret them.
        Some(message) => match str::from_utf8(&message.message.payload) {
            Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
            _ => console::hex(&message.message.payload),
        },
    };
    let again = if stored.maybe_repeated { "  (perhaps again)" } else { "" };
    format!("{}  {}  {content}{again}", humantime::format_rfc3339_seconds(sent), envelope.topic())
}

/// A line about an archive, if something is wrong with it.
pub(super) fn notice(event: &HistoryEvent) -> Option<String> {
    let short = |node: &NodeId| format!("{}…", hex::encode(&node.0[..4]));
    Some(match event {
        HistoryEvent::Away { node } => format!(
            "{}: not connected, or it has no archive: check its URL, and that it runs with --archive",
            short(node)
        ),
        HistoryEvent::Behind { node, missing } => format!(
            "{}: it lacks {missing} envelopes that another archive has: check its peers and its disk",
            short(node)
        ),
        HistoryEvent::Replaced { node, old, new } => format!(
            "{}: the archive {old} was replaced by {new}, which is read from the beginning: messages may be repeated",
            short(node)
        ),
        HistoryEvent::Removed { node, arrivals } => format!(
            "{}: it has removed {arrivals} envelopes, of any topic, that arrived since the last call (its --archive.days and \
             --archive.size)",
            short(node)
        ),
        HistoryEvent::Refused { node, text, .. } => {
            format!("{}: refused: {text:?} (--archive.password-file, --nodekey)", short(node))
        }
        _ => return None,
    })
}
