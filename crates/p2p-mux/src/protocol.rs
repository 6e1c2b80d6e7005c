//! A sub-protocol: what it is called, how many codes it has, and the code that runs it.

mod channel;
mod exit;
mod observed_message;
mod peer;
mod pipe;
mod typed_channel;

use core::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use p2p_identity::NodeId;
use tokio::sync::mpsc;

use crate::{Capability, Offer, OnExit, OnOverload, QueueLimits, SlotSettings};
pub use channel::{Channel, Receiver, Sender};
pub(crate) use channel::{Credit, Line, Target};
pub use exit::Exit;
pub use observed_message::{Direction, ObservedMessage};
pub use peer::{Origin, Peer};
pub use typed_channel::{TypedChannel, TypedReceiver, TypedSender};

/// A sub-protocol that can run on every connection on which the other end has it too.
///
/// A plain value, cheap to clone: it can be given to any number of connections and servers.
#[derive(Clone)]
pub struct Protocol {
    offer: Offer,
    run: Arc<Run>,
    node_info: Option<Arc<NodeInfo>>,
    peer_info: Option<Arc<PeerInfo>>,
    observers: Vec<mpsc::Sender<ObservedMessage>>,
}

type Run = dyn Fn(Peer, Channel) -> BoxFuture<'static, Result<(), Exit>> + Send + Sync;
type NodeInfo = dyn Fn() -> String + Send + Sync;
type PeerInfo = dyn Fn(&NodeId) -> Option<String> + Send + Sync;

impl Protocol {
    /// The sub-protocol `name/version` with message codes `0..length`, run on each connection by a
    /// task of its own that calls `run`.
    ///
    /// When the task ends, whether it returned, failed or panicked, its slot closes; the connection
    /// and its other slots go on ([`on_exit`](Self::on_exit)). When the connection ends,
    /// [`Channel::recv`] gives `None`, and the task should return; it is cancelled after
    /// [`Config::close_limit`](crate::Config::close_limit).
    ///
    /// By the specification a name has at most eight ASCII characters. Both ends must agree on
    /// `length`.
    #[must_use]
    pub fn new<F, Fut>(name: &'static str, version: u64, length: u64, run: F) -> Self
    where
        F: Fn(Peer, Channel) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        let capability = Capability::new(name, version);
        Self {
            offer: Offer { capability, length, settings: SlotSettings::default() },
            run: Arc::new(move |peer, channel| Box::pin(run(peer, channel))),
            node_info: None,
            peer_info: None,
            observers: Vec::new(),
        }
    }

    /// Its share of the bytes sent on a connection, against the weights of the others. Default 1.
    #[must_use]
    pub const fn weight(mut self, weight: u32) -> Self {
        self.offer.settings.weight = weight;
        self
    }

    /// How much may have arrived without being taken. Default 2 MiB and 1024 messages.
    #[must_use]
    pub const fn inbound(mut self, bytes: usize, items: usize) -> Self {
        self.offer.settings.inbound = QueueLimits { bytes, items };
        self
    }

    /// How many bytes may wait to be sent before sending waits. Default 1 MiB.
    #[must_use]
    pub const fn outbound(mut self, bytes: usize) -> Self {
        self.offer.settings.outbound = bytes;
        self
    }

    /// What happens when it does not take its messages. RLPx has no window per sub-protocol: while
    /// one is full nothing is read for anybody, so this can be bounded (by
    /// [`Config::stall_limit`](crate::Config::stall_limit)) but not avoided.
    #[must_use]
    pub const fn on_overload(mut self, overload: OnOverload) -> Self {
        self.offer.settings.on_overload = overload;
        self
    }

    /// What its end means for the connection.
    #[must_use]
    pub const fn on_exit(mut self, on_exit: OnExit) -> Self {
        self.offer.settings.on_exit = on_exit;
        self
    }

    /// What this end of the sub-protocol says about itself, as JSON: for `admin_nodeInfo`.
    #[must_use]
    pub fn node_info(mut self, info: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.node_info = Some(Arc::new(info));
        self
    }

    /// What it knows about a peer, as JSON: for `admin_peers`.
    #[must_use]
    pub fn peer_info(
        mut self,
        info: impl Fn(&NodeId) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.peer_info = Some(Arc::new(info));
        self
    }

    /// Puts an event into `observer` for each message that is handed to this sub-protocol or sealed
    /// for the wire, on every connection. Off by default, and then it costs nothing. One more observer
    /// beside those that are there.
    ///
    /// Nobody waits for the observer: what its queue has no room for is missed, and counted in
    /// [`SlotStats::unobserved`](crate::SlotStats::unobserved). A receiver that is gone is ignored.
    #[must_use]
    pub fn observe(mut self, observer: mpsc::Sender<ObservedMessage>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Name and version.
    #[must_use]
    pub const fn capability(&self) -> &Capability {
        &self.offer.capability
    }

    /// How many message codes it has.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.offer.length
    }

    /// What it may take of a connection.
    #[must_use]
    pub const fn settings(&self) -> &SlotSettings {
        &self.offer.settings
    }

    /// Name, version, length and settings: what the pure [`Connection`](crate::Connection) needs.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// What [`node_info`](Self::node_info) was told to say.
    #[must_use]
    pub fn describe_node(&self) -> Option<String> {
        self.node_info.as_ref().map(|info| info())
    }

    /// What [`peer_info`](Self::peer_info) was told to say about that peer.
    #[must_use]
    pub fn describe_peer(&self, peer: &NodeId) -> Option<String> {
        self.peer_info.as_ref().and_then(|info| info(peer))
    }

    pub(crate) fn observers(&self) -> &[mpsc::Sender<ObservedMessage>] {
        &self.observers
    }

    /// Runs it on `channel`; a connection does this by itself, a test with
    /// [`Channel::pipe`](crate::Channel::pipe).
    ///
    /// # Errors
    ///
    /// Whatever the sub-protocol ends with.
    pub async fn run(&self, peer: Peer, channel: Channel) -> Result<(), Exit> {
        (self.run)(peer, channel).await
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protocol").field("offer", &self.offer).finish_non_exhaustive()
    }
}
