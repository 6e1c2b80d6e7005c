//! Asks archives whether envelopes were delivered already.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use p2p_world::{HashMap, HashSet};
use tokio::time::{Instant, timeout_at};

use super::{cursor::NodeTag, merge::ArchiveAt, place};

use crate::{
    ArchiveId, HistoryFilter, StoredEnvelope, SymmetricKey,
    archive::{
        peers::{Answer, ArchivePeer, ArchivePeers},
        wire::{ArchiveQuery, PageState},
    },
};

/// Time for an archive to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Time to wait for an archive that was connected a moment ago: it is more often restarted than gone.
const RETURN: Duration = Duration::from_secs(60);

/// Time that each question to a witness may take. What it takes beyond that is limited for all questions together.
const FREE: Duration = Duration::from_secs(1);

/// One part of the time in which a reader waits for a witness: for a long time, an archive delays it by no more than this.
const WAITS: u32 = 10;

/// The archives as witnesses: when they were connected, and how long the reader has waited for them.
#[derive(Debug)]
pub(super) struct Witnesses {
    started: Instant,
    nodes: HashMap<NodeTag, Reputation>,
}

/// What is known of the archive of a node as a witness.
#[derive(Debug, Clone, Copy)]
struct Reputation {
    /// When it was connected.
    seen: Instant,
    /// How long it may be waited for, at `at`.
    patience: Duration,
    at: Instant,
}

/// An archive that may have an envelope in the part that was read. It may be at several nodes.
#[derive(Debug)]
pub(super) struct Witness {
    archive: ArchiveId,
    /// The nodes at which it was read, and the arrival number up to which it was.
    nodes: Vec<(NodeTag, u64)>,
    /// Until when a question may take.
    until: Instant,
}

/// What the witnesses say about envelopes.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The hashes of those that were delivered.
    pub(super) delivered: HashSet<[u8; 32]>,
    /// Whether a witness does not know about the others.
    pub(super) is_unsure: bool,
    /// How long each witness was waited for.
    waited: Vec<(NodeTag, Duration)>,
}

impl Reputation {
    fn new(seen: Instant) -> Self {
        Self { seen, patience: RETURN, at: seen }
    }

    /// How long it may be waited for now.
    fn patience(&self, now: Instant) -> Duration {
        let grown = now.saturating_duration_since(self.at) / WAITS;
        self.patience.saturating_add(grown).min(RETURN)
    }
}

impl Witnesses {
    pub(super) fn new(now: Instant) -> Self {
        Self { started: now, nodes: HashMap::default() }
    }

    /// The archive of a node was connected until now.
    pub(super) fn handle_seen(&mut self, now: Instant, node: NodeTag) {
        self.nodes.entry(node).or_insert(Reputation::new(self.started)).seen = now;
    }

    /// The archives that were read, as witnesses. `others`: up to which arrival number.
    pub(super) fn witnesses(
        &mut self,
        peers: &ArchivePeers,
        now: Instant,
        others: impl Iterator<Item = (ArchiveAt, u64)>,
    ) -> Vec<Witness> {
        let mut archives: BTreeMap<ArchiveId, Vec<(NodeTag, u64)>> = BTreeMap::new();
        for (at, end) in others {
            archives.entry(at.id).or_default().push((at.node, end));
        }
        let is_known = |node: &NodeTag| archives.values().flatten().any(|(other, _)| other == node);
        self.nodes.retain(|node, _| is_known(node));
        let witness = |(archive, nodes)| self.witness(peers, now, archive, nodes);
        archives.into_iter().map(witness).collect()
    }

    fn witness(
        &self,
        peers: &ArchivePeers,
        now: Instant,
        archive: ArchiveId,
        nodes: Vec<(NodeTag, u64)>,
    ) -> Witness {
        let reputation = |node: &NodeTag| {
            self.nodes.get(node).copied().unwrap_or_else(|| Reputation::new(self.started))
        };
        let until = nodes.iter().map(|(node, _)| {
            let reputation = reputation(node);
            let at = ArchiveAt { id: archive, node: *node };
            let seen = if find(peers, at).is_some() { now } else { reputation.seen };
            (seen + RETURN).min(now + FREE + reputation.patience(now))
        });
        let until = until.max().unwrap_or(now);
        Witness { archive, nodes, until }
    }

