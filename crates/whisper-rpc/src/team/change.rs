//! Changes of the teams that administrators make while the node runs.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::audit::{AuditActor, AuditSink};
use crate::team::account::TeamAccount;
use crate::team::accounts::Accounts;
use crate::team::credential::{TeamCertificate, TeamToken, TokenHash};
use crate::team::keeper::TeamKeeper;
use crate::team::name::TeamName;
use crate::team::{Team, Teams};

/// Why the teams cannot be changed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TeamChangeError {
    #[error("this node has no teams: start it with a file of teams")]
    NoTeams,
    #[error("there is a team {0} already")]
    Exists(TeamName),
    #[error("there is no team {0}")]
    NoSuchTeam(TeamName),
    #[error("clients of IPC are in the team {0}: give IPC another team first")]
    OfIpc(TeamName),
    #[error("this certificate is one of the team {0} already")]
    OfOther(TeamName),
    #[error("nothing was changed: {0}")]
    Kept(String),
}

/// Changes the teams of a node, one change after the other.
#[derive(Debug)]
pub(crate) struct TeamEditor {
    accounts: Arc<Accounts>,
    keeper: Option<TeamKeeper>,
    audit: Option<AuditSink>,
    /// Held during a change, from what it is based on until it is kept and in force.
    turn: Arc<Mutex<()>>,
}

/// The teams of a node while no other change is made: calls of `admin_setTeam` and the like wait. Get it from
/// [`RpcServer::hold_teams`](crate::RpcServer::hold_teams), and drop it soon.
#[derive(Debug)]
pub struct HeldTeams {
    accounts: Arc<Accounts>,
    audit: Option<AuditSink>,
    _turn: OwnedMutexGuard<()>,
}

impl HeldTeams {
    /// The teams now. None if the node was started without teams.
    #[must_use]
    pub fn teams(&self) -> Teams {
        self.accounts.teams()
    }

    /// Replaces the teams. A team keeps what its clients made as long as there is one with its name. Within a second,
    /// connections, calls and subscriptions end that are no longer allowed. Without effect if the servers were started
    /// without teams.
    pub fn set(&self, teams: Teams) {
        let old = self.accounts.teams();
        if let Some(audit) = self.audit.as_ref().filter(|_| old != teams) {
            audit.teams(None, &old, &teams);
        }
        self.accounts.set(teams);
    }
}

impl TeamEditor {
    /// Changes are kept by this keeper, before they are in force. Without one, they last until the node stops.
    pub(crate) fn new(
        accounts: Arc<Accounts>,
        keeper: Option<TeamKeeper>,
        audit: Option<AuditSink>,
    ) -> Self {
        Self { accounts, keeper, audit, turn: Arc::default() }
    }

    /// Waits for the change in progress, and lets no other begin until the returned value is dropped.
    pub(crate) async fn hold(&self) -> HeldTeams {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        HeldTeams { accounts: Arc::clone(&self.accounts), audit: self.audit.clone(), _turn: turn }
    }

    /// The teams now.
    pub(crate) fn teams(&self) -> Teams {
        self.accounts.teams()
    }

    /// The teams now, with what they use.
    pub(crate) fn accounts(&self) -> Vec<Arc<TeamAccount>> {
        self.accounts.all()
    }

    /// Adds a team.
    pub(crate) fn add(&self, by: &AuditActor, team: &Team) -> Result<(), TeamChangeError> {
        self.edit(by, &team.name, |found| match found {
            Some(found) => Err(TeamChangeError::Exists(found.name.clone())),
            None => Ok((Some(team.clone()), ())),
        })
    }

    /// Changes a team.
    pub(crate) fn change<T>(
        &self,
        by: &AuditActor,
        name: &TeamName,
        change: impl FnOnce(&mut Team) -> T,
    ) -> Result<T, TeamChangeError> {
        self.edit(by, name, |found| {
            let mut team =
                found.cloned().ok_or_else(|| TeamChangeError::NoSuchTeam(name.clone()))?;
            let done = change(&mut team);
            Ok((Some(team), done))
        })
    }

