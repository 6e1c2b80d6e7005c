//! Builds the parts of a node and starts its tasks.

use std::sync::{Arc, OnceLock};

use p2p_world::{HashState, World};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use whisper_pow::Miner;

use crate::{
    archive::peers::ArchivePeers,
    clock::corrector::ClockCorrector,
    config::{Config, QueueLimits},
    delivery::Delivery,
    delivery::backfill::PoolReader,
    delivery::driver::DeliveryDriver,
    delivery::state::keeping::Keeper,
    delivery::subscriptions::Subscriptions,
    mail_server::MailQueue,
    peers::direct::DirectSender,
    peers::links::Links,
    peers::rate_limit::RateLimiter,
    peers::rule_learner::RuleLearner,
    receipts::publisher::Publisher,
    receipts::resealer::Resealer,
    receipts::tracker::PostTracker,
    relay::driver::RelayDriver,
    relay::relays::Relays,
    session::context::SessionContext,
    stats::counters::Counters,
    whisper::trace::{LocalRecord, peers::TracePeers},
};

/// All parts of a node. Its tasks end when this is dropped.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) context: Arc<SessionContext>,
    pub(super) publisher: Publisher,
    pub(super) subscriptions: Arc<Subscriptions>,
    pub(super) direct: Arc<DirectSender>,
    pub(super) archives: Arc<ArchivePeers>,
    pub(super) traces: Arc<TracePeers>,
    pub(super) miner: Miner,
    /// The limits of each filter's mailbox.
    pub(super) mailbox: QueueLimits,
    pub(super) tasks: TaskTracker,
    /// Keeps filters and keys, if there is a store.
    pub(super) keeper: OnceLock<Arc<Keeper>>,
    pub(super) world: Arc<dyn World>,
    _stop: DropGuard,
}

impl Node {
    /// Builds the parts and starts the tasks on the present Tokio runtime.
    pub(super) fn start(config: Config) -> Self {
        let counters = Arc::new(Counters::default());
        let max_correction = config.peers.clock_correction;
        let corrector = Arc::new(ClockCorrector::new(config.clock(), max_correction));
        let delivery = Delivery::new(&config, Arc::clone(&counters));
        let delivery = Arc::new(DeliveryDriver::new(delivery, corrector.corrected()));
        let tracker = Arc::new(PostTracker::new(config.receipts, Arc::clone(&counters)));
        let links = Arc::new(Links::default());
        let pools = Arc::new(Relays::new(&config, &HashState::default()));
        let relays = Arc::new(RelayDriver::new(
            Arc::clone(&pools),
            Arc::clone(&corrector),
            Arc::clone(&links),
            Arc::clone(&delivery),
            Arc::clone(&tracker),
            Arc::clone(&counters),
        ));
        let direct = Arc::new(DirectSender::new(Arc::clone(&links), Arc::clone(&counters)));
        let publisher =
            Publisher::new(Arc::clone(&relays), Arc::clone(&tracker), Arc::clone(&direct));
        let subscriptions =
            Arc::new(Subscriptions::new(Arc::clone(&delivery), Arc::clone(&relays)));
        let Config { work, peers, filters, world, miner, .. } = config;
        let stop = CancellationToken::new();
        let context = SessionContext {
            stop: stop.clone(),
            limiter: RateLimiter::new(peers.rates.clone()),
            settings: peers,
            counters,
            corrector,
            links,
            trusted: Arc::default(),
            rules: Arc::new(RuleLearner::new(work)),
            delivery,
            tracker,
            relays,
            mail: Arc::new(MailQueue::new(Arc::clone(&direct))),
        };
        let tasks = Tasks { world, tracker: TaskTracker::new() };
        for _ in 0..filters.workers.max(1) {
            let pools: Arc<dyn PoolReader> = Arc::clone(&pools) as _;
            tasks.spawn(Arc::clone(&context.delivery).run(pools));
        }
        spawn(&tasks, &context, &subscriptions);
        spawn_resealer(&tasks, &context, miner.clone());
        Self {
            archives: tasks.archives(&context),
            traces: tasks.traces(&context, pools),
            context: Arc::new(context),
            publisher,
            subscriptions,
            direct,
            miner,
            mailbox: filters.mailbox,
            tasks: tasks.tracker,
            keeper: OnceLock::new(),
            world: tasks.world,
            _stop: stop.drop_guard(),
        }
    }
}

/// Starts tasks, and knows which of them have not ended.
struct Tasks {
    world: Arc<dyn World>,
    tracker: TaskTracker,
}

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.world.spawn(Box::pin(self.tracker.track_future(task)));
    }

    fn archives(&self, context: &SessionContext) -> Arc<ArchivePeers> {
        let (world, tracker) = (Arc::clone(&self.world), self.tracker.clone());
        let counters = Arc::clone(&context.counters);
        Arc::new(ArchivePeers::new(world, tracker, context.stop.clone(), counters))
    }

    fn traces(&self, context: &SessionContext, relays: Arc<Relays>) -> Arc<TracePeers> {
        let (counters, stop) = (Arc::clone(&context.counters), context.stop.clone());
        let local = LocalRecord::new(relays, Arc::clone(&counters));
        let clock = context.corrector.corrected();
        let traces = Arc::new(TracePeers::new(local, counters, clock, stop.clone()));
        self.spawn_until(&stop, Arc::clone(&traces).run_timeouts());
        traces
    }

    /// Starts a task that ends when the node stops.
    fn spawn_until(
        &self,
        stop: &CancellationToken,
        task: impl Future<Output: Send> + Send + 'static,
    ) {
        let stop = stop.clone();
        self.spawn(async move { _ = stop.run_until_cancelled(task).await });
    }
}

/// Starts the tasks of a node.
fn spawn(tasks: &Tasks, context: &SessionContext, subscriptions: &Arc<Subscriptions>) {
    let stop = &context.stop;
    tasks.spawn_until(stop, Arc::clone(&context.relays).run_expiry());
    tasks.spawn(Arc::clone(context.relays.recorder()).run(stop.clone()));
    tasks.spawn_until(stop, Arc::clone(subscriptions).remove_idle());
    tasks.spawn_until(stop, Arc::clone(&context.tracker).run());
    let (delivery, tracker) = (Arc::clone(&context.delivery), Arc::clone(&context.tracker));
    let stop = stop.clone();
    tasks.spawn(async move {
        stop.cancelled().await;
        delivery.close();
        tracker.stop();
    });
}

/// Starts the task that seals earlier posts for new peers.
fn spawn_resealer(tasks: &Tasks, context: &SessionContext, miner: Miner) {
    let SessionContext { relays, rules, tracker, stop, .. } = context;
    let (relays, rules, tracker) = (Arc::clone(relays), Arc::clone(rules), Arc::clone(tracker));
    tasks.spawn_until(stop, Resealer::new(relays, rules, tracker, miner).run());
}
