//! The connections over which this node asks and answers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use p2p_identity::NodeId;
use p2p_mux::{Channel, Exit};
use p2p_world::HashMap;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    answer::{LocalRecord, TraceOff},
    session,
    settings::TraceSettings,
    tracer::{Admission, Connection, MAX_TIME, Output, Tracer},
    tree::Trace,
    wire::{MAX_HOPS, MAX_RECORDS, QuestionId, TraceAnswer, TraceMessage, TraceQuestion},
};
use crate::{
    clock::Clock,
    drops::Occurrence,
    lock::lock,
    stats::{Counter, Reason, counters::Counters},
};

/// Maximum number of messages that wait to be sent to one peer.
const MAX_QUEUED: usize = 128;

/// Number of bytes from which on no further message is queued for a peer.
const MAX_QUEUED_BYTES: usize = 1024 * 1024;

/// The connections over which this node asks and answers.
#[derive(Debug)]
pub(crate) struct TracePeers {
    /// `None`: the node does not speak `trace/1`.
    settings: Mutex<Option<TraceSettings>>,
    state: Mutex<State>,
    local: LocalRecord,
    counters: Arc<Counters>,
    clock: Clock,
    pub(super) stop: CancellationToken,
    /// Notified when the next timeout may have moved forward.
    timeout: Notify,
}

#[derive(Debug, Default)]
struct State {
    tracer: Tracer,
    next: Connection,
    queues: BTreeMap<Connection, PeerQueue>,
    /// Who waits for the answers to the questions of this node.
    asking: HashMap<QuestionId, oneshot::Sender<TraceAnswer>>,
}

/// What waits to be sent to a peer.
#[derive(Debug)]
struct PeerQueue {
    messages: mpsc::Sender<(u64, Bytes)>,
    bytes: Arc<AtomicUsize>,
    overrun: CancellationToken,
}

/// The end of a queue from which the session sends.
#[derive(Debug)]
pub(super) struct Outgoing {
    messages: mpsc::Receiver<(u64, Bytes)>,
    bytes: Arc<AtomicUsize>,
    /// Cancelled when too much waits: the peer does not read.
    pub(super) overrun: CancellationToken,
}

impl Outgoing {
    /// The next message; `None` if too much waited.
    pub(super) async fn next(&mut self) -> Option<(u64, Bytes)> {
        let message = self.messages.recv().await?;
        self.bytes.fetch_sub(message.1.len(), Relaxed);
        Some(message)
    }
}

impl TracePeers {
    pub(crate) fn new(
        local: LocalRecord,
        counters: Arc<Counters>,
        clock: Clock,
        stop: CancellationToken,
    ) -> Self {
        let (settings, state, timeout) = (Mutex::default(), Mutex::default(), Notify::new());
        Self { settings, state, local, counters, clock, stop, timeout }
    }

    /// The node speaks `trace/1` from now on.
    pub(crate) fn set(&self, settings: TraceSettings) {
        *lock(&self.settings) = Some(settings);
    }

    pub(super) fn settings(&self) -> Option<TraceSettings> {
        lock(&self.settings).clone()
    }

    /// Runs a connection with a peer until it ends.
    pub(crate) async fn run(self: Arc<Self>, peer: NodeId, channel: Channel) -> Result<(), Exit> {
        session::run(&self, peer, channel).await
    }

    /// Asks all nodes that consent, and waits for their answers.
    pub(crate) async fn ask(&self, hash: [u8; 32], time: Duration) -> Result<Trace, TraceOff> {
        let settings = self.settings().ok_or(TraceOff)?;
        let time = time.min(MAX_TIME);
        let question = TraceQuestion {
            id: QuestionId(p2p_world::rng().bytes()),
            hash,
            hops: MAX_HOPS,
            time: u32::try_from(time.as_millis()).unwrap_or(u32::MAX),
            limit: u32::try_from(MAX_RECORDS).unwrap_or(u32::MAX),
        };
        let (sender, answer) = oneshot::channel();
        lock(&self.state).asking.insert(question.id, sender);
        let asking = Asking { peers: self, id: question.id };
        self.begin(&settings, None, &question);
        // The answer comes, with what there is when the time is over; but not if the node stops.
        let answer = self.stop.run_until_cancelled(answer).await.and_then(Result::ok);
        drop(asking);
        let answer = answer.unwrap_or_else(|| TraceAnswer {
            id: question.id,
            records: vec![self.local.of(settings.own, &hash)],
            is_cut: true,
        });
        Ok(Trace::of(hash, settings.own, answer))
    }