    /// Removes a team. Returns whether there was one.
    pub(crate) fn remove(&self, by: &AuditActor, name: &TeamName) -> Result<bool, TeamChangeError> {
        self.edit(by, name, |found| match self.accounts.teams().ipc.as_ref() == Some(name) {
            true => Err(TeamChangeError::OfIpc(name.clone())),
            false => Ok((None, found.is_some())),
        })
    }

    /// Removes the token whose hash begins with this id. Returns whether there was one.
    pub(crate) fn remove_token(
        &self,
        by: &AuditActor,
        name: &TeamName,
        id: &str,
    ) -> Result<bool, TeamChangeError> {
        self.change(by, name, |team| remove(&mut team.tokens, |token| token.hash.id() == id))
    }

    /// Adds a token.
    pub(crate) fn add_token(
        &self,
        by: &AuditActor,
        name: &TeamName,
        hash: TokenHash,
        expires: Option<u64>,
    ) -> Result<(), TeamChangeError> {
        self.change(by, name, |team| team.tokens.push(TeamToken { hash, expires }))
    }

    /// Adds a certificate, or replaces the time when it ends. An error if it is one of another team.
    pub(crate) fn add_certificate(
        &self,
        by: &AuditActor,
        name: &TeamName,
        certificate: TeamCertificate,
    ) -> Result<(), TeamChangeError> {
        let is_same = |other: &TeamCertificate| other.hash == certificate.hash;
        self.edit(by, name, |found| {
            let no_team = || TeamChangeError::NoSuchTeam(name.clone());
            let mut team = found.cloned().ok_or_else(no_team)?;
            let others = self.accounts.teams().teams;
            let taken = others
                .iter()
                .find(|other| other.name != *name && other.certificates.iter().any(is_same));
            if let Some(other) = taken {
                return Err(TeamChangeError::OfOther(other.name.clone()));
            }
            team.certificates.retain(|other| !is_same(other));
            team.certificates.push(certificate);
            Ok((Some(team), ()))
        })
    }

    /// Removes the certificate whose hash begins with this id. Returns whether there was one.
    pub(crate) fn remove_certificate(
        &self,
        by: &AuditActor,
        name: &TeamName,
        id: &str,
    ) -> Result<bool, TeamChangeError> {
        self.change(by, name, |team| remove(&mut team.certificates, |shown| shown.hash.id() == id))
    }

    /// Replaces a team by what `edit` makes of it; `None` removes it. Must not be called on a thread that runs tasks.
    fn edit<T>(
        &self,
        by: &AuditActor,
        name: &TeamName,
        edit: impl FnOnce(Option<&Team>) -> Result<(Option<Team>, T), TeamChangeError>,
    ) -> Result<T, TeamChangeError> {
        let _turn = self.turn.blocking_lock();
        if !self.accounts.has_teams() {
            return Err(TeamChangeError::NoTeams);
        }
        let mut teams = self.accounts.teams();
        let found = teams.teams.iter().position(|team| team.name == *name);
        let (new, done) = edit(found.map(|index| &teams.teams[index]))?;
        if found.is_some() || new.is_some() {
            let before = found.map(|index| &teams.teams[index]);
            let keep = |keeper: &TeamKeeper| keeper.keep(name, before, new.as_ref());
            self.keeper.as_ref().map_or(Ok(()), keep).map_err(TeamChangeError::Kept)?;
            let old = teams.clone();
            teams.teams.retain(|team| team.name != *name);
            teams.teams.extend(new);
            if let Some(audit) = &self.audit {
                audit.teams(Some(by.clone()), &old, &teams);
            }
            self.accounts.set(teams);
        }
        Ok(done)
    }
}

/// Removes what is meant. Returns whether there was any.
fn remove<T>(from: &mut Vec<T>, is_meant: impl Fn(&T) -> bool) -> bool {
    let before = from.len();
    from.retain(|item| !is_meant(item));
    from.len() < before
}