    /// The witnesses have answered.
    pub(super) fn handle_verdict(&mut self, now: Instant, verdict: &Verdict) {
        for (node, waited) in &verdict.waited {
            let reputation = self.nodes.entry(*node).or_insert(Reputation::new(self.started));
            let before = now.checked_sub(*waited).unwrap_or(now);
            let patience = reputation.patience(before);
            reputation.patience = patience.saturating_sub(waited.saturating_sub(FREE));
            reputation.at = now;
        }
    }
}

/// Asks all witnesses about these envelopes.
pub(super) async fn ask(
    peers: &Arc<ArchivePeers>,
    witnesses: Vec<Witness>,
    doubtful: &[StoredEnvelope],
    password: Option<&SymmetricKey>,
) -> Verdict {
    let mut verdict = Verdict { is_unsure: witnesses.is_empty(), ..Verdict::default() };
    let hashes: Vec<_> = doubtful.iter().map(|stored| *stored.envelope.hash()).collect();
    let answers = witnesses.into_iter().map(async |witness| {
        let began = Instant::now();
        let answer = witness.ask(peers, &hashes, password).await;
        (witness, answer, began.elapsed())
    });
    for (witness, answer, waited) in join_all(answers).await {
        verdict.waited.extend(witness.nodes.iter().map(|(node, _)| (*node, waited)));
        match answer {
            Some((found, knows_all)) => {
                verdict.delivered.extend(found);
                verdict.is_unsure |= !knows_all;
            }
            None => verdict.is_unsure = true,
        }
    }
    verdict
}

impl Witness {
    /// Which of these hashes the archive has in the part that was read, and whether it has removed nothing. `None` if it does
    /// not tell in time.
    async fn ask(
        &self,
        peers: &ArchivePeers,
        hashes: &[[u8; 32]],
        password: Option<&SymmetricKey>,
    ) -> Option<(Vec<[u8; 32]>, bool)> {
        let mut changes = peers.changes();
        loop {
            changes.mark_unchanged();
            for (node, end) in &self.nodes {
                let at = ArchiveAt { id: self.archive, node: *node };
                let Some(peer) = find(peers, at) else { continue };
                let until = self.until.min(Instant::now() + ANSWER);
                let answer = read(&peer, hashes.to_vec(), *end, password);
                match timeout_at(until, answer).await {
                    Ok(Some(Answered::Complete { found, knows_all })) => {
                        return Some((found, knows_all));
                    }
                    // It would say so again.
                    Ok(Some(Answered::Refused)) | Err(_) => return None,
                    // It may come back.
                    Ok(None) => {}
                }
            }
            // It cannot fail otherwise: `peers` has the sender.
            timeout_at(self.until, changes.changed()).await.ok()?.ok()?;
        }
    }
}

/// The answer of a witness.
enum Answered {
    Complete { found: Vec<[u8; 32]>, knows_all: bool },
    Refused,
}

fn find(peers: &ArchivePeers, at: ArchiveAt) -> Option<ArchivePeer> {
    peers.all().into_iter().find(|peer| place(peer) == at)
}

/// `None` if the connection ends.
async fn read(
    peer: &ArchivePeer,
    hashes: Vec<[u8; 32]>,
    end: u64,
    password: Option<&SymmetricKey>,
) -> Option<Answered> {
    let (mut found, mut knows_all) = (Vec::new(), true);
    let query = ArchiveQuery {
        archive: Some(peer.summary.id),
        until: end,
        credit: super::CREDIT,
        ..ArchiveQuery::new(0, HistoryFilter::Hashes(hashes))
    };
    let mut open = peer.ask(query, password);
    loop {
        let Answer::Page(page) = open.next().await? else { return Some(Answered::Refused) };
        knows_all &= page.oldest <= 1;
        found.extend(page.envelopes.iter().map(|stored| *stored.envelope.hash()));
        if page.state == PageState::Last {
            return Some(Answered::Complete { found, knows_all });
        }
    }
}
