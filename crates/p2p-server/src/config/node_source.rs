//! Sources of found nodes.

use std::{fmt, pin::Pin, sync::Arc};

use futures_core::Stream;
use p2p_mux::identity::Enode;

type Nodes = Pin<Box<dyn Stream<Item = Enode> + Send>>;

/// A source of found nodes for a server that has not started yet. Made by
/// [`Config::candidates`](crate::Config::candidates).
#[derive(Clone)]
pub struct NodeSource(Arc<dyn Fn() -> Nodes + Send + Sync>);

impl NodeSource {
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

impl fmt::Debug for NodeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeSource")
    }
}
