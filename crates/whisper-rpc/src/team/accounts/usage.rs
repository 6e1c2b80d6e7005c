//! What teams use, as metrics.

use std::sync::Arc;

use p2p_mux::{Metric, Sample};

use crate::team::account::TeamAccount;

/// Maximum number of teams with samples of their own: each is a time series of every metric.
const MAX_LABELS: usize = 100;

/// The label of all further teams together.
const OTHERS: &str = "others";

const CALLS: Metric = Metric::counter("rpc_team_calls_total", "Calls of a team");
const BYTES: Metric =
    Metric::counter("rpc_team_bytes_total", "Arguments, answers and notifications of a team");
const POSTS: Metric = Metric::counter("rpc_team_posts_total", "Posts of a team");
const FILTERS: Metric = Metric::gauge("rpc_team_filters", "Filters of a team");
const REFUSED: Metric = Metric::counter(
    "rpc_team_refused_total",
    "Calls that were refused because their team was over a quota",
);

/// Calls `each` with every counter of these teams, which are in the order of their names.
pub(crate) fn for_each_sample(teams: &[Arc<TeamAccount>], mut each: impl FnMut(&Sample<'_>)) {
    let (named, others) = teams.split_at(teams.len().min(MAX_LABELS));
    for team in named {
        samples(team.team().name.as_str(), std::slice::from_ref(team), &mut each);
    }
    if !others.is_empty() {
        samples(OTHERS, others, &mut each);
    }
}

/// The sums of these teams under one label.
fn samples(label: &str, teams: &[Arc<TeamAccount>], each: &mut impl FnMut(&Sample<'_>)) {
    let usages: Vec<_> = teams.iter().map(|team| team.meter.usage()).collect();
    let filters = teams.iter().map(|team| team.filters() as u64).sum();
    for (metric, value) in [
        (CALLS, usages.iter().map(|usage| usage.calls).sum()),
        (BYTES, usages.iter().map(|usage| usage.bytes).sum()),
        (POSTS, usages.iter().map(|usage| usage.posts).sum()),
        (FILTERS, filters),
    ] {
        each(&Sample { metric, labels: &[("team", label)], value });
    }
    let quotas = usages.first().into_iter().flat_map(|usage| usage.refused.iter().enumerate());
    for (index, (quota, _)) in quotas {
        let value = usages.iter().map(|usage| usage.refused[index].1).sum();
        let labels = &[("team", label), ("quota", quota.name())];
        each(&Sample { metric: REFUSED, labels, value });
    }
}
