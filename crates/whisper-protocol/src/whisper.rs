//! The handle of the node's Whisper, for the program, the JSON-RPC and whoever embeds the node.

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use p2p_identity::NodeId;
use p2p_mux::{Channel, Exit, Protocol};
use tokio::time::Instant;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use whisper_envelope::{Bloom, Dialect, Envelope};
use whisper_pow::{Miner, Work};

use crate::{
    delivery::PATIENCE,
    delivery::filter::{Filter, FilterError, FilterSpec},
    delivery::interest::Interest,
    delivery::mailbox::Mailbox,
    delivery::received::Received,
    delivery::watch::Watch,
    drops::Dropped,
    drops::describe,
    drops::explanation::Explanation,
    hub::Hub,
    keys::Keys,
    keys::id::FilterId,
    lock::read,
    receipts::post::{Post, PostError},
    receipts::receipt::Receipt,
    relay::admission::Verdict,
    relay::pool::Entry,
    session,
    session::remote::Remote,
    settings::{MAX_MESSAGE_SIZE, Settings},
    stats::Stats,
    wire,
};

/// The node's whole Whisper: pool, peers, keys, filters. A handle; clones are the same node.
///
/// It starts its tasks on the Tokio runtime it is made in and ends them with [`stop`](Self::stop),
/// or when the last handle is gone. It has no socket: [`protocols`](Self::protocols) are given to a
/// server, or [`attach`](Self::attach) a channel of one's own.
#[derive(Debug, Clone)]
pub struct Whisper(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    hub: Arc<Hub>,
    keys: Keys,
    miner: Miner,
    tasks: TaskTracker,
    /// The tasks end when the last handle is dropped.
    _stop: DropGuard,
}

/// The node in figures, as `shh_info` gives them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Info {
    /// Bytes that the pool takes, bookkeeping included.
    pub memory: usize,
    /// Envelopes in the pool.
    pub messages: usize,
    /// The work the node requires.
    pub min_pow: f64,
    /// The largest envelope the node takes, in bytes.
    pub max_message_size: u32,
    /// Filters in use.
    pub filters: usize,
    /// Envelopes in the message queue, which wait to be opened.
    pub queued: usize,
    /// Direct messages in the p2p queue.
    pub queued_direct: usize,
    /// Whether the node is a light client.
    pub light: bool,
    /// By how many seconds the clock is corrected, forward if positive
    /// ([`PeerSettings::clock_correction`](crate::PeerSettings::clock_correction)).
    pub clock_correction: i32,
}

/// A setting that the node cannot take. The texts are go-ethereum's.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// A work requirement that is no number, infinite or negative.
    #[error("invalid PoW: {0}")]
    InvalidPow(f64),
    /// A message size beyond [`MAX_MESSAGE_SIZE`].
    #[error("message size too large [{0}>{MAX_MESSAGE_SIZE}]")]
    MessageSizeTooLarge(u32),
}

/// No peer of this id is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Could not find peer with ID: {0}")]
pub struct NoSuchPeer(pub NodeId);

