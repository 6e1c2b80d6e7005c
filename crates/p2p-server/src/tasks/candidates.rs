//! Nodes that were found: taken from where they come while there is room, handed to the dialling
//! plan.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
};

use futures_core::Stream;
use p2p_mux::identity::Enode;
use tokio::task::coop;

use crate::{
    context::{Shared, now},
    dial::Declined,
    server::Server,
    slots::Refusal,
};

type Nodes = Pin<Box<dyn Stream<Item = Enode> + Send>>;

/// A source of nodes for a server that is still to start. Made by
/// [`Config::candidates`](crate::Config::candidates).
#[derive(Clone)]
pub struct Source(Arc<dyn Fn() -> Nodes + Send + Sync>);

impl Source {
    pub(crate) fn new<Found>(open: impl Fn() -> Found + Send + Sync + 'static) -> Self
    where
        Found: Stream<Item = Enode> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(open())))
    }

    pub(crate) fn open(&self) -> Nodes {
        (self.0)()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Server {
    /// Dials nodes from this source whenever there is room for peers that the node finds by itself
    /// ([`Limits::dial_ratio`](crate::Limits::dial_ratio)), after static nodes. One more source beside
    /// those that are there.
    ///
    /// The source is polled only while there is room, so it may be one that looks for nodes as it is
    /// asked. Each node gets one attempt; one that was tried or left within
    /// [`Dialling::again`](crate::Dialling::again) is passed over, as is one that is known already,
    /// that has no TCP port, or whose address is not allowed. What became of the nodes is counted
    /// ([`Stats::found`](crate::Stats::found)). From the first source on, places are kept free for
    /// peers that we dial.
    ///
    /// The source is dropped when it ends or the server stops. A node that does not dial
    /// ([`Dialling::enabled`](crate::Dialling::enabled)) drops it at once.
    pub fn add_candidates(&self, found: impl Stream<Item = Enode> + Send + 'static) {
        if !self.shared.dialling.enabled {
            return;
        }
        self.shared.state().slots.split();
        self.shared.tasks.spawn(run(Arc::clone(&self.shared), found));
    }
}

/// Takes nodes from the source until it ends or the server stops.
async fn run(shared: Arc<Shared>, found: impl Stream<Item = Enode>) {
    let mut found = pin!(found);
    loop {
        // A source that has a node at once each time must leave others their turn.
        let next = async {
            coop::consume_budget().await;
            shared.room().await;
            poll_fn(|context| found.as_mut().poll_next(context)).await
        };
        let enode = tokio::select! {
            () = shared.quit.cancelled() => return,
            next = next => match next {
                Some(enode) => enode,
                None => return,
            },
        };
        shared.consider(enode);
    }
}

impl Shared {
    /// Waits until there is room for a peer that was found.
    async fn room(&self) {
        loop {
            // From here on no change is missed.
            let changed = self.changed.notified();
            {
                let state = self.state();
                if state.dialer.found() < state.slots.dial_room() {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Puts a node that was found into the dialling plan, if it fits there.
    fn consider(&self, enode: Enode) {
        let mut state = self.state();
        state.stats.found.seen += 1;
        if let Err(barred) = state.access.check_enode(&enode, now()) {
            let found = &mut state.stats.found;
            match barred.why {
                Refusal::Banned => found.banned += 1,
                Refusal::NotAllowed => found.not_allowed += 1,
                _ => found.restricted += 1,
            }
            return;
        }
        let verdict = if enode.id == state.local.id {
            Err(Declined::Known)
        } else {
            state.dialer.offer(enode, now())
        };
        let found = &mut state.stats.found;
        match verdict {
            Ok(()) => {
                found.taken += 1;
                drop(state);
                self.replan.notify_one();
            }
            Err(Declined::Known) => found.known += 1,
            Err(Declined::Recent) => found.recent += 1,
            Err(Declined::NoPort) => found.no_port += 1,
        }
    }
}
