//! What was dropped, refused or cut: the last occurrences of each reason.

use std::{collections::VecDeque, net::SocketAddr, time::SystemTime};

use p2p_mux::identity::NodeId;
use p2p_world::HashMap;

use super::counted::ReasonName;

/// Number of occurrences of each reason that are kept.
pub const DROP_SAMPLES: usize = 64;

/// Maximum length of [`Occurrence::detail`], in bytes. A peer may choose parts of it.
const MAX_DETAIL_BYTES: usize = 256;

/// How often there was a reason to drop, refuse or cut something, and the last occurrences.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// The name of the reason, such as `refused.banned`.
    pub reason: String,
    /// How often it occurred since the server started.
    pub count: u64,
    /// The last occurrences, the latest first; at most [`DROP_SAMPLES`]. Always empty for packets of discovery, which
    /// anyone can send from forged addresses, and for messages of connected peers.
    pub last: Vec<Occurrence>,
}

/// One time that something was dropped, refused or cut.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occurrence {
    /// When.
    pub at: SystemTime,
    /// The node, if it is known.
    pub node: Option<NodeId>,
    /// The address of the other end, if it is known.
    pub addr: Option<SocketAddr>,
    /// The error with its causes, if there was one. It may contain text that the other end chose.
    pub detail: Option<String>,
}

impl Occurrence {
    /// At this time, with nothing else known.
    pub(crate) const fn at(at: SystemTime) -> Self {
        Self { at, node: None, addr: None, detail: None }
    }

    pub(crate) fn of(self, node: NodeId) -> Self {
        Self { node: Some(node), ..self }
    }

    pub(crate) fn from(self, addr: SocketAddr) -> Self {
        Self { addr: Some(addr), ..self }
    }

    pub(crate) fn because(self, detail: &dyn std::fmt::Display) -> Self {
        let mut detail = detail.to_string();
        let mut lengths = (0..=detail.len().min(MAX_DETAIL_BYTES)).rev();
        let length = lengths.find(|length| detail.is_char_boundary(*length));
        detail.truncate(length.unwrap_or_default());
        Self { detail: Some(detail), ..self }
    }
}

/// The last occurrences of each reason. Many occurrences of one reason do not displace those of another.
#[derive(Debug, Default)]
pub(crate) struct DropLog(HashMap<ReasonName<'static>, VecDeque<Occurrence>>);

impl DropLog {
    pub(crate) fn record(&mut self, reason: ReasonName<'static>, occurrence: Occurrence) {
        let last = self.0.entry(reason).or_default();
        last.truncate(DROP_SAMPLES - 1);
        last.push_front(occurrence);
    }

    /// The last occurrences, the latest first.
    pub(crate) fn last(&self, reason: ReasonName<'_>) -> Vec<Occurrence> {
        let known = self.0.iter().find(|(known, _)| **known == reason);
        known.map(|(_, last)| last.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_occurrences_of_each_reason_are_kept() {
        let reason = |name| ReasonName { group: "refused", name };
        let mut log = DropLog::default();
        log.record(reason("banned"), Occurrence::at(SystemTime::UNIX_EPOCH).of(NodeId([1; 64])));
        for port in 1..=100 {
            let addr = SocketAddr::from(([192, 0, 2, 1], port));
            log.record(reason("throttled"), Occurrence::at(SystemTime::UNIX_EPOCH).from(addr));
        }
        let ports: Vec<_> =
            log.last(reason("throttled")).iter().map(|it| it.addr.unwrap().port()).collect();
        assert_eq!((ports.len(), ports[0], ports[DROP_SAMPLES - 1]), (DROP_SAMPLES, 100, 37));
        assert_eq!(log.last(reason("banned"))[0].node, Some(NodeId([1; 64])));
        assert_eq!(log.last(reason("other")), []);
    }

    #[test]
    fn a_detail_is_cut_between_characters() {
        let detail =
            Occurrence::at(SystemTime::UNIX_EPOCH).because(&"ü".repeat(1000)).detail.unwrap();
        assert_eq!(detail.chars().count(), MAX_DETAIL_BYTES / 2);
    }
}
