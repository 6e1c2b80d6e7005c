//! Logs the events of peers.

use std::collections::HashMap;

use p2p_identity::{NodeId, causes};
use p2p_mux::{DisconnectReason, HelloExchangeError};
use p2p_server::{DialError, Event, Events, NodeKind};

/// Logs the events of a server until it stops.
pub(crate) async fn log_events(events: &mut Events) {
    let mut failures = DialFailures::default();
    while let Some(event) = events.next().await {
        match event {
            // The peer chooses its client name. Debug escapes control characters.
            Event::Added { id, direction, remote_addr, client, link } => {
                failures.0.remove(&id);
                tracing::info!(peer = ?id, ?direction, %remote_addr, ?client, %link, "peer connected");
            }
            Event::Dropped { id, closed } => {
                tracing::info!(peer = ?id, "peer disconnected: {}", causes(&closed));
            }
            // Many nodes that discovery finds are offline or full.
            Event::DialFailed { id, kind: Some(NodeKind::Found), error } => {
                tracing::debug!(peer = ?id, "cannot connect to a found node: {}", causes(&*error));
            }
            Event::DialFailed { id, error, .. } => {
                let text = format!("{}{}", causes(&*error), hint(&error));
                match failures.count(id, &text) {
                    Some(count) => {
                        tracing::warn!(peer = ?id, "cannot connect to a node ({count} so far): {text}");
                    }
                    None => tracing::debug!(peer = ?id, "cannot connect to a node: {text}"),
                }
            }
            Event::Refused { id, remote_addr, reason } => {
                tracing::info!(peer = ?id, %remote_addr, "connection refused: {reason}");
            }
            Event::Missed(events) => {
                tracing::warn!("{events} events of peers were too fast to be logged");
            }
            _ => {}
        }
    }
}

/// What the error of a dial means, if its text does not say it.
fn hint(error: &DialError) -> &'static str {
    match error {
        DialError::Hello(HelloExchangeError::Refused(DisconnectReason::Requested)) => {
            "; that node does not want this one: it has banned it, or does not have it on its list of allowed nodes"
        }
        _ => "",
    }
}

/// The last failures to connect to static and boot nodes: the text, and how often it occurred in a row. Such nodes are
/// listed by the operator, so they are few.
#[derive(Debug, Default)]
struct DialFailures(HashMap<NodeId, (String, u64)>);

impl DialFailures {
    /// Counts a failure. Returns how often it occurred in a row if it is to be logged as a warning: the 1st, 2nd, 4th, 8th,
    /// … time, because a node is dialed again without end.
    fn count(&mut self, id: NodeId, text: &str) -> Option<u64> {
        let (last, count) = self.0.entry(id).or_default();
        if last != text {
            (*last, *count) = (text.to_owned(), 0);
        }
        *count += 1;
        count.is_power_of_two().then_some(*count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_failure_is_logged_less_and_less_often() {
        let (mut failures, id) = (DialFailures::default(), NodeId([1; 64]));
        let logged: Vec<_> = (0..9).filter_map(|_| failures.count(id, "closed")).collect();
        assert_eq!(logged, [1, 2, 4, 8]);
        assert_eq!(failures.count(id, "silent"), Some(1), "another failure");
        assert_eq!(failures.count(NodeId([2; 64]), "closed"), Some(1), "another node");
    }

    #[test]
    fn a_node_that_does_not_want_this_one_is_explained() {
        let refused = |reason| hint(&DialError::Hello(HelloExchangeError::Refused(reason)));
        assert!(refused(DisconnectReason::Requested).contains("banned"));
        assert_eq!(refused(DisconnectReason::TooManyPeers), "", "the text says it");
    }
}
