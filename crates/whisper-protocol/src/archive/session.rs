//! Runs `archive/1` on one connection: carries messages, pages and commands between the machines and their surroundings.

use std::{future::pending, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use p2p_identity::{NodeId, causes};
use p2p_mux::{Channel, DisconnectReason, Exit, Message, SendError, Sender};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use super::{
    Archive, ArchiveError, HistoryFilter, HistoryPage, HistoryQuery,
    answers::{Answer, AnswerSender, Full},
    asking::Asking,
    fault::ArchiveFault,
    peers::{ArchivePeers, Served},
    serving::{Access, Serving},
    settings::Ends,
    wire::{ArchiveMessage, ArchiveQuery, ArchiveStatus, ArchiveSummary, PageState},
};
use crate::stats::Counter;
use p2p_world::HashMap;

/// Maximum number of queries of this node to its own archive. They take no place of the peers.
const MAX_OWN_QUERIES: usize = 1024;

/// What an end of a connection does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Answers and asks: a connection with a peer.
    Both { own: NodeId, peer: NodeId },
    /// Only asks.
    Client(Ends),
    /// Only answers.
    Archive(Ends),
}

/// What a client of this node wants from the other end.
#[derive(Debug)]
pub(super) enum Command {
    Ask { query: Box<ArchiveQuery>, answers: AnswerSender },
    Grant { id: u64, bytes: u32 },
    Cancel { id: u64 },
}

/// One connection.
pub(super) struct Session {
    peers: Arc<ArchivePeers>,
    role: Role,
    served: Option<Served>,
    serving: Serving,
    asking: Asking,
    /// Who waits for the answers to the open queries.
    waiting: HashMap<u64, AnswerSender>,
    /// The number of the connection in the table of archives, if the other end is one.
    connection: Option<u64>,
    /// Whether the other end has sent its status.
    greeted: bool,
    commands: mpsc::UnboundedSender<Command>,
}

type Sending = Option<BoxFuture<'static, Result<(), SendError>>>;
type Reading = Option<BoxFuture<'static, Result<HistoryPage, ArchiveError>>>;

