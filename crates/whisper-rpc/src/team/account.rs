//! A team while the node runs: its settings, which can change, and what its clients made.

use std::sync::{Arc, PoisonError, RwLock};

use p2p_world::rng;
use whisper_protocol::{
    ApplicationState, Client, FilterError, FilterId, FilterSpec, Keys, PartialTopic, Receipt,
    StateError, StoredFilter, UsageLimits, Watch, Whisper,
};

use crate::team::Team;
use crate::team::credential::Shown;
use crate::team::meter::{InUseGuard, TeamMeter};
use crate::team::objects::Objects;
use crate::team::quotas::{OverQuota, Quota, Quotas};

/// A team while the node runs.
#[derive(Debug)]
pub(crate) struct TeamAccount {
    /// The node, with the keys of this team.
    pub(crate) whisper: Whisper,
    /// Who the team is where work and time are shared; `None` if each client is on its own.
    client: Option<Client>,
    settings: RwLock<Settings>,
    pub(crate) objects: Objects,
    /// What the team uses.
    pub(crate) meter: TeamMeter,
}

#[derive(Clone, Debug)]
struct Settings {
    team: Arc<Team>,
    /// Whether clients without a token are in this team.
    without_token: bool,
}

impl TeamAccount {
    /// The team of all clients of a node without teams. It has the keys of the node, and its clients share nothing but
    /// what they tell each other: with the id of a filter, a client can use it.
    pub(crate) fn of_everybody(whisper: Whisper, team: Team) -> Self {
        Self::with(whisper, None, team, true)
    }

    /// The name under which what the clients of this team make is kept.
    pub(crate) fn application(&self) -> String {
        self.client.map(|_| self.team().name.to_string()).unwrap_or_default()
    }

    /// Puts back what was kept.
    pub(crate) fn restore(&self, mut state: ApplicationState) {
        self.objects.cursors.restore(std::mem::take(&mut state.cursors));
        for filter in &state.filters {
            let StoredFilter { id, spec, .. } = &filter.filter;
            self.objects.restore_filter(*id, spec.topics.clone());
        }
        self.whisper.state().restore(state, self.client.unwrap_or_default());
    }

    /// A team among others, with keys of its own.
    pub(crate) fn new(whisper: &Whisper, client: Client, team: Team) -> Self {
        let whisper = whisper.for_application(team.name.to_string(), Keys::new(&mut rng()));
        Self::with(whisper, Some(client), team, false)
    }

    fn with(whisper: Whisper, client: Option<Client>, team: Team, without_token: bool) -> Self {
        whisper.limit_usage(usage_limits(&team.quotas));
        let settings = RwLock::new(Settings { team: Arc::new(team), without_token });
        Self { whisper, client, settings, objects: Objects::default(), meter: TeamMeter::default() }
    }

    /// The settings now.
    pub(crate) fn team(&self) -> Arc<Team> {
        self.read().team
    }

    /// The quotas now.
    pub(crate) fn quotas(&self) -> Quotas {
        self.team().quotas
    }

