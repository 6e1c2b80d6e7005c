//! What happens to the peers, told to the operator: "nothing arrived and nothing says why" must not happen.

use p2p_identity::causes;
use p2p_server::{Event, Events, NodeKind};

/// Logs the events of a server until it stops.
pub(crate) async fn keep(events: &mut Events) {
    while let Some(event) = events.next().await {
        match event {
            // The client's name is the peer's own choice: Debug escapes what could play with a terminal.
            Event::Added { id, direction, remote_addr, client } => {
                tracing::info!(peer = ?id, ?direction, %remote_addr, ?client, "peer connected");
            }
            Event::Dropped { id, closed } => {
                tracing::info!(peer = ?id, "peer gone: {closed}");
            }
            // Many of the nodes that are found are gone, or full.
            Event::DialFailed { id, kind: Some(NodeKind::Found), error } => {
                tracing::debug!(peer = ?id, "cannot reach a found node: {}", causes(&*error));
            }
            Event::DialFailed { id, error, .. } => {
                tracing::warn!(peer = ?id, "cannot reach a node: {}", causes(&*error));
            }
            Event::Refused { id, remote_addr, reason } => {
                tracing::info!(peer = ?id, %remote_addr, "connection refused: {reason}");
            }
            Event::Missed(events) => {
                tracing::warn!("{events} events about peers came too fast to be logged");
            }
            _ => {}
        }
    }
}
