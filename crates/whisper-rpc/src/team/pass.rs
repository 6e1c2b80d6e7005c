//! What admits a client: its team, and the token or certificate that it showed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::team::Team;
use crate::team::account::TeamAccount;
use crate::team::credential::Shown;
use crate::team::refusal::Refusal;

/// Maximum time until the end of a token or certificate is noticed. The clock of the machine may be set, so this does not wait longer.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Tells the time, in seconds since 1970.
type UnixClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What admits a client. It can lose its validity at any time.
#[derive(Clone)]
pub(crate) struct Pass {
    /// The team of the client.
    pub(crate) account: Arc<TeamAccount>,
    /// `None` for a client of IPC, and on a node without teams.
    shown: Option<Shown>,
    /// Told of every change of the teams.
    changed: watch::Receiver<()>,
    now: UnixClock,
}

impl Pass {
    pub(crate) fn new(
        account: Arc<TeamAccount>,
        shown: Option<Shown>,
        changed: watch::Receiver<()>,
        now: UnixClock,
    ) -> Self {
        Self { account, shown, changed, now }
    }

    /// What the client has shown.
    pub(crate) fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// The settings of the team, if the pass is valid now.
    pub(crate) fn check(&self) -> Result<Arc<Team>, Refusal> {
        let admission = self.account.admits(self.shown.as_ref(), (self.now)());
        admission.map(|admission| admission.team).ok_or(Refusal::Token)
    }

    /// Waits until `check`, which gets the settings of the team, fails, or the pass is no longer valid.
    pub(crate) async fn until(&self, check: impl Fn(&Team) -> Result<(), Refusal>) -> Refusal {
        let mut changed = self.changed.clone();
        loop {
            changed.borrow_and_update();
            let admission = self.account.admits(self.shown.as_ref(), (self.now)());
            let Some(admission) = admission else { return Refusal::Token };
            if let Err(refusal) = check(&admission.team) {
                return refusal;
            }
            let checked_again = async {
                match admission.until {
                    Some(_) => sleep(CHECK_INTERVAL).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                next = changed.changed() => if next.is_err() {
                    // The servers are stopping: nothing changes any more.
                    std::future::pending::<()>().await;
                },
                () = checked_again => {}
            }
        }
    }

    /// Waits until the pass is no longer valid.
    pub(crate) async fn ended(&self) {
        self.until(|_| Ok(())).await;
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("shown", &self.shown).finish_non_exhaustive()
    }
}
