//! Reads archives: a stream of all envelopes that a filter lets through, each once.

mod bound;
mod candidates;
mod cursor;
mod doubts;
mod event;
mod expected;
mod follower;
mod merge;
mod reader;
mod request;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use futures_util::{Stream, future::BoxFuture, stream};
use p2p_identity::NodeId;
use p2p_world::planted::{self, Bug};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use cursor::NodeTag;
pub use cursor::{HistoryCursor, ParseCursorError};
pub use event::{HistoryEnvelope, HistoryEvent, HistoryProgress};
pub use request::{HistoryError, HistoryRequest};

use super::{
    peers::{ArchivePeer, ArchivePeers},
    wire::{ArchivePage, ArchiveQuery, ArchiveRefusal, PageState, RefusalCode},
};
use crate::{StoredEnvelope, clock::corrector::ClockCorrector};
use candidates::Candidates;
use doubts::{Verdict, Witnesses};
use follower::{Followed, Follower, Next, Target};
use merge::{ArchiveAt, Merge, Sorted};
use reader::Reader;
use request::{Asked, Start};

/// How many bytes an archive may send before they were taken.
const CREDIT: u32 = 1 << 20;

/// Number of archives that are read if none are named.
const ANY: usize = 2;

/// The envelopes that archives have, in the order of their arrival, made by [`Whisper::history`](crate::Whisper::history).
///
/// Several archives are merged: each envelope is delivered once. An archive that is away, behind, or was replaced is named;
/// the others are read. The stream bounds its memory: what is not taken waits in the archives.
pub struct History {
    peers: Arc<ArchivePeers>,
    corrector: Arc<ClockCorrector>,
    asked: Asked,
    merge: Merge,
    reader: Option<Reader>,
    followed: Vec<Source>,
    witnesses: Witnesses,
    events: mpsc::Receiver<(usize, Followed)>,
    told: VecDeque<HistoryEvent>,
    /// A page that waits for the verdict about its doubtful envelopes.
    checking: Option<BoxFuture<'static, Checked>>,
    /// A page that is being delivered.
    page: Option<Page>,
    is_caught_up: bool,
}

/// An archive that is followed.
#[derive(Debug, Default)]
struct Source {
    peer: Option<ArchivePeer>,
    newest: u64,
    state: SourceState,
    is_behind: bool,
    /// Whether it was read from its beginning again, and has not sent a page since.
    is_restarted: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum SourceState {
    /// It may still come.
    #[default]
    Awaited,
    Reading,
    CaughtUp,
    Away,
}

/// A page with what is to be delivered of it.
#[derive(Debug)]
struct Page {
    index: usize,
    at: ArchiveAt,
    envelopes: VecDeque<(StoredEnvelope, bool)>,
    end: u64,
    state: PageState,
}

struct Checked {
    page: Page,
    doubtful: Vec<StoredEnvelope>,
    verdict: Verdict,
}

/// The archive of a peer, at that peer.
fn place(peer: &ArchivePeer) -> ArchiveAt {
    ArchiveAt { id: peer.summary.id, node: tag(&peer.id) }
}

fn tag(node: &NodeId) -> NodeTag {
    std::array::from_fn(|index| node.0[index])
}

impl History {
    pub(crate) fn start(
        peers: &Arc<ArchivePeers>,
        corrector: &Arc<ClockCorrector>,
        request: HistoryRequest,
    ) -> Result<Self, HistoryError> {
        let (asked, Start { cursor, reader }) = request.asked()?;
        let targets = targets(&asked.nodes);
        let candidates: Arc<Mutex<Candidates>> = Arc::default();
        let (sender, events) = mpsc::channel(1);
        let followed = targets.iter().map(|_| Source::default()).collect();
        for (index, target) in targets.into_iter().enumerate() {
            let (peers, candidates) = (Arc::clone(peers), Arc::clone(&candidates));
            let (password, events) = (asked.password.clone(), sender.clone());
            let follower = Follower { index, target, candidates, peers, password, events };
            follower.peers.clone().spawn(follower.run());
        }
        Ok(Self {
            peers: Arc::clone(peers),
            corrector: Arc::clone(corrector),
            merge: Merge::new(corrector.now(), &cursor),
            asked,
            reader,
            followed,
            witnesses: Witnesses::new(Instant::now()),
            events,
            told: VecDeque::new(),
            checking: None,
            page: None,
            is_caught_up: false,
        })
    }