impl Session {
    /// Runs until the connection ends, the node stops or the other end violates the protocol.
    pub(super) async fn run(
        peers: Arc<ArchivePeers>,
        role: Role,
        channel: Channel,
    ) -> Result<(), Exit> {
        let (sender, mut receiver) = channel.split();
        let (commands, mut wanted) = mpsc::unbounded_channel();
        let served = peers.served().filter(|_| !matches!(role, Role::Client(_)));
        let mut newest = served.as_ref().map(|served| served.archive.newest());
        let stop = peers.stop.clone();
        let session = Self::new(peers, role, served, commands);
        let Some(mut session) = stop.run_until_cancelled(session).await else { return Ok(()) };
        let (mut sending, mut reading) = (Sending::None, Reading::None);
        loop {
            if session.is_replaced() {
                // The status of a new connection has the new id.
                return Err(Exit::Disconnect(DisconnectReason::Requested));
            }
            session.serving.handle_timeout(Instant::now());
            session.start(&sender, &mut sending, &mut reading);
            let timeout = session.serving.poll_timeout();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                sent = ready(&mut sending) => {
                    sending = None;
                    sent?;
                }
                page = ready(&mut reading) => {
                    reading = None;
                    session.handle_read(page).map_err(Exit::from)?;
                }
                Some(command) = wanted.recv() => session.handle_command(command),
                number = next_newest(&mut newest) => session.serving.handle_newest(number),
                message = receiver.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    session.handle_message(&message).map_err(|fault| session.end(fault))?;
                }
                () = wait_until(timeout) => {}
            }
        }
    }

    async fn new(
        peers: Arc<ArchivePeers>,
        role: Role,
        served: Option<Served>,
        commands: mpsc::UnboundedSender<Command>,
    ) -> Self {
        let summary = match &served {
            Some(served) => Some(summary(served).await),
            None => None,
        };
        let max_queries = match (&role, &served) {
            (_, None) => 0,
            (Role::Archive(_), Some(_)) => MAX_OWN_QUERIES,
            (_, Some(served)) => served.settings.max_queries,
        };
        Self {
            peers,
            role,
            served,
            serving: Serving::new(summary, max_queries),
            asking: Asking::default(),
            waiting: HashMap::default(),
            connection: None,
            greeted: false,
            commands,
        }
    }

    /// Starts to send and to read, if there is something and nothing is under way.
    fn start(&mut self, sender: &Sender, sending: &mut Sending, reading: &mut Reading) {
        if sending.is_none() {
            let message = self.serving.poll_transmit().or_else(|| self.asking.poll_transmit());
            *sending = message.map(|(code, payload)| send(sender.clone(), code, payload));
        }
        if reading.is_none()
            && let Some(served) = &self.served
            && let Some(query) = self.serving.poll_read()
        {
            *reading = Some(self.read(Arc::clone(&served.archive), query));
        }
    }

    /// Reads a page, to its end even if the peer goes away: otherwise one that asks and leaves would keep more readers busy than
    /// there may be. The end of the node does not wait for it.
    fn read(
        &self,
        archive: Arc<dyn Archive>,
        query: HistoryQuery,
    ) -> BoxFuture<'static, Result<HistoryPage, ArchiveError>> {
        let reads = match self.role {
            Role::Archive(_) => Arc::clone(&self.peers.own_reads),
            _ => Arc::clone(&self.peers.reads),
        };
        let (sender, page) = oneshot::channel();
        let stop = self.peers.stop.clone();
        self.peers.spawn(async move {
            let read = async {
                // It is never closed.
                let _permit = reads.acquire_owned().await;
                archive.page(query).await
            };
            if let Some(page) = stop.run_until_cancelled(read).await {
                // Who asked may be gone.
                let _ = sender.send(page);
            }
        });
        Box::pin(async move {
            page.await.unwrap_or_else(|_| Err(ArchiveError::new("the program ends")))
        })
    }

    /// Whether the archive has got another id than the peer was told.
    fn is_replaced(&self) -> bool {
        let id = self.serving.id();
        id.is_some_and(|id| self.served.as_ref().is_some_and(|served| served.archive.id() != id))
    }

    fn handle_read(&mut self, page: Result<HistoryPage, ArchiveError>) -> Result<(), ArchiveFault> {
        match page {
            Ok(page) => {
                self.peers.counters.add(Counter::ArchiveSent, page.envelopes.len());
                self.serving.handle_page(Instant::now(), page)
            }
            Err(error) => {
                tracing::warn!(error = %causes(&error), "the archive cannot be read for a peer");
                self.serving.handle_failure()
            }
        }
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Ask { query, answers } => {
                self.waiting.insert(query.id, answers);
                self.asking.ask(*query);
            }
            Command::Grant { id, bytes } => self.asking.grant(id, bytes),
            Command::Cancel { id } => {
                self.waiting.remove(&id);
                self.asking.cancel(id);
            }
        }
    }

    fn handle_message(&mut self, message: &Message) -> Result<(), ArchiveFault> {
        let bytes = message.payload.len();
        match ArchiveMessage::decode(message.code, &message.payload)? {
            ArchiveMessage::Status(_) if self.greeted => return Err(ArchiveFault::SecondStatus),
            ArchiveMessage::Status(status) => self.handle_status(status),
            ArchiveMessage::Reserved(_) => {}
            _ if !self.greeted => return Err(ArchiveFault::NoStatus),
            ArchiveMessage::Query(query) => {
                let access = self.access(&query);
                self.peers.counters.one(Counter::ArchiveQueries);
                self.serving.handle_query(Instant::now(), *query, access)?;
            }
            ArchiveMessage::Credit(credit) => self.serving.handle_credit(credit.id, credit.bytes),
            ArchiveMessage::Cancel(cancel) => self.serving.handle_cancel(cancel.id),
            ArchiveMessage::Page(page) => {
                let page = self.asking.handle_page(page, bytes)?;
                if let Some(page) = page {
                    let (id, is_last) = (page.id, page.state == PageState::Last);
                    self.answer(id, Answer::Page(page), bytes, is_last)?;
                }
            }
            ArchiveMessage::Refusal(refusal) => {
                if let Some(refusal) = self.asking.handle_refusal(refusal)? {
                    self.answer(refusal.id, Answer::Refused(refusal), bytes, true)?;
                }
            }
        }
        Ok(())
    }

    fn handle_status(&mut self, status: ArchiveStatus) {
        self.greeted = true;
        let ends = match self.role {
            Role::Both { own, peer } => Ends { archive: peer, client: own, is_local: false },
            Role::Client(ends) => ends,
            Role::Archive(_) => return,
        };
        if let Some(summary) = status.archive {
            self.connection = Some(self.peers.insert(ends, summary, self.commands.clone()));
        }
    }

    /// Gives a part of an answer to who waits for it.
    fn answer(
        &mut self,
        id: u64,
        answer: Answer,
        bytes: usize,
        is_last: bool,
    ) -> Result<(), ArchiveFault> {
        if let Some(waiting) = self.waiting.get(&id) {
            waiting.send(answer, bytes).map_err(|Full| ArchiveFault::Overrun { id, bytes })?;
        }
        if is_last {
            self.waiting.remove(&id);
        }
        Ok(())
    }

    fn access(&self, query: &ArchiveQuery) -> Access {
        let ends = match self.role {
            Role::Both { own, peer } => Ends { archive: own, client: peer, is_local: false },
            Role::Archive(ends) | Role::Client(ends) => ends,
        };
        let is_allowed = |served: &Served| served.settings.allows(&ends, query.proof.as_ref());
        if self.served.as_ref().is_some_and(is_allowed) { Access::Granted } else { Access::Denied }
    }

    /// The peer has violated the protocol.
    fn end(&self, fault: ArchiveFault) -> Exit {
        if let Role::Both { peer, .. } = self.role {
            tracing::debug!(%peer, error = %causes(&fault), "archive/1 ends: the peer violated it");
        }
        Exit::from(fault)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(connection) = self.connection else { return };
        match self.role {
            Role::Both { peer, .. } => self.peers.remove(&peer, connection),
            Role::Client(ends) => self.peers.remove(&ends.archive, connection),
            Role::Archive(_) => {}
        }
    }
}

