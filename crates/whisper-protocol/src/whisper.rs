//! The handle of a Whisper node.

pub(crate) mod describe;
pub(crate) mod explanation;
pub(crate) mod history;
mod info;
mod mail;
mod node;
mod pooled;
pub(crate) mod state;
pub(crate) mod trace;

use std::{future::Future, sync::Arc};

use p2p_identity::NodeId;
use p2p_mux::{Channel, Exit, HistogramSample, Protocol};
use p2p_world::rng;
use tokio::time::Instant;
use tracing::Instrument as _;
use whisper_envelope::{Bloom, Envelope};
use whisper_pow::{Client, Miner, Work};

use crate::{
    config::{Config, MAX_MESSAGE_SIZE},
    delivery::arrival::Source,
    delivery::driver::MAX_QUEUE_WAIT,
    delivery::filter::{Filter, FilterError, FilterSpec},
    delivery::interest::Interest,
    delivery::mailbox::Mailbox,
    delivery::mailbox::usage::{ClientUsage, Usage, UsageLimits},
    delivery::message::ReceivedMessage,
    delivery::watch::Watch,
    drops::Dropped,
    keys::{Keys, id::FilterId},
    peers::rate_limit::RateLimits,
    peers::remote::Remote,
    receipts::post::{Post, PostError},
    receipts::receipt::Receipt,
    receipts::sealing::PostSeals,
    relay::admission::{EnvelopeOutcome, Requirements},
    session::{self, context::SessionContext},
    stats::Stats,
    whisper::explanation::{Explanation, FilterView},
    whisper::node::Node,
    whisper::state::ApplicationStore,
    wire,
};
pub use info::Info;

/// A Whisper node: pool, peers, keys and filters. A handle; clones are the same node.
///
/// It starts its tasks on the Tokio runtime it is made in. They end with [`stop`](Self::stop), or when the last
/// handle is dropped. It has no socket: pass its [`protocols`](Self::protocols) to a server, or
/// [`attach`](Self::attach) a channel.
///
/// The ids of keys in posts and filters are those of [`keys`](Self::keys), which a handle of its own may have.
#[derive(Debug, Clone)]
pub struct Whisper {
    node: Arc<Node>,
    keys: Arc<Keys>,
    /// The name under which keys and filters are kept.
    application: Arc<str>,
    /// The miner of the node, with a count of what this application uses.
    miner: Miner,
    usage: ClientUsage,
}

/// A message size beyond [`MAX_MESSAGE_SIZE`]. The text is go-ethereum's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("message size too large [{0}>{MAX_MESSAGE_SIZE}]")]
pub struct MessageSizeError(pub u32);

/// No peer with this id is connected. The text is go-ethereum's, with the hash of the id as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Could not find peer with ID: {}", hex::encode(.0.hash()))]
pub struct NoSuchPeer(pub NodeId);

