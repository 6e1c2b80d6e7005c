//! The questions that are open at a node: a machine without connections, clock and tasks.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use p2p_identity::NodeId;
use p2p_world::HashSet;
use tokio::time::Instant;

use super::{
    pace::Pace,
    wire::{
        MAX_ANSWER_BYTES, MAX_HOPS, MAX_RECORDS, QuestionId, TraceAnswer, TraceMessage,
        TraceQuestion, TraceRecord,
    },
};

/// Longest time for an answer.
pub(super) const MAX_TIME: Duration = Duration::from_secs(10);

/// Maximum number of questions that are open: each takes as much memory as an answer.
const MAX_OPEN: usize = 64;

/// Maximum number of questions of one peer that are open.
const MAX_OPEN_OF_PEER: usize = 16;

/// Number of questions that are remembered, so that each is answered once.
const MAX_SEEN: usize = 8192;

/// Room for everything in an answer but the records, in bytes.
const ANSWER_HEAD: usize = 64;

/// A connection with a peer: its number on this node.
pub(super) type Connection = u64;

/// What the machine wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Send this to the peer.
    Send { to: Connection, message: TraceMessage },
    /// A question of this node has its answer.
    Done(TraceAnswer),
}

/// The questions that are open at a node.
#[derive(Debug, Default)]
pub(super) struct Tracer {
    peers: BTreeMap<Connection, Peer>,
    open: BTreeMap<QuestionId, Open>,
    seen: Seen,
    outbox: VecDeque<Output>,
}

/// A peer that may be asked.
#[derive(Debug)]
struct Peer {
    id: NodeId,
    pace: Pace,
    /// Number of its questions that are open.
    open: usize,
}

/// A question that is open.
#[derive(Debug)]
struct Open {
    /// The peer that asked; `None`: this node.
    asker: Option<Connection>,
    /// The peers that were asked and have not answered.
    waiting: BTreeSet<Connection>,
    deadline: Instant,
    limit: usize,
    records: Vec<TraceRecord>,
    /// The nodes of these records.
    nodes: HashSet<NodeId>,
    /// The size of these records.
    bytes: usize,
    is_cut: bool,
}

/// The last questions.
#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<QuestionId>,
    by_age: VecDeque<QuestionId>,
}

impl Seen {
    fn insert(&mut self, id: QuestionId) {
        if self.ids.insert(id) {
            self.by_age.push_back(id);
        }
        if self.by_age.len() > MAX_SEEN
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

/// What became of a question of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// [`Tracer::begin`] must follow.
    New,
    /// It is answered already, with nothing: the node has the question from another peer.
    Repeated,
    /// It is answered already, with nothing: the peer asks too much.
    Refused,
}

impl Tracer {
    /// A peer may be asked from now on.
    pub(super) fn handle_peer(&mut self, now: Instant, connection: Connection, id: NodeId) {
        self.peers.insert(connection, Peer { id, pace: Pace::new(now), open: 0 });
    }

    /// The peers that may be asked.
    pub(super) fn peers(&self) -> Vec<(Connection, NodeId)> {
        self.peers.iter().map(|(connection, peer)| (*connection, peer.id)).collect()
    }

    /// A peer asks.
    pub(super) fn handle_question(
        &mut self,
        now: Instant,
        from: Connection,
        question: &TraceQuestion,
    ) -> Admission {
        let Some(peer) = self.peers.get_mut(&from) else { return Admission::Refused };
        let may_ask = peer.pace.take(now);
        let is_full = peer.open >= MAX_OPEN_OF_PEER || self.open.len() >= MAX_OPEN;
        let admission = match self.seen.ids.contains(&question.id) {
            _ if !may_ask => Admission::Refused,
            true => Admission::Repeated,
            false if is_full => Admission::Refused,
            false => return Admission::New,
        };
        let is_cut = admission == Admission::Refused;
        let answer = TraceAnswer { id: question.id, records: Vec::new(), is_cut };
        self.send(from, TraceMessage::Answer(answer));
        admission
    }

