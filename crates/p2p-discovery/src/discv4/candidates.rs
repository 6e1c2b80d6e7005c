//! A stream of nodes to connect to.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use futures_util::stream;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{self, Instant},
};

use super::Discv4;
use crate::event::Event;
use crate::node::Node;

/// The pause between two lookups: the first value while new nodes are found; it doubles up to the second
/// while none are.
const MIN_LOOKUP_INTERVAL: Duration = Duration::from_secs(1);
const MAX_LOOKUP_INTERVAL: Duration = Duration::from_secs(30);

/// A stream of nodes that are alive ([`Discv4::candidates`]). A node may appear several times. The
/// stream ends when discv4 stops.
///
/// While it is polled, it makes lookups for random targets: one per second at first, down to one in
/// 30 s while no new nodes are found. It does nothing while it is not polled.
pub struct Candidates(Pin<Box<dyn Stream<Item = Node> + Send>>);

impl Candidates {
    pub(super) fn new(discv4: Discv4) -> Self {
        let search = Search {
            events: discv4.events(),
            discv4,
            found: VecDeque::new(),
            next: Instant::now(),
            interval: MIN_LOOKUP_INTERVAL,
        };
        Self(Box::pin(stream::unfold(search, |mut search| async move {
            let node = search.next().await?;
            Some((node, search))
        })))
    }
}

impl Stream for Candidates {
    type Item = Node;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Node>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidates").finish_non_exhaustive()
    }
}

struct Search {
    discv4: Discv4,
    events: broadcast::Receiver<Event>,
    found: VecDeque<Node>,
    /// When the next lookup begins.
    next: Instant,
    interval: Duration,
}

impl Search {
    async fn next(&mut self) -> Option<Node> {
        loop {
            if let Some(node) = self.found.pop_front() {
                return Some(node);
            }
            tokio::select! {
                biased;
                event = self.events.recv() => match event {
                    Ok(Event::Found(node)) => {
                        self.interval = MIN_LOOKUP_INTERVAL;
                        return Some(node);
                    }
                    // Nodes in missed events appear in later lookups.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                () = time::sleep_until(self.next) => {
                    // A failed lookup is followed by another one.
                    let outcome = self.discv4.lookup_random().await.unwrap_or_default();
                    self.found.extend(outcome.nodes);
                    self.next = Instant::now() + self.interval;
                    self.interval = (self.interval * 2).min(MAX_LOOKUP_INTERVAL);
                }
            }
        }
    }
}
