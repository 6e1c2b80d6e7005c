//! Follows one archive: waits for its node, asks, passes the pages on, and asks again where it stopped.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use p2p_identity::NodeId;
use p2p_world::HashSet;
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

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
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// That of this node.
    Node(NodeId),
    /// That of any connected peer, or of this node, that no other follower has.
    Any(Arc<Mutex<HashSet<NodeId>>>),
}

/// What happened to an archive.
#[derive(Debug)]
pub(super) enum Followed {
    /// It is connected. The answer is the query, from the place where it is to go on.
    Began(ArchivePeer, oneshot::Sender<ArchiveQuery>),
    Page(ArchivePage),
    Refused(ArchiveRefusal),
    /// It is not connected, or does not answer; `None` if there is no archive at all.
    Away(Option<NodeId>),
}

/// Follows one archive.
pub(super) struct Follower {
    pub(super) index: usize,
    pub(super) target: Target,
    pub(super) peers: Arc<ArchivePeers>,
    pub(super) password: Option<SymmetricKey>,
    pub(super) events: mpsc::Sender<(usize, Followed)>,
}

/// The reader of the history is gone.
struct NoReader;

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
        loop {
            let claim = self.claim().await?;
            let (reply, query) = oneshot::channel();
            self.tell(Followed::Began(claim.peer.clone(), reply)).await?;
            let query = query.await.map_err(|_| NoReader)?;
            let mut open = claim.peer.ask(query, self.password.as_ref());
            let Some(pause) = self.read(&mut open, claim.peer.id).await? else { return Ok(()) };
            drop((open, claim));
            sleep(pause).await;
        }
    }

    /// Passes pages on. Returns how long to wait before asking again; `None` if the answer is complete.
    async fn read(&self, open: &mut OpenQuery, node: NodeId) -> Result<Option<Duration>, NoReader> {
        loop {
            match timeout(SILENCE, open.next()).await {
                Ok(Some(Answer::Page(page, _))) => {
                    let is_last = page.state == PageState::Last;
                    self.tell(Followed::Page(page)).await?;
                    if is_last {
                        return Ok(None);
                    }
                }
                Ok(Some(Answer::Refused(refusal))) => {
                    let pause = match refusal.code {
                        RefusalCode::Replaced | RefusalCode::Ahead => RETRY_FROM_BEGINNING,
                        RefusalCode::Unreadable | RefusalCode::TooMany => RETRY,
                        _ => RETRY_REFUSED,
                    };
                    self.tell(Followed::Refused(refusal)).await?;
                    return Ok(Some(pause));
                }
                Ok(None) | Err(_) => {
                    self.tell(Followed::Away(Some(node))).await?;
                    return Ok(Some(RETRY));
                }
            }
        }
    }

    /// Waits for an archive.
    async fn claim(&self) -> Result<Claim, NoReader> {
        let mut changes = self.peers.changes();
        let mut is_told = false;
        loop {
            if let Some(claim) = self.try_claim() {
                return Ok(claim);
            }
            // It cannot fail: `peers` has the sender.
            if is_told {
                let _ = changes.changed().await;
            } else if timeout(PATIENCE, changes.changed()).await.is_err() {
                is_told = true;
                self.tell(Followed::Away(self.target.node())).await?;
            }
        }
    }

    fn try_claim(&self) -> Option<Claim> {
        match &self.target {
            Target::Node(id) => self.peers.find(id).map(|peer| Claim { peer, claimed: None }),
            Target::Any(claimed) => {
                let mut taken = lock(claimed);
                let peer = self.peers.all().into_iter().find(|peer| !taken.contains(&peer.id))?;
                taken.insert(peer.id);
                Some(Claim { peer, claimed: Some(Arc::clone(claimed)) })
            }
        }
    }

    async fn tell(&self, event: Followed) -> Result<(), NoReader> {
        self.events.send((self.index, event)).await.map_err(|_| NoReader)
    }
}

impl Target {
    fn node(&self) -> Option<NodeId> {
        match self {
            Self::Node(id) => Some(*id),
            Self::Any(_) => None,
        }
    }
}

/// An archive that one follower has. Others can take it after the drop.
struct Claim {
    peer: ArchivePeer,
    claimed: Option<Arc<Mutex<HashSet<NodeId>>>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(claimed) = &self.claimed {
            lock(claimed).remove(&self.peer.id);
        }
    }
}