impl Whisper {
    /// Starts the node's Whisper.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let workers = settings.filters.workers.max(1);
        let hub = Arc::new(Hub::new(settings, stop.clone()));
        for _ in 0..workers {
            tasks.spawn(Arc::clone(&hub.delivery).run());
        }
        let (timer, stopped) = (Arc::clone(&hub).expire(), stop.clone());
        tasks.spawn(async move { stopped.run_until_cancelled(timer).await });
        let (idle, stopped) = (Arc::clone(&hub).remove_idle_filters(), stop.clone());
        tasks.spawn(async move { stopped.run_until_cancelled(idle).await });
        let (tracker, stopped) = (Arc::clone(&hub.tracker).run(), stop.clone());
        tasks.spawn(async move { stopped.run_until_cancelled(tracker).await });
        let (delivery, tracker) = (Arc::clone(&hub.delivery), Arc::clone(&hub.tracker));
        let stopped = stop.clone();
        tasks.spawn(async move {
            stopped.cancelled().await;
            delivery.close();
            tracker.stop();
        });
        let shared = Shared {
            hub,
            keys: Keys::default(),
            miner: Miner::default(),
            tasks,
            _stop: stop.drop_guard(),
        };
        Self(Arc::new(shared))
    }

    /// The sub-protocols shh/6 and shh/5, for a server; of the two, a connection runs the highest
    /// that the peer has too. They keep the node alive.
    #[must_use]
    pub fn protocols(&self) -> [Protocol; 2] {
        wire::ALL.map(|wire| {
            let (sessions, node, peers) = (self.clone(), self.clone(), self.clone());
            Protocol::new("shh", wire.version, wire.length, move |peer, channel| {
                sessions.attach(Remote::of(wire.dialect, peer), channel)
            })
            .node_info(move || describe::node(&node.0.hub))
            .peer_info(move |id| describe::peer(&peers.0.hub, id))
        })
    }

    /// Runs a session with a peer over a channel of any kind, until that closes, the node stops or
    /// the peer breaks the protocol. The session runs in the future returned.
    pub fn attach<R: Into<Remote>>(
        &self,
        remote: R,
        channel: Channel,
    ) -> impl Future<Output = Result<(), Exit>> + Send + use<R> {
        let session = session::run(Arc::clone(&self.0.hub), remote.into(), channel);
        self.0.tasks.track_future(session)
    }

    /// The keys that the node holds for its applications.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// The node in figures.
    #[must_use]
    pub fn info(&self) -> Info {
        let hub = &self.0.hub;
        let pools = hub.with_relays(|relay| (relay.pool().bytes(), relay.pool().len()));
        let filters = read(hub.delivery.filters()).len();
        let [queued, queued_direct] = hub.delivery.waiting();
        // The same in all dialects.
        hub.with_relay(Dialect::V6, |relay| Info {
            memory: pools.iter().map(|(bytes, _)| bytes).sum(),
            messages: pools.iter().map(|(_, envelopes)| envelopes).sum(),
            min_pow: relay.requirements().min_work().get(),
            max_message_size: relay.requirements().max_message_size(),
            filters,
            queued,
            queued_direct,
            light: relay.is_light(),
            clock_correction: hub.corrector.correction(),
        })
    }

    /// Changes the work that envelopes need, and tells the peers. For 10 s more, the old value is
    /// accepted too.
    ///
    /// # Errors
    ///
    /// [`SettingError::InvalidPow`], and nothing is changed.
    pub fn set_min_work(&self, min_work: f64) -> Result<(), SettingError> {
        let min_work = Work::new(min_work).ok_or(SettingError::InvalidPow(min_work))?;
        self.0.hub.require(|now, requirements| requirements.set_min_work(now, min_work));
        Ok(())
    }

    /// Changes the largest envelope that the node takes. Peers are not told: the protocol has no
    /// words for it.
    ///
    /// # Errors
    ///
    /// [`SettingError::MessageSizeTooLarge`], and nothing is changed.
    pub fn set_max_message_size(&self, size: u32) -> Result<(), SettingError> {
        if size > MAX_MESSAGE_SIZE {
            return Err(SettingError::MessageSizeTooLarge(size));
        }
        self.0.hub.require(|_, requirements| requirements.set_max_message_size(size));
        Ok(())
    }

    /// Changes the topics that the node wants to be sent, besides those of its filters, and tells the
    /// peers: [`Interest::Topics`] of this bloom. For 10 s more, what the old bloom asked for is
    /// accepted too.
    pub fn set_bloom(&self, bloom: Bloom) {
        self.set_interest(Interest::Topics(bloom));
    }

    /// Changes what makes the bloom that the node announces.
    pub fn set_interest(&self, interest: Interest) {
        self.0.hub.set_interest(interest);
    }

    /// The topics that the node wants to be sent, as it announces them in shh/6.
    #[must_use]
    pub fn bloom(&self) -> Bloom {
        self.0.hub.with_relay(Dialect::V6, |relay| *relay.requirements().bloom())
    }

    /// Makes the node a light client, which sends what is posted here and relays nothing, or makes it
    /// relay again what is still alive. New peers are told; to those that are connected nobody can
    /// say it.
    pub fn set_light(&self, light: bool) {
        self.0.hub.set_light(light);
    }

    /// Trusts a connected peer: its direct messages are taken, without regard to their work and
    /// age. go-ethereum forgets the mark when the connection ends; here it holds until the node
    /// stops.
    ///
    /// # Errors
    ///
    /// If no such peer is connected.
    pub fn mark_trusted(&self, id: &NodeId) -> Result<(), NoSuchPeer> {
        self.0.hub.peers.link(id).ok_or(NoSuchPeer(*id))?;
        self.0.hub.peers.trust(*id);
        Ok(())
    }

    /// Encrypts a message, does its proof of work, and sends it: to the pool, and so to all peers
    /// and to the filters here; or to [`Post::target_peer`] alone. Returns a receipt,
    /// which has the envelope's hash and tells what becomes of it.
    ///
    /// The work is done on threads of its own. Dropping the future stops it.
    ///
    /// # Errors
    ///
    /// [`PostError`], and nothing is sent.
    pub async fn post(&self, post: Post) -> Result<Receipt, PostError> {
        let hub = &self.0.hub;
        let unsealed = post.encrypt(hub.settings.clock.now(), &self.0.keys)?;
        let (min_work, max_message_size) = self.limits();
        if unsealed.size() as u64 > u64::from(max_message_size) {
            return Err(PostError::TooLarge { hash: *unsealed.seal(0).hash() });
        }
        if post.target_peer.is_none() && post.pow_target < min_work {
            return Err(PostError::PowTooLow);
        }
        let rules = hub.seal_rules(post.dialect);
        let envelope = post.seal(unsealed, &rules, &self.0.miner, &hub.counters.work).await?;
        if let Some(id) = post.target_peer {
            return Ok(hub.post_direct(id, &envelope).await?);
        }
        hub.delivery.room(Instant::now() + PATIENCE).await;
        hub.publish(envelope).map_err(PostError::Rejected)
    }

    /// The receipt of an envelope that was posted here, while it is remembered
    /// ([`ReceiptSettings::tracked`](crate::ReceiptSettings::tracked)).
    #[must_use]
    pub fn receipt(&self, hash: &[u8; 32]) -> Option<Receipt> {
        self.0.hub.receipt(hash)
    }

    /// What happened to an envelope here: who brought it, who has it and who was not sent it and why,
    /// what the filters made of it, whether it was refused. Costs a look at each peer and a trial of
    /// each filter on its topic, of which there may be [`EXPLAINED_FILTERS`](crate::EXPLAINED_FILTERS)
    /// at most; nothing is spent on it before.
    #[must_use]
    pub fn explain(&self, hash: &[u8; 32]) -> Explanation {
        self.0.hub.explain(hash)
    }

    /// Takes an envelope that was sealed elsewhere, as if it had been posted here. It has to meet
    /// all that is required of an envelope from the network, but for the bloom.
    #[must_use]
    pub fn inject(&self, envelope: Envelope) -> Verdict {
        self.inject_all(&[envelope]).pop().unwrap_or(Verdict::Known)
    }

    /// Takes many envelopes that were sealed elsewhere, in their order, as [`inject`](Self::inject)
    /// takes one; together they cost a fraction of as many alone, because they are hashed side by
    /// side. Blocks for about a microsecond each: mind the other tasks of the thread.
    #[must_use]
    pub fn inject_all(&self, envelopes: &[Envelope]) -> Vec<Verdict> {
        self.0.hub.inject(envelopes)
    }

    /// Makes a filter whose messages wait in a mailbox until [`messages`](Self::messages) fetches
    /// them.
    ///
    /// # Errors
    ///
    /// If its key does not exist.
    pub fn subscribe(&self, spec: FilterSpec) -> Result<FilterId, FilterError> {
        Ok(self.insert(spec, false)?.0)
    }

    /// Makes a filter whose messages are waited for. It ends when the [`Watch`] is dropped.
    ///
    /// # Errors
    ///
    /// If its key does not exist.
    pub fn watch(&self, spec: FilterSpec) -> Result<Watch, FilterError> {
        let (id, filter) = self.insert(spec, true)?;
        Ok(Watch::new(id, filter, Arc::clone(&self.0.hub)))
    }

    /// Removes a filter and its mailbox; false if there was none of this id.
    pub fn unsubscribe(&self, id: &FilterId) -> bool {
        self.0.hub.remove_filter(id)
    }

    /// Takes all messages out of a filter's mailbox, the oldest first. `None` if there is no such
    /// filter.
    #[must_use]
    pub fn messages(&self, id: &FilterId) -> Option<Vec<Arc<Received>>> {
        Some(self.0.hub.delivery.ask(id)?.mailbox.drain())
    }

    /// All messages in the pool that match a filter, also those that came before it was made; the
    /// mailbox stays as it is. `None` if there is no such filter. Opens every pooled envelope of
    /// the filter's topics: expensive.
    #[must_use]
    pub fn all_messages(&self, id: &FilterId) -> Option<Vec<Received>> {
        let filter = self.0.hub.delivery.ask(id)?;
        let candidates = self.0.hub.with_relays(|relay| {
            let entries = relay.pool().iter().filter(|entry| filter.has_topic(entry.topic()));
            let admits = |entry: &&Entry| filter.admits(relay.dialect(), entry.work().get(), false);
            let copy = |entry: &Entry| {
                (relay.dialect(), Bytes::copy_from_slice(entry.raw()), entry.work().get())
            };
            entries.filter(admits).map(copy).collect::<Vec<_>>()
        });
        let open = |(dialect, raw, work)| {
            let envelope = Envelope::decode(dialect, raw).ok()?;
            let message = filter.open(&envelope).ok().filter(|message| filter.wants(message))?;
            Some(filter.received(&envelope, work, false, message))
        };
        Some(candidates.into_iter().flatten().filter_map(open).collect())
    }

    /// All counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.hub.stats()
    }

    /// Why anything was dropped, refused or cut since the start: every reason there is, how often,
    /// and its last occurrences.
    #[must_use]
    pub fn drops(&self) -> Vec<Dropped> {
        self.0.hub.drops()
    }

    /// Ends the sessions, the filters and the tasks, and waits for them.
    pub async fn stop(&self) {
        self.0.hub.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn insert(
        &self,
        spec: FilterSpec,
        lasting: bool,
    ) -> Result<(FilterId, Arc<Filter>), FilterError> {
        let mailbox = Mailbox::new(self.0.hub.settings.filters.mailbox);
        let filter = Filter::new(spec, &self.0.keys, mailbox)?;
        let filter = Arc::new(filter.made_at(self.0.hub.settings.clock.now()));
        let id = self.0.hub.insert_filter(Arc::clone(&filter), lasting);
        if self.0.hub.stop.is_cancelled() {
            filter.mailbox.close(); // the others were closed when the node stopped
        }
        Ok((id, filter))
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }

    fn limits(&self) -> (f64, u32) {
        let info = self.info();
        (info.min_pow, info.max_message_size)
    }
}
