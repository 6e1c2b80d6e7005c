//! Logs the events of peers.

use p2p_identity::causes;
use p2p_server::{Event, Events, NodeKind};

/// Logs the events of a server until it stops.
pub(crate) async fn log_events(events: &mut Events) {
    while let Some(event) = events.next().await {
        match event {
            // The peer chooses its client name. Debug escapes control characters.
            Event::Added { id, direction, remote_addr, client } => {
                tracing::info!(peer = ?id, ?direction, %remote_addr, ?client, "peer connected");
            }
            Event::Dropped { id, closed } => {
                tracing::info!(peer = ?id, "peer disconnected: {}", causes(&closed));
            }
            // Many nodes that discovery finds are offline or full.
            Event::DialFailed { id, kind: Some(NodeKind::Found), error } => {
                tracing::debug!(peer = ?id, "cannot connect to a found node: {}", causes(&*error));
            }
            Event::DialFailed { id, error, .. } => {
                tracing::warn!(peer = ?id, "cannot connect to a node: {}", causes(&*error));
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