    /// Asks others what happened to an envelope. `asker`: the peer that asked; `None`: this node. `record`: what this node
    /// says. `targets`: the peers that may be asked.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        asker: Option<Connection>,
        question: &TraceQuestion,
        record: TraceRecord,
        targets: &[Connection],
    ) {
        let id = question.id;
        self.seen.insert(id);
        let time = Duration::from_millis(question.time.into()).min(MAX_TIME);
        let limit = usize::try_from(question.limit).unwrap_or(usize::MAX).min(MAX_RECORDS);
        let mut open = Open {
            asker,
            waiting: BTreeSet::new(),
            deadline: now + time,
            limit,
            records: Vec::new(),
            nodes: HashSet::default(),
            bytes: ANSWER_HEAD,
            is_cut: false,
        };
        open.add(record);
        let others = targets.iter().filter(|target| Some(**target) != asker);
        let others: Vec<_> = others.filter(|target| self.peers.contains_key(target)).collect();
        let hops = question.hops.min(MAX_HOPS);
        if hops == 0 || limit <= 1 {
            open.is_cut |= !others.is_empty();
        } else {
            // A quarter of the time is for the way there and back.
            let time = u32::try_from(time.as_millis()).unwrap_or(u32::MAX) / 4 * 3;
            let limit = u32::try_from(limit - 1).unwrap_or(u32::MAX);
            for target in others {
                let onward = TraceQuestion { hops: hops - 1, time, limit, ..*question };
                self.send(*target, TraceMessage::Question(onward));
                open.waiting.insert(*target);
            }
        }
        if let Some(peer) = asker.and_then(|asker| self.peers.get_mut(&asker)) {
            peer.open += 1;
        }
        self.open.insert(id, open);
        self.finish_complete(id);
    }

    /// A peer answers. What is not awaited is ignored: it may be late.
    pub(super) fn handle_answer(&mut self, from: Connection, answer: TraceAnswer) {
        let Some(open) = self.open.get_mut(&answer.id) else { return };
        if !open.waiting.remove(&from) {
            return;
        }
        open.is_cut |= answer.is_cut;
        answer.records.into_iter().for_each(|record| open.add(record));
        self.finish_complete(answer.id);
    }

    /// The connection with a peer has ended.
    pub(super) fn handle_closed(&mut self, connection: Connection) {
        self.peers.remove(&connection);
        self.open.retain(|_, open| open.asker != Some(connection));
        let open = self.open.iter_mut();
        let asked =
            open.filter_map(|(id, open)| open.waiting.remove(&connection).then_some((*id, open)));
        let asked: Vec<_> = asked
            .map(|(id, open)| {
                open.is_cut = true;
                id
            })
            .collect();
        asked.into_iter().for_each(|id| self.finish_complete(id));
    }

    /// The time of the next [`handle_timeout`](Self::handle_timeout).
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.open.values().map(|open| open.deadline).min()
    }

    /// Answers with what there is when the time is over.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let due = self.open.iter_mut().filter(|(_, open)| open.deadline <= now);
        let due: Vec<_> = due
            .map(|(id, open)| {
                open.is_cut |= !open.waiting.is_empty();
                open.waiting.clear();
                *id
            })
            .collect();
        due.into_iter().for_each(|id| self.finish_complete(id));
    }

    /// What to do next.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// Answers a question if nothing more is awaited.
    fn finish_complete(&mut self, id: QuestionId) {
        if self.open.get(&id).is_none_or(|open| !open.waiting.is_empty()) {
            return;
        }
        let Some(Open { asker, records, is_cut, .. }) = self.open.remove(&id) else { return };
        let answer = TraceAnswer { id, records, is_cut };
        let Some(asker) = asker else { return self.outbox.push_back(Output::Done(answer)) };
        if let Some(peer) = self.peers.get_mut(&asker) {
            peer.open -= 1;
            self.send(asker, TraceMessage::Answer(answer));
        }
    }

    fn send(&mut self, to: Connection, message: TraceMessage) {
        self.outbox.push_back(Output::Send { to, message });
    }
}

impl Open {
    /// Adds what a node says, if there is room. What another one said of it before stays.
    fn add(&mut self, record: TraceRecord) {
        if self.nodes.contains(&record.node) {
            return;
        }
        let bytes = self.bytes + record.encode().len();
        if self.records.len() >= self.limit || bytes > MAX_ANSWER_BYTES {
            self.is_cut = true;
            return;
        }
        self.bytes = bytes;
        self.nodes.insert(record.node);
        self.records.push(record);
    }
}