    /// Waits for the next event; `None` at the end, or if the node has stopped. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<HistoryEvent> {
        self.next_at_most(usize::MAX).await
    }

    /// As [`next`](Self::next), with at most this number of envelopes, which must not be 0.
    pub async fn next_at_most(&mut self, count: usize) -> Option<HistoryEvent> {
        loop {
            while self.page.is_some() {
                if let Some(part) = self.take_part(count) {
                    return Some(HistoryEvent::Envelopes(part));
                }
            }
            if let Some(event) = self.told.pop_front() {
                return Some(event);
            }
            if let Some(checking) = &mut self.checking {
                let checked = checking.await;
                self.checking = None;
                self.handle_checked(checked);
                continue;
            }
            let (index, event) = self.events.recv().await?;
            self.handle_followed(index, event);
        }
    }

    /// The events as a stream, each with the cursor after it.
    pub fn into_stream(self) -> impl Stream<Item = (HistoryEvent, HistoryCursor)> + Send {
        stream::unfold(self, |mut history| async move {
            let event = history.next().await?;
            Some(((event, history.cursor()), history))
        })
    }

    /// Where to go on: after everything that [`next`](Self::next) has returned.
    #[must_use]
    pub fn cursor(&self) -> HistoryCursor {
        let seen = self.reader.as_ref().map(Reader::seen).unwrap_or_default();
        HistoryCursor { seen, ..self.merge.cursor(self.asked.question) }
    }

    /// How far each archive that is connected was read.
    pub fn progress(&self) -> impl Iterator<Item = HistoryProgress> {
        self.followed.iter().filter_map(|source| {
            let peer = source.peer.as_ref()?;
            let end = self.merge.end(place(peer));
            Some(HistoryProgress { node: peer.id, end, newest: source.newest.max(end) })
        })
    }

    fn handle_followed(&mut self, index: usize, event: Followed) {
        match event {
            Followed::Began(peer, reply) => self.begin(index, peer, reply),
            Followed::Page(page) => self.handle_page(index, page),
            Followed::Refused { refusal, next } => self.handle_refused(index, refusal, next),
            Followed::Lost { node, next } => {
                self.leave(index, next);
                self.told.push_back(HistoryEvent::Away { node });
                self.tell_if_caught_up();
            }
            Followed::Away(node) => {
                self.leave(index, Next::Waits);
                match node {
                    Some(node) => self.told.push_back(HistoryEvent::Away { node }),
                    // A second archive need not be there, and one that refuses is.
                    None if self.is_without_archive() => {
                        self.told.push_back(HistoryEvent::NoArchive);
                    }
                    None => {}
                }
                self.tell_if_caught_up();
            }
        }
    }

    /// The archive of a source is not read any more. Returns the archive.
    fn leave(&mut self, index: usize, next: Next) -> Option<ArchivePeer> {
        let source = &mut self.followed[index];
        source.state = match next {
            Next::Other => SourceState::Reading,
            Next::Waits => SourceState::Away,
        };
        let peer = source.peer.take()?;
        self.witnesses.handle_seen(Instant::now(), place(&peer).node);
        Some(peer)
    }

