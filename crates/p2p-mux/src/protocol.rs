//! A sub-protocol: its name, its version, the number of its codes, and the function that runs it.

mod channel;
mod exit;
mod observed_message;
mod peer;
mod pipe;
mod protocol_end;
mod typed_channel;

use core::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use p2p_identity::NodeId;
use tokio::sync::mpsc;

use crate::{Capability, Offer, OnExit, OnOverload, QueueLimits, SlotSettings};
pub use channel::{Channel, Receiver, Sender};
pub(crate) use channel::{FreedTarget, SendTarget, SenderCore};
#[cfg(test)]
pub(crate) use exit::ExitError;
pub use exit::{Exit, ExitCause};
pub use observed_message::{Direction, ObservedMessage};
pub use peer::{Origin, Peer};
pub use protocol_end::ProtocolEnd;
pub use typed_channel::{TypedChannel, TypedReceiver, TypedSender};

/// A sub-protocol that runs on every connection to a peer that has it too.
///
/// A plain value, cheap to clone. It can be used for any number of connections and servers.
#[derive(Clone)]
pub struct Protocol {
    offer: Offer,
    run: Arc<Run>,
    node_info: Option<Arc<NodeInfo>>,
    peer_info: Option<Arc<PeerInfo>>,
    observers: Vec<mpsc::Sender<ObservedMessage>>,
    end_observers: Vec<mpsc::Sender<ProtocolEnd>>,
}

type Run = dyn Fn(Peer, Channel) -> BoxFuture<'static, Result<(), Exit>> + Send + Sync;
type NodeInfo = dyn Fn() -> String + Send + Sync;
type PeerInfo = dyn Fn(&NodeId) -> Option<String> + Send + Sync;

impl Protocol {
    /// Creates the sub-protocol `name/version` with the message codes `0..length`. On each connection
    /// a task calls `run`.
    ///
    /// When the task returns, fails or panics, its slot closes. The connection and its other slots
    /// continue, unless [`on_exit`](Self::on_exit) says otherwise. When the connection ends,
    /// [`Channel::recv`] returns `None` and the task should return; it is cancelled after
    /// [`Config::close_limit`](crate::Config::close_limit).
    ///
    /// According to the specification a name has at most eight ASCII characters. Both ends must agree
    /// on `length`.
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
            end_observers: Vec::new(),
        }
    }

    /// Sets the share of the sent bytes, relative to the weights of the other slots. Default 1.
    #[must_use]
    pub const fn weight(mut self, weight: u32) -> Self {
        self.offer.settings.weight = weight;
        self
    }

    /// Sets the limits of the inbound queue. Default 2 MiB and 1024 messages.
    #[must_use]
    pub const fn inbound(mut self, bytes: usize, items: usize) -> Self {
        self.offer.settings.inbound = QueueLimits { bytes, items };
        self
    }

    /// Sets the maximum size of the outbound queue, in bytes. Default 1 MiB.
    #[must_use]
    pub const fn outbound(mut self, bytes: usize) -> Self {
        self.offer.settings.outbound = bytes;
        self
    }

    /// Sets what happens when the task does not take its messages. Default [`OnOverload::CloseSlot`].
    ///
    /// RLPx has no flow control per sub-protocol: while one inbound queue is full, nothing is read
    /// for the other slots either. [`Config::stall_limit`](crate::Config::stall_limit) bounds that
    /// time.
    #[must_use]
    pub const fn on_overload(mut self, overload: OnOverload) -> Self {
        self.offer.settings.on_overload = overload;
        self
    }

    /// Sets what happens to the connection when the task has ended. Default [`OnExit::Close`].
    #[must_use]
    pub const fn on_exit(mut self, on_exit: OnExit) -> Self {
        self.offer.settings.on_exit = on_exit;
        self
    }

    /// Sets the function that describes this sub-protocol as JSON, for `admin_nodeInfo`.
    #[must_use]
    pub fn node_info(mut self, info: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.node_info = Some(Arc::new(info));
        self
    }

    /// Sets the function that describes a peer as JSON, for `admin_peers`.
    #[must_use]
    pub fn peer_info(
        mut self,
        info: impl Fn(&NodeId) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.peer_info = Some(Arc::new(info));
        self
    }

    /// Adds an observer: it gets an event for each message of this sub-protocol that is delivered or
    /// encrypted, on every connection. Without observers this costs nothing.
    ///
    /// If the queue of the observer is full, it misses the event, and
    /// [`SlotStats::unobserved`](crate::SlotStats::unobserved) counts it. A closed queue is ignored.
    #[must_use]
    pub fn observe(mut self, observer: mpsc::Sender<ObservedMessage>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Adds an observer: it gets an event whenever this sub-protocol fails or panics, on every connection. If the queue
    /// of the observer is full, it misses the event. A closed queue is ignored.
    #[must_use]
    pub fn observe_ends(mut self, observer: mpsc::Sender<ProtocolEnd>) -> Self {
        self.end_observers.push(observer);
        self
    }

    /// Name and version.
    #[must_use]
    pub const fn capability(&self) -> &Capability {
        &self.offer.capability
    }

    /// Number of message codes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.offer.length
    }

    /// What it may use of a connection.
    #[must_use]
    pub const fn settings(&self) -> &SlotSettings {
        &self.offer.settings
    }

    /// Name, version, length and settings, as [`Connection`](crate::Connection) needs them.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Calls the function set with [`node_info`](Self::node_info).
    #[must_use]
    pub fn describe_node(&self) -> Option<String> {
        self.node_info.as_ref().map(|info| info())
    }

    /// Calls the function set with [`peer_info`](Self::peer_info).
    #[must_use]
    pub fn describe_peer(&self, peer: &NodeId) -> Option<String> {
        self.peer_info.as_ref().and_then(|info| info(peer))
    }

    pub(crate) fn observers(&self) -> &[mpsc::Sender<ObservedMessage>] {
        &self.observers
    }

    pub(crate) fn end_observers(&self) -> &[mpsc::Sender<ProtocolEnd>] {
        &self.end_observers
    }

    /// Runs it on `channel`. A connection does this itself; in a test, use
    /// [`Channel::pipe`](crate::Channel::pipe).
    ///
    /// # Errors
    ///
    /// The error with which the sub-protocol ends.
    pub async fn run(&self, peer: Peer, channel: Channel) -> Result<(), Exit> {
        (self.run)(peer, channel).await
    }
}

/// For functions that take one sub-protocol or several.
impl From<Protocol> for Vec<Protocol> {
    fn from(protocol: Protocol) -> Self {
        vec![protocol]
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protocol").field("offer", &self.offer).finish_non_exhaustive()
    }
}
