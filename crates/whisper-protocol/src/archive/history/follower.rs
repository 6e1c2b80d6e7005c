//! Follows one archive: waits for its node, asks, passes the pages on, and asks again where it stopped.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use p2p_identity::NodeId;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout, timeout_at},
};

use super::candidates::{Candidates, Claim};
use crate::{
    SymmetricKey,
    archive::{
        peers::{Answer, ArchivePeer, ArchivePeers, OpenQuery},
        serving::HEARTBEAT,
        wire::{ArchivePage, ArchiveQuery, ArchiveRefusal, PageState, RefusalCode},
    },
    lock::lock,
};

/// Time to wait for a node before it counts as away.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time without a page after which an archive counts as away. It sends one at each heartbeat.
const SILENCE: Duration = Duration::from_secs(4 * HEARTBEAT.as_secs());

/// Time to wait before an archive that failed is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// Pause before a replaced archive is read from its beginning. A peer that says so each time must not keep this end busy.
const RETRY_FROM_BEGINNING: Duration = Duration::from_millis(500);

/// Time to wait before an archive that refused to answer is asked again.
const RETRY_REFUSED: Duration = Duration::from_secs(60);

/// Which archive is followed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// That of this node.
    Node(NodeId),
    /// That of any connected peer, or of this node, that no other follower has.
    Any,
}

/// What happened to an archive.
#[derive(Debug)]
pub(super) enum Followed {
    /// It is connected. The answer is the query, from the place where it is to go on.
    Began(ArchivePeer, oneshot::Sender<ArchiveQuery>),
    Page(ArchivePage),
    /// It does not answer the question.
    Refused {
        refusal: ArchiveRefusal,
        next: Next,
    },
    /// It is not connected any more, or silent.
    Lost {
        node: NodeId,
        next: Next,
    },
    /// It is not connected; `None` if there is no archive at all.
    Away(Option<NodeId>),
}

/// What a follower does when its archive has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It asks another archive at once.
    Other,
    /// It waits.
    Waits,
}

/// Follows one archive.
pub(super) struct Follower {
    pub(super) index: usize,
    pub(super) target: Target,
    pub(super) candidates: Arc<Mutex<Candidates>>,
    pub(super) peers: Arc<ArchivePeers>,
    pub(super) password: Option<SymmetricKey>,
    pub(super) events: mpsc::Sender<(usize, Followed)>,
}

/// The reader of the history is gone.
struct NoReader;

/// Why an answer ended early.
enum Failure {
    Refused(ArchiveRefusal),
    Lost,
}

impl Follower {
    /// Runs until the answer is complete, or there is no reader.
    pub(super) async fn run(self) {
        let (events, stop) = (self.events.clone(), self.peers.stop.clone());
        tokio::select! {
            biased;
            () = events.closed() => {}
            () = stop.cancelled() => {}
            // An error means the same as the first branch.
            _ = self.follow() => {}
        }
    }

    async fn follow(&self) -> Result<(), NoReader> {
        // When the reader is told that there is none; `None` if it knows.
        let mut away_at = Some(Instant::now() + PATIENCE);
        loop {
            let claim = self.claim(away_at).await?;
            let (reply, query) = oneshot::channel();
            self.tell(Followed::Began(claim.peer.clone(), reply)).await?;
            let query = query.await.map_err(|_| NoReader)?;
            let mut open = claim.peer.ask(query, self.password.as_ref());
            let Some(failure) = self.read(&mut open, &claim).await? else { return Ok(()) };
            drop(open);
            let next = self.handle_failure(claim, failure).await?;
            away_at = (next == Next::Other).then(|| Instant::now() + PATIENCE);
        }
    }

    /// Passes pages on. Returns why the answer ended early; `None` if it is complete.
    async fn read(&self, open: &mut OpenQuery, claim: &Claim) -> Result<Option<Failure>, NoReader> {
        loop {
            match timeout(SILENCE, open.next()).await {
                Ok(Some(Answer::Page(page))) => {
                    let is_last = page.state == PageState::Last;
                    claim.handle_page();
                    self.tell(Followed::Page(page)).await?;
                    if is_last {
                        return Ok(None);
                    }
                }
                Ok(Some(Answer::Refused(refusal))) => return Ok(Some(Failure::Refused(refusal))),
                Ok(None) | Err(_) => return Ok(Some(Failure::Lost)),
            }
        }
    }

    /// Leaves an archive alone for a while.
    async fn handle_failure(&self, claim: Claim, failure: Failure) -> Result<Next, NoReader> {
        let (now, node) = (Instant::now(), claim.peer.id);
        let pause = match &failure {
            Failure::Lost => RETRY,
            Failure::Refused(refusal) => match refusal.code {
                RefusalCode::Replaced | RefusalCode::Ahead => RETRY_FROM_BEGINNING,
                RefusalCode::Unreadable | RefusalCode::TooMany => RETRY,
                _ => RETRY_REFUSED,
            },
        };
        claim.handle_failure(now, pause);
        drop(claim);
        let has_other = lock(&self.candidates).has_able(now, &self.connected());
        let next = if has_other { Next::Other } else { Next::Waits };
        self.tell(match failure {
            Failure::Refused(refusal) => Followed::Refused { refusal, next },
            Failure::Lost => Followed::Lost { node, next },
        })
        .await?;
        Ok(next)
    }

    /// Waits for an archive. The reader is told at `away_at` that there is none.
    async fn claim(&self, mut away_at: Option<Instant>) -> Result<Claim, NoReader> {
        let mut changes = self.peers.changes();
        loop {
            let now = Instant::now();
            let until = match Candidates::claim(&self.candidates, now, self.connected()) {
                Ok(claim) => return Ok(claim),
                Err(until) => until,
            };
            if away_at.take_if(|away_at| *away_at <= now).is_some() {
                self.tell(Followed::Away(self.target.node())).await?;
            }
            // It cannot fail: `peers` has the sender.
            match until.into_iter().chain(away_at).min() {
                Some(at) => _ = timeout_at(at, changes.changed()).await,
                None => _ = changes.changed().await,
            }
        }
    }

    /// The archives that can be followed.
    fn connected(&self) -> Vec<ArchivePeer> {
        match &self.target {
            Target::Node(id) => self.peers.find(id).into_iter().collect(),
            Target::Any => self.peers.all(),
        }
    }

    async fn tell(&self, event: Followed) -> Result<(), NoReader> {
        self.events.send((self.index, event)).await.map_err(|_| NoReader)
    }
}

impl Target {
    fn node(self) -> Option<NodeId> {
        match self {
            Self::Node(id) => Some(id),
            Self::Any => None,
        }
    }
}
