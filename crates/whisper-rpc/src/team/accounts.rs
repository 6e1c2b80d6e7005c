//! All teams while the node runs.

pub(crate) mod usage;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::UNIX_EPOCH;

use p2p_world::{HashMap, World};
use tokio::sync::watch;
use whisper_protocol::{ApplicationState, Whisper};

use crate::call::clients::Clients;
use crate::lock::lock;
use crate::team::account::TeamAccount;
use crate::team::credential::{CertificateHash, Shown, TokenHash};
use crate::team::name::TeamName;
use crate::team::pass::Pass;
use crate::team::scopes::Scopes;
use crate::team::{Team, Teams};

/// All teams while the node runs. They can change; [`Pass`] says how that reaches the clients.
#[derive(Debug)]
pub(crate) struct Accounts {
    whisper: Whisper,
    world: Arc<dyn World>,
    /// Identifies clients where work and time are shared.
    pub(crate) clients: Clients,
    /// Everybody, if the node has no teams.
    everybody: Option<Arc<TeamAccount>>,
    state: RwLock<State>,
    /// What was kept of teams that there are not now, by their names.
    kept: Mutex<HashMap<Arc<str>, ApplicationState>>,
    /// Told of every change.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    by_name: BTreeMap<TeamName, Arc<TeamAccount>>,
    by_shown: HashMap<Shown, Arc<TeamAccount>>,
    /// Whether a team has a certificate.
    has_certificates: bool,
    ipc: Option<Arc<TeamAccount>>,
}

impl Accounts {
    /// The accounts of these teams; `None`: the node has no teams, and everybody may do everything. `kept`: what was kept of
    /// what clients made.
    pub(crate) fn new(
        whisper: Whisper,
        world: Arc<dyn World>,
        teams: Option<Teams>,
        kept: Vec<ApplicationState>,
    ) -> Self {
        let everybody = teams.is_none().then(|| {
            let team = Team { scopes: Scopes::all(), ..Team::new(TeamName::operator()) };
            Arc::new(TeamAccount::of_everybody(whisper.clone(), team))
        });
        let accounts = Self {
            whisper,
            world,
            clients: Clients::default(),
            everybody,
            state: RwLock::default(),
            kept: Mutex::new(
                kept.into_iter().map(|state| (Arc::clone(&state.name), state)).collect(),
            ),
            changed: watch::Sender::default(),
        };
        accounts.everybody.iter().for_each(|everybody| accounts.restore(everybody));
        if let Some(teams) = teams {
            accounts.set(teams);
        }
        for unused in lock(&accounts.kept).values() {
            let (team, keys, filters) = (&unused.name, unused.keys.len(), unused.filters.len());
            tracing::warn!(%team, keys, filters, "there is no such team now: what was kept of it stays in the store");
        }
        accounts
    }

    /// Puts back what was kept of a team.
    fn restore(&self, account: &TeamAccount) {
        let kept = lock(&self.kept).remove(account.application().as_str());
        kept.into_iter().for_each(|state| account.restore(state));
    }

    /// Whether the node has teams.
    pub(crate) fn has_teams(&self) -> bool {
        self.everybody.is_none()
    }

    /// Replaces the teams. A team keeps what its clients made as long as there is a team with its name. Connections end,
    /// and calls and subscriptions fail, as far as they are no longer allowed. Without effect on a node without teams.
    pub(crate) fn set(&self, teams: Teams) {
        if !self.has_teams() {
            return;
        }
        let ipc = teams.ipc.clone().unwrap_or_else(TeamName::operator);
        let operator = Team { scopes: Scopes::all(), ..Team::new(TeamName::operator()) };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *state);
        for team in teams.teams.into_iter().chain([operator]) {
            let (name, without_token) = (team.name.clone(), team.name == ipc);
            let account = old.by_name.remove(&name);
            let account = account.or_else(|| state.by_name.remove(&name)).unwrap_or_else(|| {
                let client = self.clients.connection();
                let account = TeamAccount::new(&self.whisper, client, team.clone());
                self.restore(&account);
                Arc::new(account)
            });
            let tokens = team.tokens.iter().map(|token| Shown::Token(token.hash));
            let certificates = team.certificates.iter();
            let certificates = certificates.map(|shown| Shown::Certificate(shown.hash));
            let shown = tokens.chain(certificates);
            state.by_shown.extend(shown.map(|shown| (shown, Arc::clone(&account))));
            state.has_certificates |= !team.certificates.is_empty();
            account.set(team, without_token);
            if without_token {
                state.ipc = Some(Arc::clone(&account));
            }
            state.by_name.insert(name, account);
        }
        drop(state);
        old.by_name.into_values().for_each(|gone| gone.close());
        self.changed.send_replace(());
    }

    /// The accounts of the teams now, without that of the operator.
    pub(crate) fn all(&self) -> Vec<Arc<TeamAccount>> {
        let operator = TeamName::operator();
        let state = self.read();
        let named = state.by_name.iter().filter(|(name, _)| **name != operator);
        named.map(|(_, account)| Arc::clone(account)).collect()
    }

    /// The teams now.
    pub(crate) fn teams(&self) -> Teams {
        let operator = TeamName::operator();
        let state = self.read();
        let named = state.by_name.iter().filter(|(name, _)| **name != operator);
        let ipc = state.ipc.as_ref().map(|account| account.team().name.clone());
        Teams {
            teams: named.map(|(_, account)| Team::clone(&account.team())).collect(),
            ipc: ipc.filter(|name| *name != operator),
        }
    }

    /// The pass of a client of HTTP or WebSocket that shows these tokens, or no token and this certificate. `None` if none of
    /// them is valid now.
    pub(crate) fn enter(
        &self,
        tokens: &[&str],
        certificate: Option<CertificateHash>,
    ) -> Option<Pass> {
        if let Some(everybody) = &self.everybody {
            return Some(self.pass(everybody, None));
        }
        let find = |shown: Shown| {
            let account = self.read().by_shown.get(&shown).cloned()?;
            Some(self.pass(&account, Some(shown)))
        };
        let found = match tokens {
            [] => certificate.and_then(|hash| find(Shown::Certificate(hash))),
            tokens => tokens.iter().find_map(|token| find(Shown::Token(TokenHash::of(token)))),
        };
        found.filter(|pass| pass.check().is_ok())
    }

    /// Whether clients are asked for a certificate.
    pub(crate) fn has_certificates(&self) -> bool {
        self.read().has_certificates
    }

    /// The pass of a client of IPC. `None` if the team that they are in is gone.
    pub(crate) fn enter_ipc(&self) -> Option<Pass> {
        let account = self.everybody.clone().or_else(|| self.read().ipc.clone())?;
        Some(self.pass(&account, None))
    }

    fn pass(&self, account: &Arc<TeamAccount>, shown: Option<Shown>) -> Pass {
        let world = Arc::clone(&self.world);
        let now =
            move || world.unix_time().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Pass::new(Arc::clone(account), shown, self.changed.subscribe(), Arc::new(now))
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}
