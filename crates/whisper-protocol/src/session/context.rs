//! What the sessions of one node share.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    clock::corrector::ClockCorrector, config::PeerSettings, delivery::driver::DeliveryDriver,
    mail_server::MailQueue, peers::links::Links, peers::peer_sender::PeerLink,
    peers::rate_limit::RateLimiter, peers::rule_learner::RuleLearner, peers::trusted::TrustedPeers,
    receipts::tracker::PostTracker, relay::driver::RelayDriver, stats::counters::Counters,
};

/// What the sessions of one node share. Each field has its own lock.
#[derive(Debug)]
pub(crate) struct SessionContext {
    pub(crate) stop: CancellationToken,
    pub(crate) settings: PeerSettings,
    pub(crate) counters: Arc<Counters>,
    pub(crate) corrector: Arc<ClockCorrector>,
    pub(crate) links: Arc<Links<PeerLink>>,
    pub(crate) trusted: Arc<TrustedPeers>,
    pub(crate) limiter: RateLimiter,
    pub(crate) rules: Arc<RuleLearner>,
    pub(crate) delivery: Arc<DeliveryDriver>,
    pub(crate) tracker: Arc<PostTracker>,
    pub(crate) relays: Arc<RelayDriver>,
    pub(crate) mail: Arc<MailQueue>,
}

impl SessionContext {
    /// Maximum time for a peer to send its status.
    pub(crate) const fn status_timeout(&self) -> Duration {
        self.settings.status_timeout
    }

    /// Whether a light client is refused while this node is one.
    pub(crate) const fn restricts_light(&self) -> bool {
        self.settings.restrict_light
    }
}
