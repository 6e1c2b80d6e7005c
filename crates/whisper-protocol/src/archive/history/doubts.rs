//! Asks archives whether envelopes were delivered already.

use std::{sync::Arc, time::Duration};

use p2p_world::{HashMap, HashSet};
use tokio::time::{Instant, timeout, timeout_at};

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

/// When archives were connected.
#[derive(Debug)]
pub(super) struct Sightings {
    started: Instant,
    last: HashMap<ArchiveId, Instant>,
}

/// An archive that may have an envelope in the part that was read.
#[derive(Debug)]
pub(super) struct Witness {
    archive: ArchiveId,
    /// The arrival number up to which it was read.
    end: u64,
    /// Until when it is waited for.
    until: Instant,
}

/// What the witnesses say about envelopes.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The hashes of those that were delivered.
    pub(super) delivered: HashSet<[u8; 32]>,
    /// Whether a witness does not know about the others.
    pub(super) is_unsure: bool,
}

impl Sightings {
    pub(super) fn new(now: Instant) -> Self {
        Self { started: now, last: HashMap::default() }
    }

    /// An archive was connected until now.
    pub(super) fn handle_seen(&mut self, now: Instant, archive: ArchiveId) {
        self.last.insert(archive, now);
    }

    /// The archive that was read up to `end`, as a witness.
    pub(super) fn witness(
        &self,
        peers: &ArchivePeers,
        now: Instant,
        archive: ArchiveId,
        end: u64,
    ) -> Witness {
        let is_connected = find(peers, archive).is_some();
        let last = self.last.get(&archive).copied().unwrap_or(self.started);
        let until = if is_connected { now } else { last } + RETURN;
        Witness { archive, end, until }
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
    for witness in witnesses {
        let hashes = doubtful.iter().map(|stored| *stored.envelope.hash());
        let hashes = hashes.filter(|hash| !verdict.delivered.contains(hash)).collect();
        match witness.ask(peers, hashes, password).await {
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
    /// not answer in time.
    async fn ask(
        &self,
        peers: &ArchivePeers,
        hashes: Vec<[u8; 32]>,
        password: Option<&SymmetricKey>,
    ) -> Option<(Vec<[u8; 32]>, bool)> {
        if hashes.is_empty() {
            return Some((hashes, true));
        }
        let mut changes = peers.changes();
        loop {
            changes.mark_unchanged();
            if let Some(peer) = find(peers, self.archive) {
                let answer = timeout(ANSWER, read(&peer, hashes.clone(), self.end, password));
                if let Ok(Some(answer)) = answer.await {
                    return Some(answer);
                }
            }
            // It cannot fail otherwise: `peers` has the sender.
            timeout_at(self.until, changes.changed()).await.ok()?.ok()?;
        }
    }
}

fn find(peers: &ArchivePeers, archive: ArchiveId) -> Option<ArchivePeer> {
    peers.all().into_iter().find(|peer| peer.summary.id == archive)
}

async fn read(
    peer: &ArchivePeer,
    hashes: Vec<[u8; 32]>,
    end: u64,
    password: Option<&SymmetricKey>,
) -> Option<(Vec<[u8; 32]>, bool)> {
    let (mut found, mut knows_all) = (Vec::new(), true);
    let query = ArchiveQuery {
        archive: Some(peer.summary.id),
        until: end,
        credit: super::CREDIT,
        ..ArchiveQuery::new(0, HistoryFilter::Hashes(hashes))
    };
    let mut open = peer.ask(query, password);
    loop {
        let Answer::Page(page, _) = open.next().await? else { return None };
        knows_all &= page.oldest <= 1;
        found.extend(page.envelopes.iter().map(|stored| *stored.envelope.hash()));
        if page.state == PageState::Last {
            return Some((found, knows_all));
        }
    }
}
