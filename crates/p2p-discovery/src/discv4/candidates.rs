//! Nodes for whoever wants to connect to some.

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
use crate::{Event, Node};

/// The wait between two lookups while they bring new nodes, and the longest when they do not.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A stream of nodes that are alive ([`Discv4::candidates`]). The same node may come again and again;
/// the stream ends when discv4 stops.
///
/// It costs nothing while it is not polled. While it is, it gives the nodes that are met, and makes
/// lookups for random targets: at first one a second, and ever less often, down to one in 30 s, while
/// nobody new is met.
pub struct Candidates(Pin<Box<dyn Stream<Item = Node> + Send>>);

impl Candidates {
    pub(super) fn new(discv4: Discv4) -> Self {
        let search = Search {
            events: discv4.events(),
            discv4,
            found: VecDeque::new(),
            next: Instant::now(),
            wait: FIRST_WAIT,
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
    /// When the next lookup may begin.
    next: Instant,
    wait: Duration,
}

impl Search {
    async fn next(&mut self) -> Option<Node> {
        loop {
            if let Some(node) = self.found.pop_front() {
                return Some(node);
            }
            tokio::select! {
                event = self.events.recv() => match event {
                    Ok(Event::Found(node)) => {
                        self.wait = FIRST_WAIT;
                        return Some(node);
                    }
                    // What was missed comes with the next lookup.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                () = time::sleep_until(self.next) => {
                    // One that cannot be made now is made later.
                    let outcome = self.discv4.lookup_random().await.unwrap_or_default();
                    self.found.extend(outcome.nodes);
                    self.next = Instant::now() + self.wait;
                    self.wait = (self.wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }
}