    fn begin(&mut self, index: usize, peer: ArchivePeer, reply: oneshot::Sender<ArchiveQuery>) {
        let (node, new) = (peer.id, peer.summary.id);
        let at = place(&peer);
        let followed = self.followed.iter().filter_map(|source| source.peer.as_ref());
        let followed = followed.map(|peer| place(peer).node);
        let followed: Vec<_> = followed.chain(self.asked.nodes.iter().map(tag)).collect();
        if let Some(old) = self.merge.add(at, |node| followed.contains(node)) {
            self.told.push_back(HistoryEvent::Replaced { node, old, new });
        }
        let after = self.merge.end(at).saturating_sub(planted::is(Bug::PageTwice).into());
        let newest = peer.summary.newest;
        let source = &mut self.followed[index];
        (source.peer, source.newest) = (Some(peer), newest);
        (source.state, source.is_behind) = (SourceState::Reading, false);
        // Without a receiver the node has stopped.
        let _ = reply.send(ArchiveQuery { archive: Some(new), after, ..self.asked.query.clone() });
    }

    fn handle_page(&mut self, index: usize, page: ArchivePage) {
        let source = &mut self.followed[index];
        let Some(peer) = &source.peer else { return };
        let (node, at) = (peer.id, place(peer));
        (source.newest, source.is_restarted) = (page.newest, false);
        // An archive also removes envelopes while it is connected.
        let after = self.merge.end(at);
        let removed = page.oldest.saturating_sub(after.saturating_add(1));
        if after > 0 && removed > 0 {
            self.told.push_back(HistoryEvent::Removed { node, arrivals: removed });
        }
        let Sorted { new, doubtful } = self.merge.sort(at, page.envelopes);
        let envelopes = new.into_iter().map(|stored| (stored, false)).collect();
        let page = Page { index, at, envelopes, end: page.end, state: page.state };
        if doubtful.is_empty() {
            self.page = Some(page);
            return;
        }
        let (peers, now) = (Arc::clone(&self.peers), Instant::now());
        let witnesses = self.witnesses.witnesses(&peers, now, self.merge.others(at));
        let password = self.asked.password.clone();
        self.checking = Some(Box::pin(async move {
            let verdict = doubts::ask(&peers, witnesses, &doubtful, password.as_ref()).await;
            Checked { page, doubtful, verdict }
        }));
    }

    fn handle_checked(&mut self, checked: Checked) {
        let Checked { mut page, doubtful, verdict } = checked;
        self.witnesses.handle_verdict(Instant::now(), &verdict);
        let not_delivered = doubtful
            .into_iter()
            .filter(|stored| !verdict.delivered.contains(stored.envelope.hash()))
            .map(|stored| (stored, verdict.is_unsure));
        page.envelopes.extend(not_delivered);
        page.envelopes.make_contiguous().sort_unstable_by_key(|(stored, _)| stored.arrival);
        self.page = Some(page);
    }

    fn handle_refused(&mut self, index: usize, refusal: ArchiveRefusal, next: Next) {
        let state = self.followed[index].state;
        let Some(peer) = self.leave(index, next) else { return };
        let (node, archive) = (peer.id, peer.summary.id);
        let source = &mut self.followed[index];
        match refusal.code {
            // It is read from its beginning soon, unless it has said so of its beginning.
            RefusalCode::Replaced | RefusalCode::Ahead if !source.is_restarted => {
                (source.state, source.is_restarted) = (state, true);
                // After `Replaced`, the node says so when it is connected again.
                if refusal.code == RefusalCode::Ahead {
                    self.merge.restart(place(&peer));
                    let event = HistoryEvent::Replaced { node, old: archive, new: archive };
                    self.told.push_back(event);
                }
            }
            code => {
                let text = refusal.text;
                self.told.push_back(HistoryEvent::Refused { node, code, text });
                self.tell_if_caught_up();
            }
        }
    }