    /// Changes the settings.
    pub(crate) fn set(&self, team: Team, without_token: bool) {
        self.whisper.limit_usage(usage_limits(&team.quotas));
        let settings = Settings { team: Arc::new(team), without_token };
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Whether a client that showed this, or nothing, is in the team, and until when, in seconds since 1970.
    pub(crate) fn admits(&self, shown: Option<&Shown>, now: u64) -> Option<Admission> {
        let Settings { team, without_token } = self.read();
        let until = match shown {
            None if without_token => None,
            None => return None,
            Some(Shown::Token(hash)) => {
                team.tokens.iter().find(|token| token.hash == *hash)?.expires
            }
            Some(Shown::Certificate(hash)) => {
                team.certificates.iter().find(|certificate| certificate.hash == *hash)?.expires
            }
        };
        until.is_none_or(|until| until > now).then_some(Admission { team, until })
    }

    fn read(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who the team is where work and time are shared; `None` if each client is on its own.
    pub(crate) fn client(&self) -> Option<Client> {
        self.client
    }

    /// What tells its history cursors from those of other teams.
    pub(crate) fn cursor_label(&self) -> String {
        self.application()
    }

    /// The team is gone: removes what its clients made, and admits no client any more.
    pub(crate) fn close(&self) {
        let (tokens, certificates) = (Vec::new(), Vec::new());
        let team = Team { tokens, certificates, ..Team::clone(&self.team()) };
        self.set(team, false);
        self.objects.close().iter().for_each(|id| _ = self.whisper.unsubscribe(id));
        self.whisper.state().forget_application();
    }
}

/// The quotas that are kept where messages arrive.
fn usage_limits(quotas: &Quotas) -> UsageLimits {
    UsageLimits {
        mailbox_bytes: quotas.get(Quota::MailboxBytes),
        trials: quotas.get(Quota::Trials),
    }
}

/// A client is in the team.
pub(crate) struct Admission {
    /// The settings of the team now.
    pub(crate) team: Arc<Team>,
    /// When what was shown ends, in seconds since 1970.
    pub(crate) until: Option<u64>,
}

/// The objects of the team. An object of another team is not found.
impl TeamAccount {
    /// Makes a filter with a mailbox, if the team may have another one.
    pub(crate) fn add_filter(
        &self,
        spec: FilterSpec,
    ) -> Result<Result<FilterId, FilterError>, OverQuota> {
        if self.client.is_none() {
            return Ok(self.whisper.subscribe(spec));
        }
        let (quotas, ahead) = (self.quotas(), self.whisper.usage().trials_ahead);
        let admit = |filters| self.meter.admit_filter(&quotas, filters, ahead);
        self.objects.add_filter(&self.whisper, self.room_for_filters(&quotas), spec, admit)
    }

    /// Subscribes to messages, if the team may have another subscription. It counts until the second value is dropped.
    pub(crate) fn watch(
        &self,
        spec: FilterSpec,
    ) -> Result<Result<(Watch, Option<InUseGuard>), FilterError>, OverQuota> {
        let (quotas, ahead) = (self.quotas(), self.whisper.usage().trials_ahead);
        let admit = |filters| self.meter.admit_subscription(&quotas, filters, ahead);
        let admitted = self.objects.admit(&self.whisper, self.room_for_filters(&quotas), admit)?;
        Ok(self.whisper.watch(spec).map(|watch| (watch, admitted)))
    }

    /// Number of filters with mailboxes that the team may have beside its subscriptions.
    fn room_for_filters(&self, quotas: &Quotas) -> Option<u64> {
        let limit = u64::from(quotas.get(Quota::Filters)?.get());
        Some(limit.saturating_sub(self.meter.usage().subscriptions))
    }

    /// Number of filters that the team has.
    pub(crate) fn filters(&self) -> usize {
        self.objects.filters(&self.whisper)
    }

    /// The topics of a filter of this team; empty: all. `None` if there is no such filter. Without teams, every filter
    /// counts as one of all topics.
    pub(crate) fn filter_topics(&self, id: &FilterId) -> Option<Vec<PartialTopic>> {
        match self.client {
            None => Some(Vec::new()),
            Some(_) => self.objects.filter_topics(id),
        }
    }

    /// Returns when a new filter is kept. If it cannot be, it is deleted.
    pub(crate) async fn keep_filter(&self, id: &FilterId) -> Result<(), StateError> {
        let kept = self.whisper.state().flush().await;
        if kept.is_err() {
            self.remove_filter(id);
        }
        kept
    }

    /// Deletes a filter. Returns whether there was one.
    pub(crate) fn remove_filter(&self, id: &FilterId) -> bool {
        let is_own = self.client.is_none() || self.objects.remove_filter(id);
        is_own && self.whisper.unsubscribe(id)
    }

    /// A client of the team has posted a message.
    pub(crate) fn add_post(&self, receipt: &Receipt) {
        if self.client.is_some() {
            self.objects.add_post(receipt.hash());
        }
    }

    /// The receipts of the posts of this team, the newest first, at most `most`.
    pub(crate) fn latest_posts(&self, most: usize) -> Vec<Receipt> {
        let hashes = self.objects.latest_posts(most);
        hashes.iter().filter_map(|hash| self.whisper.receipt(hash)).collect()
    }

    /// The receipt of a post of this team.
    pub(crate) fn receipt(&self, hash: &[u8; 32]) -> Option<Receipt> {
        let is_own =
            |receipt: &Receipt| self.client.is_none() || self.objects.has_post(&receipt.hash());
        self.whisper.receipt(hash).filter(is_own)
    }
}