    /// Answers open questions when their time is over.
    pub(crate) async fn run_timeouts(self: Arc<Self>) {
        loop {
            let next = lock(&self.state).tracer.poll_timeout();
            // A far time stands for none.
            let next = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                biased;
                () = self.timeout.notified() => {}
                () = sleep_until(next) => self.change(|tracer| tracer.handle_timeout(Instant::now())),
            }
        }
    }

    /// A peer has said that it is in the same network. Returns the number of the connection, and what is to be sent.
    pub(super) fn insert(&self, peer: NodeId) -> (Connection, Outgoing) {
        let (messages, receiver) = mpsc::channel(MAX_QUEUED);
        let bytes = Arc::new(AtomicUsize::new(0));
        let mut state = lock(&self.state);
        state.next += 1;
        let connection = state.next;
        let overrun = CancellationToken::new();
        let queue = PeerQueue { messages, bytes: Arc::clone(&bytes), overrun: overrun.clone() };
        state.queues.insert(connection, queue);
        state.tracer.handle_peer(Instant::now(), connection, peer);
        (connection, Outgoing { messages: receiver, bytes, overrun })
    }

    /// A connection has ended.
    pub(super) fn remove(&self, connection: Connection) {
        lock(&self.state).queues.remove(&connection);
        self.change(|tracer| tracer.handle_closed(connection));
    }

    /// A peer asks.
    pub(super) fn handle_question(
        &self,
        settings: &TraceSettings,
        from: Connection,
        question: &TraceQuestion,
    ) {
        let now = Instant::now();
        match self.change(|tracer| tracer.handle_question(now, from, question)) {
            Admission::New => {
                self.counters.one(Counter::TraceAnswered);
                self.begin(settings, Some(from), question);
            }
            Admission::Repeated => {}
            Admission::Refused => {
                let occurrence = Occurrence::at(self.clock.now()).of(&question.hash);
                self.counters.record(Reason::TraceRefused, occurrence);
            }
        }
    }

    pub(super) fn handle_answer(&self, from: Connection, answer: TraceAnswer) {
        self.change(|tracer| tracer.handle_answer(from, answer));
    }

    fn begin(&self, settings: &TraceSettings, asker: Option<Connection>, question: &TraceQuestion) {
        let record = self.local.of(settings.own, &question.hash);
        // The program may look at its own tables for this, so not under the lock.
        let peers = lock(&self.state).tracer.peers();
        let peers = peers.into_iter().filter(|(_, id)| (settings.may_trace)(id));
        let targets: Vec<_> = peers.map(|(connection, _)| connection).collect();
        let now = Instant::now();
        self.change(|tracer| tracer.begin(now, asker, question, record, &targets));
        self.timeout.notify_one();
    }

    /// Changes the machine, and does what it wants.
    fn change<T>(&self, change: impl FnOnce(&mut Tracer) -> T) -> T {
        let mut state = lock(&self.state);
        let changed = change(&mut state.tracer);
        while let Some(output) = state.tracer.poll_output() {
            match output {
                Output::Send { to, message } => state.send(to, &message),
                Output::Done(answer) => {
                    if let Some(asking) = state.asking.remove(&answer.id) {
                        // Who asked may be gone.
                        let _ = asking.send(answer);
                    }
                }
            }
        }
        changed
    }
}

impl State {
    /// Queues a message. If too much waits, the peer does not read: its session ends.
    fn send(&mut self, to: Connection, message: &TraceMessage) {
        let Some(queue) = self.queues.get(&to) else { return };
        let message = message.encode();
        let bytes = message.1.len();
        let is_full = queue.bytes.load(Relaxed) >= MAX_QUEUED_BYTES;
        if is_full || queue.messages.try_send(message).is_err() {
            queue.overrun.cancel();
            self.queues.remove(&to);
            return;
        }
        queue.bytes.fetch_add(bytes, Relaxed);
    }
}

/// A question of this node. It is forgotten when the answer is no longer awaited.
struct Asking<'a> {
    peers: &'a TracePeers,
    id: QuestionId,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        lock(&self.peers.state).asking.remove(&self.id);
    }
}