    /// Takes the next envelopes of the page that is being delivered.
    fn take_part(&mut self, count: usize) -> Option<Vec<HistoryEnvelope>> {
        let page = self.page.as_mut()?;
        let count = count.max(1).min(page.envelopes.len());
        let taken: Vec<_> = page.envelopes.drain(..count).collect();
        let is_whole = page.envelopes.is_empty();
        let last = taken.last().map_or(0, |(stored, _)| stored.arrival);
        let (at, index) = (page.at, page.index);
        let end = if is_whole || planted::is(Bug::CursorAhead) { page.end } else { last };
        let node = self.followed[index].peer.as_ref().map_or(NodeId([0; 64]), |peer| peer.id);
        let (delivered, maybe_repeated): (Vec<_>, Vec<_>) = taken.into_iter().unzip();
        self.merge.deliver(self.corrector.now(), at, &delivered, end);
        if let Some(page) = self.page.take_if(|_| is_whole) {
            self.handle_delivered(index, page.state, at);
        }
        let delivered = delivered.into_iter().zip(maybe_repeated);
        let envelopes: Vec<_> = delivered
            .filter_map(|(stored, maybe_repeated)| self.deliver(node, stored, maybe_repeated))
            .collect();
        (!envelopes.is_empty()).then_some(envelopes)
    }

    /// An envelope as it is delivered; `None` if only messages are, and there is no new one in it.
    fn deliver(
        &mut self,
        node: NodeId,
        stored: StoredEnvelope,
        maybe_repeated: bool,
    ) -> Option<HistoryEnvelope> {
        let StoredEnvelope { arrival, envelope } = stored;
        let message = match &mut self.reader {
            Some(reader) => Some(Box::new(reader.open(&envelope)?)),
            None => None,
        };
        Some(HistoryEnvelope { envelope, node, arrival, message, maybe_repeated })
    }

    /// A page of an archive is delivered.
    fn handle_delivered(&mut self, index: usize, state: PageState, at: ArchiveAt) {
        let source = &mut self.followed[index];
        if state == PageState::More {
            source.state = SourceState::Reading;
            return;
        }
        source.state = SourceState::CaughtUp;
        if let Some(reader) = &mut self.reader {
            reader.forget(self.corrector.now());
        }
        if let Some(missing) = self.merge.handle_caught_up(self.corrector.now(), at) {
            let was_behind = std::mem::replace(&mut source.is_behind, missing > 0);
            if let Some(peer) = source.peer.as_ref().filter(|_| missing > 0 && !was_behind) {
                self.told.push_back(HistoryEvent::Behind { node: peer.id, missing });
            }
        }
        self.tell_if_caught_up();
    }

    fn tell_if_caught_up(&mut self) {
        let is = |state| move |source: &&Source| source.state == state;
        let caught_up = self.followed.iter().filter(is(SourceState::CaughtUp));
        let nodes: Vec<_> =
            caught_up.filter_map(|source| source.peer.as_ref()).map(|peer| peer.id).collect();
        let is_complete = !nodes.is_empty() && !self.is_pending();
        if is_complete && !self.is_caught_up {
            self.told.push_back(HistoryEvent::CaughtUp { nodes });
        }
        self.is_caught_up = is_complete;
        if !self.asked.query.tail && !self.is_pending() {
            self.events.close(); // What was told is still delivered.
        }
    }

    fn is_without_archive(&self) -> bool {
        let is_away = |source: &Source| source.state == SourceState::Away;
        self.followed.iter().all(is_away) && self.peers.all().is_empty()
    }

    /// Whether an archive is still to be waited for.
    fn is_pending(&self) -> bool {
        let is_any = self.followed.iter().any(|source| source.peer.is_some());
        self.followed.iter().any(|source| match source.state {
            SourceState::Reading => true,
            // Only a named archive, or the first one, must be there.
            SourceState::Awaited => !self.asked.nodes.is_empty() || !is_any,
            SourceState::CaughtUp | SourceState::Away => false,
        })
    }
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("asked", &self.asked).finish_non_exhaustive()
    }
}

fn targets(nodes: &[NodeId]) -> Vec<Target> {
    if nodes.is_empty() {
        return vec![Target::Any; ANY];
    }
    nodes.iter().map(|node| Target::Node(*node)).collect()
}
