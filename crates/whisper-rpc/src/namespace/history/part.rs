//! Converts what a history tells.

use whisper_protocol::{HistoryEnvelope, HistoryEvent};

use super::is_node;
use crate::types::history::{
    HistoryEnvelopeJson, HistoryMessageJson, HistoryNoticeJson, HistoryNoticeKind, HistoryPartJson,
};
use crate::types::message::MessageJson;

impl HistoryPartJson {
    /// Adds what was told. Returns the bytes of its envelopes.
    pub(super) fn add(&mut self, event: HistoryEvent) -> usize {
        let node = is_node(&event);
        let (kind, text) = match event {
            HistoryEvent::Envelopes(envelopes) => {
                let sizes = envelopes.iter().map(|stored| stored.envelope.raw().len());
                let bytes = sizes.sum();
                envelopes.iter().for_each(|stored| self.push(stored));
                return bytes;
            }
            HistoryEvent::CaughtUp { .. } => {
                self.caught_up = true;
                return 0;
            }
            other => match notice(&other) {
                Some(notice) => notice,
                None => return 0,
            },
        };
        let node = node.map(|node| node.0.into());
        self.notices.push(HistoryNoticeJson { kind, node, text });
        0
    }

    /// Number of envelopes in it.
    pub(super) fn len(&self) -> usize {
        self.messages.len() + self.envelopes.len()
    }

    fn push(&mut self, stored: &HistoryEnvelope) {
        match HistoryMessageJson::of(stored) {
            Some(message) => self.messages.push(message),
            None => self.envelopes.push(HistoryEnvelopeJson::from(stored)),
        }
    }
}

impl HistoryMessageJson {
    /// The message in an envelope; `None` if it was not opened.
    #[must_use]
    pub fn of(stored: &HistoryEnvelope) -> Option<Self> {
        let HistoryEnvelope { node, arrival, message, maybe_repeated, .. } = stored;
        let message = MessageJson::from(&**message.as_ref()?);
        let (node, arrival, maybe_repeated) = (node.0.into(), *arrival, *maybe_repeated);
        Some(Self { message, node, arrival, maybe_repeated })
    }
}

impl From<&HistoryEnvelope> for HistoryEnvelopeJson {
    fn from(stored: &HistoryEnvelope) -> Self {
        let HistoryEnvelope { envelope, node, arrival, maybe_repeated, .. } = stored;
        Self {
            hash: (*envelope.hash()).into(),
            topic: envelope.topic(),
            timestamp: envelope.sent().unwrap_or_default(),
            ttl: envelope.ttl(),
            dialect: envelope.dialect().version(),
            raw: envelope.raw().as_ref().into(),
            node: node.0.into(),
            arrival: *arrival,
            maybe_repeated: *maybe_repeated,
        }
    }
}

/// What is wrong with an archive, and what to do.
fn notice(event: &HistoryEvent) -> Option<(HistoryNoticeKind, String)> {
    Some(match event {
        HistoryEvent::NoArchive => (
            HistoryNoticeKind::NoArchive,
            "no peer of this node has an archive, and this node has none: connect to one with admin_addPeer, or start this \
             node with --archive"
                .to_owned(),
        ),
        HistoryEvent::Away { .. } => (
            HistoryNoticeKind::Away,
            "the archive is not connected, or does not answer: others are read, and it is waited for".to_owned(),
        ),
        HistoryEvent::Behind { missing, .. } => (
            HistoryNoticeKind::Behind,
            format!(
                "the archive lacks {missing} envelopes that another one has had for a minute: check its peers and its disk"
            ),
        ),
        HistoryEvent::Replaced { old, new, .. } => (
            HistoryNoticeKind::Replaced,
            format!(
                "the archive {old} was replaced by {new}, which is read from the beginning: what only the old one had is \
                 lost, and messages may be repeated"
            ),
        ),
        HistoryEvent::Removed { arrivals, .. } => (
            HistoryNoticeKind::Removed,
            format!(
                "the archive has removed {arrivals} envelopes after the cursor, of any topic: use one that keeps them longer"
            ),
        ),
        HistoryEvent::Refused { text, .. } => {
            (HistoryNoticeKind::Refused, format!("the archive does not answer this question: {text:?}"))
        }
        _ => return None,
    })
}
