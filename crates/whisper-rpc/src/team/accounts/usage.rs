//! What teams use, as metrics.

use std::sync::Arc;

use p2p_mux::{Metric, Sample};
use whisper_protocol::Usage;

use crate::team::account::TeamAccount;
use crate::team::meter::TeamUsage;

/// Maximum number of teams with samples of their own: each is a time series of every metric.
const MAX_LABELS: usize = 100;

/// The label of all further teams together.
const OTHERS: &str = "others";

const CALLS: Metric = Metric::counter("rpc_team_calls_total", "Calls of a team");
const BYTES: Metric =
    Metric::counter("rpc_team_bytes_total", "Arguments, answers and notifications of a team");
const POSTS: Metric = Metric::counter("rpc_team_posts_total", "Posts of a team");
const FILTERS: Metric = Metric::gauge("rpc_team_filters", "Filters of a team");
const CONNECTIONS: Metric = Metric::gauge("rpc_team_connections", "Connections of a team");
const SUBSCRIPTIONS: Metric =
    Metric::gauge("rpc_team_subscriptions", "Subscriptions of a team to messages");
const OUTBOX: Metric =
    Metric::gauge("rpc_team_outbox_bytes", "Notifications that clients of a team have not read");
const MAILBOXES: Metric =
    Metric::gauge("rpc_team_mailbox_bytes", "Messages in the mailboxes of a team");
const TRIALS: Metric = Metric::counter(
    "rpc_team_trials_total",
    "Keys that were tried on envelopes for a team; a private key counts as 150",
);
const CORE_TIME: Metric = Metric::counter(
    "rpc_team_work_seconds_total",
    "Time that cores have worked on proofs of work of a team",
);
const READ: Metric =
    Metric::counter("rpc_team_history_envelopes_total", "Envelopes that a team read from archives");
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
    let of_node: Vec<_> = teams.iter().map(|team| team.whisper.usage()).collect();
    let sum = |of: fn(&TeamUsage) -> u64| usages.iter().map(of).sum::<u64>();
    let sum_of_node = |of: fn(&Usage) -> u64| of_node.iter().map(of).sum::<u64>();
    for (metric, value) in [
        (CALLS, sum(|usage| usage.calls)),
        (BYTES, sum(|usage| usage.bytes)),
        (POSTS, sum(|usage| usage.posts)),
        (READ, sum(|usage| usage.read)),
        (CONNECTIONS, sum(|usage| usage.connections)),
        (SUBSCRIPTIONS, sum(|usage| usage.subscriptions)),
        (OUTBOX, sum(|usage| usage.outbox_bytes)),
        (FILTERS, teams.iter().map(|team| team.filters() as u64).sum()),
        (MAILBOXES, sum_of_node(|usage| usage.mailbox_bytes)),
        (TRIALS, sum_of_node(|usage| usage.trials)),
        (CORE_TIME, sum_of_node(|usage| usage.core_time.as_secs())),
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
