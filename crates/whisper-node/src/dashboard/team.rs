//! What the page shows of one team.

use std::collections::BTreeMap;

use p2p_mux::Sample;
use serde::Serialize;
use whisper_rpc::TeamView;
use whisper_rpc::types::ExplanationJson;

use super::snapshot::{MAX_ROWS, PostRow, name, now, shorten};
use crate::metrics::Sources;

/// The state of a team. Counters are sums since the start of the node.
#[derive(Debug, Serialize)]
pub(super) struct TeamSnapshot {
    /// Seconds since 1970.
    at: u64,
    /// The name of the team.
    team: String,
    /// The newest first.
    posts: Vec<PostRow>,
    /// The counters and gauges of the team, by name and labels.
    metrics: BTreeMap<String, u64>,
}

impl TeamSnapshot {
    pub(super) fn of(team: &TeamView, sources: &Sources) -> Self {
        let mut metrics = BTreeMap::new();
        team.for_each_sample(|sample: &Sample<'_>| {
            metrics.insert(name(sample), sample.value);
        });
        let posts = team.latest_posts(MAX_ROWS);
        Self {
            at: now(&*sources.world),
            team: team.name(),
            posts: posts.iter().map(PostRow::of).collect(),
            metrics,
        }
    }
}

/// What the team may know of an envelope; `None` if its token is no longer valid.
pub(super) fn explain(team: &TeamView, hash: &[u8; 32]) -> Option<ExplanationJson> {
    team.explain(hash).map(shorten)
}