impl Whisper {
    /// Starts a node.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let (keys, node) = (Arc::new(Keys::new(&mut rng())), Arc::new(Node::start(config)));
        let (miner, usage) = (node.miner.counted(), ClientUsage::default());
        Self { node, keys, application: "".into(), miner, usage }
    }

    /// The same node for an application with keys of its own: it cannot use the keys of others, whatever ids it gives. What
    /// it uses of the node is counted on its own ([`usage`](Self::usage)).
    #[must_use]
    pub fn with_keys(&self, keys: Keys) -> Self {
        let (miner, usage) = (self.node.miner.counted(), ClientUsage::default());
        Self { keys: Arc::new(keys), miner, usage, ..self.clone() }
    }

    /// The same node for an application with keys of its own, under whose name its keys and filters are kept.
    pub fn for_application(&self, name: impl Into<Arc<str>>, keys: Keys) -> Self {
        Self { application: name.into(), ..self.with_keys(keys) }
    }

    /// What the application that has this handle and its clones uses of the node.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let core_time = self.miner.core_time();
        Usage { core_time, ..self.usage.read(self.context().delivery.uptime()) }
    }

    /// Limits what the application that has this handle and its clones may use of the node. It applies to filters that it
    /// has already, too.
    pub fn limit_usage(&self, limits: UsageLimits) {
        self.usage.set_limits(limits);
    }

    /// Lets the proofs of work of the application that has this handle and its clones wait, or go on.
    pub fn pause_work(&self, paused: bool) {
        self.miner.pause(paused);
    }

    /// What is kept of the application.
    pub const fn state(&self) -> ApplicationStore<'_> {
        ApplicationStore::new(self)
    }

    /// The sub-protocols shh/6 and shh/5, for a server. A connection runs the highest version that the peer has as well.
    /// They keep the node alive.
    #[must_use]
    pub fn protocols(&self) -> [Protocol; 2] {
        wire::ALL.map(|wire| {
            let (sessions, node, peers) = (self.clone(), self.clone(), self.clone());
            Protocol::new("shh", wire.version, wire.length, move |peer, channel| {
                sessions.attach(Remote::of(wire.dialect, peer), channel)
            })
            .node_info(move || describe::node(node.context()))
            .peer_info(move |id| describe::peer(peers.context(), id))
        })
    }

    /// Runs a session with a peer over a channel, until the channel closes, the node stops or the peer violates the
    /// protocol. The session runs in the returned future.
    pub fn attach<R: Into<Remote>>(
        &self,
        remote: R,
        channel: Channel,
    ) -> impl Future<Output = Result<(), Exit>> + Send + use<R> {
        let session = session::run(Arc::clone(&self.node.context), remote.into(), channel);
        self.node.tasks.track_future(session)
    }

    /// The keys that the node holds for its applications.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The node in figures.
    #[must_use]
    pub fn info(&self) -> Info {
        let SessionContext { relays, delivery, corrector, .. } = self.context();
        let (pool_bytes, envelopes) = relays.relays().pool_size();
        let requirements = relays.relays().requirements();
        let [queued, queued_direct] = delivery.delivery().queued();
        Info {
            pool_bytes,
            pool_limit: relays.relays().pool_budget(),
            envelopes,
            min_work: requirements.min_work(),
            max_message_size: requirements.max_message_size(),
            filters: delivery.delivery().filter_count(),
            queued,
            queued_direct,
            light: relays.relays().is_light(),
            clock_correction: corrector.correction(),
            clock_excess: corrector.excess(),
        }
    }

    /// Changes the work that envelopes need, and tells the peers. For 10 s, the old value is still accepted.
    pub fn set_min_work(&self, min_work: Work) {
        let set = |now, requirements: &mut Requirements| requirements.set_min_work(now, min_work);
        self.context().relays.require(set);
    }

    /// Changes the largest envelope that the node accepts. Peers are not told: the protocol has no message for it.
    ///
    /// # Errors
    ///
    /// If the size exceeds [`MAX_MESSAGE_SIZE`]. Then nothing is changed.
    pub fn set_max_message_size(&self, size: u32) -> Result<(), MessageSizeError> {
        if size > MAX_MESSAGE_SIZE {
            return Err(MessageSizeError(size));
        }
        self.context().relays.require(|_, requirements| requirements.set_max_message_size(size));
        Ok(())
    }

    /// Changes the topics that the node asks for, besides those of its filters, to [`Interest::Topics`] of this bloom, and
    /// tells the peers. For 10 s, the topics of the old bloom are still accepted.
    pub fn set_bloom(&self, bloom: Bloom) {
        self.set_interest(Interest::Topics(bloom));
    }

    /// Changes the topics that the node asks for, and tells the peers.
    pub fn set_interest(&self, interest: Interest) {
        self.node.subscriptions.set_interest(interest);
    }

    /// The topics that the node asks for, as it announces them in shh/6.
    #[must_use]
    pub fn bloom(&self) -> Bloom {
        self.context().relays.relays().bloom()
    }

    /// Changes how much peers may send. What a peer has used of the old limits counts for the new ones. New peers are told;
    /// connected ones keep the announcement that they got, and packets beyond the new limits are dropped.
    pub fn set_rate_limits(&self, limits: RateLimits) {
        self.context().relays.set_rates(limits.announced());
        self.context().limiter.set(limits);
    }

    /// Makes the node a light client, which sends what is posted here and relays nothing, or makes it relay again what is
    /// still alive. New peers are told; for connected ones the protocol has no message.
    pub fn set_light(&self, light: bool) {
        self.context().relays.set_light(light);
    }

    /// Trusts a connected peer: its direct messages are accepted, whatever their work and age. The peer stays trusted
    /// until the node stops; in go-ethereum, until the connection ends.
    ///
    /// # Errors
    ///
    /// If no such peer is connected.
    pub fn mark_trusted(&self, id: &NodeId) -> Result<(), NoSuchPeer> {
        self.context().links.find(id).ok_or(NoSuchPeer(*id))?;
        self.context().trusted.insert(*id);
        Ok(())
    }

    /// Encrypts a message, does its proof of work, and sends it: to the pool, and from there to all peers and to the
    /// filters of this node; or only to [`Post::target_peer`]. Returns a receipt, which has the envelope's hash and tells
    /// what becomes of it.
    ///
    /// There is an envelope for each rule of work that the peers need ([`Sealing`](crate::Sealing)). Check
    /// [`Receipt::unmet`]: peers that apply one of those rules are not sent the message.
    ///
    /// The proof of work runs on threads of its own. Dropping the future stops it.
    ///
    /// # Errors
    ///
    /// [`PostError`]. Then nothing is sent.
    pub async fn post(&self, post: Post) -> Result<Receipt, PostError> {
        self.seal_and_send(post).instrument(tracing::debug_span!("post")).await
    }

    async fn seal_and_send(&self, post: Post) -> Result<Receipt, PostError> {
        let SessionContext { corrector, relays, rules, counters, delivery, tracker, .. } =
            self.context();
        let start = Instant::now();
        let unsealed = post.encrypt(corrector.now(), &self.keys, &mut p2p_world::rng())?;
        let requirements = relays.relays().requirements();
        post.check(&unsealed, requirements.max_message_size(), requirements.min_work())?;
        let dialect = post.dialect;
        let needed = || rules.seal_rules(dialect, || relays.relays().peer_rules(dialect));
        let (first, others) = needed();
        let now = || corrector.now();
        if let Some(id) = post.target_peer {
            let sealed = post.seal(unsealed, first, &[], &self.miner, counters, now).await?;
            let sent = self.node.publisher.send_direct(id, first, &sealed.first.1).await;
            return Ok(sent.inspect(|_| counters.timings.post.record(start.elapsed()))?);
        }
        let sealed = post.seal(unsealed, first, &others, &self.miner, counters, now).await?;
        delivery.wait_for_room(Source::Own, Instant::now() + MAX_QUEUE_WAIT).await;
        let receipt = self.node.publisher.publish(sealed).map_err(PostError::Rejected)?;
        counters.timings.post.record(start.elapsed());
        if needed().1.iter().any(|rule| !others.contains(rule)) {
            tracker.handle_joined(); // a peer joined while the message was being sealed
        }
        Ok(receipt)
    }

    /// The receipt of an envelope that was posted here, while it is remembered
    /// ([`ReceiptSettings::tracked`](crate::ReceiptSettings::tracked)).
    #[must_use]
    pub fn receipt(&self, hash: &[u8; 32]) -> Option<Receipt> {
        self.node.publisher.receipt(hash)
    }

    /// The receipts of at most `count` posts of this node, the newest first, as far as they are remembered.
    #[must_use]
    pub fn latest_posts(&self, count: usize) -> Vec<Receipt> {
        self.node.publisher.latest(count)
    }

    /// What happened to an envelope on this node: where it came from, which peers have it and why others were not sent
    /// it, what the filters did with it, and whether it was rejected.
    ///
    /// It checks each peer, and tries each filter on the topic, up to [`EXPLAINED_FILTERS`](crate::EXPLAINED_FILTERS).
    /// Nothing is stored for it in advance.
    #[must_use]
    pub fn explain(&self, hash: &[u8; 32]) -> Explanation {
        self.explain_to(hash, None, &|_, _| true)
    }

    /// Like [`explain`](Self::explain), for an application that may not learn the ids of all filters: only the filters
    /// that are `wanted`, by their id and [owner](FilterSpec::owner), are tried and listed. The others are counted. With
    /// the key of an `owner`, filters of other owners are not even counted, and it does not matter what waits for them.
    #[must_use]
    pub fn explain_to(
        &self,
        hash: &[u8; 32],
        owner: Option<u64>,
        wanted: &dyn Fn(&FilterId, Client) -> bool,
    ) -> Explanation {
        let SessionContext { relays, delivery, counters, .. } = self.context();
        let seals = self.node.publisher.seals(hash);
        let envelopes: Vec<_> = seals.iter().flat_map(PostSeals::envelopes).copied().collect();
        let hashes: Vec<_> = envelopes.iter().map(|envelope| envelope.hash).collect();
        let view = FilterView { owner, wanted };
        Explanation {
            hash: *hash,
            state: explanation::state(relays.relays(), delivery.delivery(), hash, &hashes, view),
            drops: counters.about(hash),
            receipt: self.node.publisher.state(hash),
            envelopes,
        }
    }

    /// Processes an envelope that was sealed elsewhere, as if it had been posted here. It must meet all requirements for
    /// envelopes from the network, except the bloom.
    #[must_use]
    pub fn inject(&self, envelope: Envelope) -> EnvelopeOutcome {
        self.inject_all(&[envelope]).pop().unwrap_or(EnvelopeOutcome::Known)
    }

    /// Processes many envelopes in order, each as [`inject`](Self::inject) does. Together they cost a fraction of single
    /// calls, because they are hashed side by side. Blocks the thread for about a microsecond each.
    #[must_use]
    pub fn inject_all(&self, envelopes: &[Envelope]) -> Vec<EnvelopeOutcome> {
        self.context().relays.inject(envelopes)
    }

    /// Makes a filter whose messages wait in a mailbox until [`take_messages`](Self::take_messages) fetches them.
    ///
    /// # Errors
    ///
    /// If its key does not exist.
    pub fn subscribe(&self, spec: FilterSpec) -> Result<FilterId, FilterError> {
        Ok(self.insert(spec, false)?.0)
    }

    /// Makes a filter whose messages are waited for. It is removed when the [`Watch`] is dropped.
    ///
    /// # Errors
    ///
    /// If its key does not exist.
    pub fn watch(&self, spec: FilterSpec) -> Result<Watch, FilterError> {
        let (id, filter) = self.insert(spec, true)?;
        Ok(Watch::new(id, filter, Arc::clone(&self.node.subscriptions)))
    }

    /// Removes a filter and its mailbox; false if there is none with this id.
    pub fn unsubscribe(&self, id: &FilterId) -> bool {
        self.node.subscriptions.remove(id)
    }

    /// Fetches messages as [`ApplicationStore::fetch`] does, without waiting for a store. `None` if there is no such filter.
    #[must_use]
    pub fn take_messages(&self, id: &FilterId) -> Option<Vec<Arc<ReceivedMessage>>> {
        Some(self.context().delivery.touch(id)?.take_messages())
    }

    /// All messages in the pool that match a filter, each once, including those that arrived before the filter was made.
    /// The mailbox is not changed. `None` if there is no such filter. Expensive: it opens every pooled envelope of the filter's
    /// topics.
    #[must_use]
    pub fn all_messages(&self, id: &FilterId) -> Option<Vec<ReceivedMessage>> {
        let filter = self.context().delivery.touch(id)?;
        Some(pooled::messages(self.context().relays.relays(), &filter))
    }

    /// All counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let SessionContext { relays, counters, .. } = self.context();
        counters.snapshot(relays.relays().stats())
    }

    /// Calls `each` with every histogram of durations.
    pub fn for_each_histogram(&self, mut each: impl FnMut(&HistogramSample<'_>)) {
        self.context().counters.timings.for_each(&mut each);
    }

    /// Why anything was dropped, rejected or disconnected since the start: every reason, how often it occurred, and its
    /// last occurrences.
    #[must_use]
    pub fn drops(&self) -> Vec<Dropped> {
        let SessionContext { relays, counters, .. } = self.context();
        counters.drops(relays.relays().stats())
    }

    /// Ends the sessions, the filters and the tasks, and waits for them.
    pub async fn stop(&self) {
        self.context().stop.cancel();
        self.context().mail.close();
        self.node.archives.close();
        self.node.tasks.close();
        self.node.tasks.wait().await;
    }

    fn insert(
        &self,
        spec: FilterSpec,
        lasting: bool,
    ) -> Result<(FilterId, Arc<Filter>), FilterError> {
        let id = FilterId::random(&mut rng());
        let filter = Filter::new(spec, &self.keys, self.mailbox())?;
        let filter = filter.made_at(self.context().corrector.now());
        let filter = if lasting { Arc::new(filter) } else { self.state().keep_filter(id, filter) };
        self.node.subscriptions.insert(id, &filter, lasting);
        if self.context().stop.is_cancelled() {
            filter.mailbox.close(); // the other mailboxes were closed when the node stopped
        }
        Ok((id, filter))
    }

    fn mailbox(&self) -> Mailbox {
        Mailbox::new(self.node.mailbox).counted(&self.usage)
    }

    fn context(&self) -> &SessionContext {
        &self.node.context
    }
}