/// What the archive of this node has. If it cannot be read now, `oldest` is 0: a client asks nevertheless, is told so, and asks
/// again later.
async fn summary(served: &Served) -> ArchiveSummary {
    let archive = &served.archive;
    let id = archive.id();
    let page = archive.page(HistoryQuery::new(HistoryFilter::All).limit(0)).await;
    let oldest = page.map_or_else(
        |error| {
            tracing::warn!(error = %causes(&error), "the archive cannot be read for a peer");
            0
        },
        |page| page.oldest,
    );
    ArchiveSummary { id, oldest, newest: *archive.newest().borrow() }
}

fn send(sender: Sender, code: u64, payload: Bytes) -> BoxFuture<'static, Result<(), SendError>> {
    Box::pin(async move { sender.send_raw(code, payload).await })
}

/// Waits for a future, if there is one.
async fn ready<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// Waits for the next newest number. Never returns without an archive, or after it has ended.
async fn next_newest(newest: &mut Option<watch::Receiver<u64>>) -> u64 {
    if let Some(receiver) = newest
        && receiver.changed().await.is_ok()
    {
        return *receiver.borrow_and_update();
    }
    *newest = None;
    pending().await
}

async fn wait_until(timeout: Option<Instant>) {
    match timeout {
        Some(timeout) => sleep_until(timeout).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
