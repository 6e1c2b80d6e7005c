//! The answers of mail servers that this node waits for.

use std::{pin::pin, sync::Mutex, time::Duration};

use p2p_identity::NodeId;
use p2p_world::HashMap;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use super::ask::{MailAnswer, MailAskError};
use crate::{lock::lock, wire::packet::Completion};

/// The answers that this node waits for, at most one of each peer: a server answers one request after another, and one that is
/// busy must not be asked again and again.
#[derive(Debug, Default)]
pub(crate) struct AwaitedAnswers {
    peers: Mutex<HashMap<NodeId, watch::Sender<Progress>>>,
    /// Notified when an answer has ended.
    ended: Notify,
}

/// What has come of an answer.
#[derive(Debug, Clone, PartialEq, Default)]
struct Progress {
    id: [u8; 32],
    received: u64,
    end: Option<End>,
}

#[derive(Debug, Clone, PartialEq)]
enum End {
    Completed(Completion),
    Disconnected,
}

/// The only request of this node to a peer. Another one can begin when it is dropped.
pub(crate) struct Awaited<'a> {
    answers: &'a AwaitedAnswers,
    peer: NodeId,
    progress: watch::Receiver<Progress>,
}

impl AwaitedAnswers {
    /// Waits until this node has no other request to the peer.
    pub(crate) async fn begin(&self, peer: NodeId) -> Awaited<'_> {
        loop {
            let mut ended = pin!(self.ended.notified());
            ended.as_mut().enable(); // before the check, so that no notification is missed
            if let Some(awaited) = self.try_begin(peer) {
                return awaited;
            }
            ended.await;
        }
    }

    fn try_begin(&self, peer: NodeId) -> Option<Awaited<'_>> {
        let mut peers = lock(&self.peers);
        if peers.contains_key(&peer) {
            return None;
        }
        let (sender, progress) = watch::channel(Progress::default());
        peers.insert(peer, sender);
        Some(Awaited { answers: self, peer, progress })
    }

    /// A peer has sent direct messages.
    pub(crate) fn handle_direct(&self, peer: &NodeId, envelopes: u64) {
        if let Some(progress) = lock(&self.peers).get(peer) {
            progress.send_modify(|progress| progress.received += envelopes);
        }
    }

    /// A peer has ended an answer. False if this node does not wait for it.
    pub(crate) fn handle_completion(&self, peer: &NodeId, completion: Completion) -> bool {
        let id = match &completion {
            Completion::Done { request, .. } | Completion::Failed { request, .. } => *request,
        };
        let peers = lock(&self.peers);
        peers.get(peer).is_some_and(|progress| {
            progress.send_if_modified(|progress| {
                let awaited = progress.id == id && progress.end.is_none();
                if awaited {
                    progress.end = Some(End::Completed(completion));
                }
                awaited
            })
        })
    }

    /// A session with a peer has ended.
    pub(crate) fn handle_left(&self, peer: &NodeId) {
        if let Some(progress) = lock(&self.peers).get(peer) {
            progress.send_modify(|progress| {
                progress.end.get_or_insert(End::Disconnected);
            });
        }
    }
}

impl Awaited<'_> {
    /// The id of the request, before it is sent. What has come until now is not counted.
    pub(crate) fn expect(&mut self, id: [u8; 32]) {
        if let Some(progress) = lock(&self.answers.peers).get(&self.peer) {
            progress.send_replace(Progress { id, ..Progress::default() });
        }
        self.progress.mark_unchanged();
    }

    /// Waits for the end of the answer, or until nothing has come for a while. `confirms`: the server is one that says when
    /// an answer is whole.
    pub(crate) async fn answer(
        mut self,
        patience: Duration,
        confirms: bool,
    ) -> Result<MailAnswer, MailAskError> {
        loop {
            let changed = timeout(patience, self.progress.changed()).await;
            let Progress { id, received, end } = self.progress.borrow_and_update().clone();
            match (end, changed) {
                (Some(End::Completed(Completion::Done { last, cursor, .. })), _) => {
                    // status-go's servers write zeros if they have sent nothing.
                    let last = last.filter(|hash| *hash != [0; 32]);
                    return Ok(MailAnswer { id, received, last, cursor, is_confirmed: true });
                }
                (Some(End::Completed(Completion::Failed { text, .. })), _) => {
                    return Err(MailAskError::Refused(text));
                }
                (Some(End::Disconnected), _) => {
                    return Err(MailAskError::Disconnected { received });
                }
                (None, Ok(_)) => {}
                (None, Err(_)) if received == 0 => {
                    return Err(MailAskError::Unanswered(patience));
                }
                (None, Err(_)) if confirms => {
                    return Err(MailAskError::Stalled { received, timeout: patience });
                }
                (None, Err(_)) => {
                    let (last, cursor) = (None, None);
                    return Ok(MailAnswer { id, received, last, cursor, is_confirmed: false });
                }
            }
        }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        lock(&self.answers.peers).remove(&self.peer);
        self.answers.ended.notify_waiters();
    }
}
