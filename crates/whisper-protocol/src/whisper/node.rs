//! Builds the parts of a node and starts its tasks.

use std::{hash::RandomState, sync::Arc};

use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use whisper_pow::Miner;

use crate::{
    clock::corrector::ClockCorrector,
    config::{Config, QueueLimits},
    delivery::Delivery,
    delivery::backfill::PoolReader,
    delivery::driver::DeliveryDriver,
    delivery::subscriptions::Subscriptions,
    keys::Keys,
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
};

/// All parts of a node. Its tasks end when this is dropped.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) context: Arc<SessionContext>,
    pub(super) publisher: Publisher,
    pub(super) subscriptions: Arc<Subscriptions>,
    pub(super) direct: Arc<DirectSender>,
    pub(super) keys: Keys,
    pub(super) miner: Miner,
    /// The limits of each filter's mailbox.
    pub(super) mailbox: QueueLimits,
    pub(super) tasks: TaskTracker,
    _stop: DropGuard,
}

impl Node {
    /// Builds the parts and starts the tasks on the present Tokio runtime.
    pub(super) fn start(config: Config) -> Self {
        let counters = Arc::new(Counters::default());
        let max_correction = config.peers.clock_correction;
        let corrector = Arc::new(ClockCorrector::new(config.clock.clone(), max_correction));
        let delivery = Delivery::new(&config, Arc::clone(&counters));
        let delivery = Arc::new(DeliveryDriver::new(delivery, corrector.corrected()));
        let tracker = Arc::new(PostTracker::new(config.receipts, Arc::clone(&counters)));
        let links = Arc::new(Links::default());
        let pools = Arc::new(Relays::new(&config, &RandomState::new()));
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
        let Config { work, peers, filters, .. } = config;
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
        let (tasks, miner) = (TaskTracker::new(), Miner::default());
        for _ in 0..filters.workers.max(1) {
            let pools: Arc<dyn PoolReader> = Arc::clone(&pools) as _;
            tasks.spawn(Arc::clone(&context.delivery).run(pools));
        }
        spawn(&tasks, &context, &subscriptions);
        spawn_resealer(&tasks, &context, miner.clone());
        Self {
            context: Arc::new(context),
            publisher,
            subscriptions,
            direct,
            keys: Keys::new(&mut rand::rng()),
            miner,
            mailbox: filters.mailbox,
            tasks,
            _stop: stop.drop_guard(),
        }
    }
}

/// Starts the tasks of a node. They end when `stop` is cancelled.
fn spawn(tasks: &TaskTracker, context: &SessionContext, subscriptions: &Arc<Subscriptions>) {
    let (expiry, stop) = (Arc::clone(&context.relays).run_expiry(), context.stop.clone());
    tasks.spawn(async move { stop.run_until_cancelled(expiry).await });
    let (idle, stop) = (Arc::clone(subscriptions).remove_idle(), context.stop.clone());
    tasks.spawn(async move { stop.run_until_cancelled(idle).await });
    let (timeouts, stop) = (Arc::clone(&context.tracker).run(), context.stop.clone());
    tasks.spawn(async move { stop.run_until_cancelled(timeouts).await });
    let (delivery, tracker) = (Arc::clone(&context.delivery), Arc::clone(&context.tracker));
    let stop = context.stop.clone();
    tasks.spawn(async move {
        stop.cancelled().await;
        delivery.close();
        tracker.stop();
    });
}

/// Starts the task that seals earlier posts for new peers.
fn spawn_resealer(tasks: &TaskTracker, context: &SessionContext, miner: Miner) {
    let SessionContext { relays, rules, tracker, stop, .. } = context;
    let (relays, rules, tracker) = (Arc::clone(relays), Arc::clone(rules), Arc::clone(tracker));
    let (resealer, stop) = (Resealer::new(relays, rules, tracker, miner), stop.clone());
    tasks.spawn(async move { stop.run_until_cancelled(resealer.run()).await });
}
