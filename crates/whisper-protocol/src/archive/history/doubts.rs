//! Asks archives whether envelopes were delivered already.

use std::time::Duration;

use p2p_world::HashSet;
use tokio::time::timeout;

use crate::{
    HistoryFilter, StoredEnvelope, SymmetricKey,
    archive::{
        peers::{Answer, ArchivePeer},
        wire::{ArchiveQuery, PageState},
    },
};

/// Time to wait for an archive.
const PATIENCE: Duration = Duration::from_secs(10);

/// An archive that may have an envelope in the part that was read.
pub(super) struct Witness {
    /// `None` if it is away.
    pub(super) peer: Option<ArchivePeer>,
    /// The arrival number up to which it was read.
    pub(super) end: u64,
}

/// What the witnesses say about envelopes.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The hashes of those that were delivered.
    pub(super) delivered: HashSet<[u8; 32]>,
    /// Whether a witness does not know about the others.
    pub(super) is_unsure: bool,
}

/// Asks all witnesses about these envelopes.
pub(super) async fn ask(
    witnesses: Vec<Witness>,
    doubtful: &[StoredEnvelope],
    password: Option<&SymmetricKey>,
) -> Verdict {
    let mut verdict = Verdict { is_unsure: witnesses.is_empty(), ..Verdict::default() };
    for Witness { peer, end } in witnesses {
        let hashes = doubtful.iter().map(|stored| *stored.envelope.hash());
        let hashes = hashes.filter(|hash| !verdict.delivered.contains(hash)).collect();
        let found = match peer {
            Some(peer) => {
                timeout(PATIENCE, find(&peer, hashes, end, password)).await.ok().flatten()
            }
            None => None,
        };
        match found {
            Some((found, knows_all)) => {
                verdict.delivered.extend(found);
                verdict.is_unsure |= !knows_all;
            }
            None => verdict.is_unsure = true,
        }
    }
    verdict
}

/// Which of these hashes an archive has, up to an arrival number, and whether it has removed nothing. `None` if it does not
/// answer.
async fn find(
    peer: &ArchivePeer,
    hashes: Vec<[u8; 32]>,
    end: u64,
    password: Option<&SymmetricKey>,
) -> Option<(Vec<[u8; 32]>, bool)> {
    let (mut found, mut knows_all) = (Vec::new(), true);
    if hashes.is_empty() {
        return Some((found, knows_all));
    }
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
