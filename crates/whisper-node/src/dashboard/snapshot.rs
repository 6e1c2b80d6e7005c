//! What the page shows at one moment.

use std::collections::BTreeMap;

use p2p_mux::{ConnectionStats, Sample, SlotStats};
use p2p_server::PeerInfo;
use p2p_world::World;
use serde::Serialize;
use whisper_protocol::Whisper;
use whisper_rpc::types::{
    DialStateJson, DroppedJson, ExplanationJson, NodeInfoJson, PeerInfoJson, ReceiptJson,
};

use crate::metrics::Sources;

/// Maximum number of posts and of dialed nodes that are shown.
pub(super) const MAX_ROWS: usize = 100;

/// Number of digits of a filter's id that are shown. With the whole id one could read the filter.
const SHOWN_ID: usize = 8;

/// The state of the node. Counters are sums since its start.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Snapshot {
    /// Seconds since 1970.
    at: u64,
    node: NodeInfoJson,
    peers: Vec<PeerRow>,
    /// Nodes that are not peers, and what the node does next about them.
    dials: Vec<DialStateJson>,
    /// The reasons that occurred.
    drops: Vec<DroppedJson>,
    /// The newest first.
    posts: Vec<PostRow>,
    /// The counters and gauges of `/metrics`, by name and labels.
    metrics: BTreeMap<String, u64>,
}

/// A peer, and its connection.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PeerRow {
    #[serde(flatten)]
    info: PeerInfoJson,
    /// Its public key.
    key: String,
    /// Round trip of the last ping, in milliseconds.
    round_trip: Option<f64>,
    bytes_in: u64,
    bytes_out: u64,
    /// Bytes that wait to be sent.
    queued: u64,
}

/// A post of this node.
#[derive(Debug, Serialize)]
pub(super) struct PostRow {
    hash: String,
    #[serde(flatten)]
    receipt: ReceiptJson,
}

impl Snapshot {
    pub(super) fn of(sources: &Sources) -> Self {
        let Sources { whisper, server, world, .. } = sources;
        let (metrics, drops) = counted(sources);
        Self {
            at: now(&**world),
            node: server.node_info().into(),
            peers: server.peers_with_stats().into_iter().map(PeerRow::of).collect(),
            dials: DialStateJson::not_connected(server, &**world, MAX_ROWS),
            drops,
            posts: whisper.latest_posts(MAX_ROWS).iter().map(PostRow::of).collect(),
            metrics,
        }
    }
}

impl PeerRow {
    fn of((info, stats): (PeerInfo, ConnectionStats)) -> Self {
        let sum = |of: fn(&SlotStats) -> u64| stats.slots.iter().map(of).sum();
        Self {
            key: format!("0x{}", info.node_id),
            round_trip: stats.round_trip.map(|time| time.as_secs_f64() * 1000.0),
            bytes_in: sum(|slot| slot.traffic.bytes_in),
            bytes_out: sum(|slot| slot.traffic.bytes_out),
            queued: sum(|slot| slot.queued_out),
            info: info.into(),
        }
    }
}

impl PostRow {
    pub(super) fn of(receipt: &whisper_protocol::Receipt) -> Self {
        let hash = format!("0x{}", hex::encode(receipt.hash()));
        Self { hash, receipt: (&receipt.state()).into() }
    }
}

/// The counters and gauges, and the reasons that occurred. The connections are walked once for both.
fn counted(sources: &Sources) -> (BTreeMap<String, u64>, Vec<DroppedJson>) {
    let mut metrics = BTreeMap::new();
    let mut add = |sample: &Sample<'_>| {
        metrics.insert(name(sample), sample.value);
    };
    sources.whisper.stats().for_each_sample(&mut add);
    let of_server = sources.server.drops_and_counters(|counted| add(&counted.sample));
    sources.rpc.stats().for_each_sample(&mut add);
    sources.rpc.for_each_team_sample(&mut add);
    let info = sources.whisper.info();
    let gauges = [
        ("whisper_pool_bytes", info.pool_bytes as u64),
        ("whisper_pool_limit_bytes", info.pool_limit as u64),
        ("whisper_pool_envelopes", info.envelopes as u64),
        ("whisper_filters", info.filters as u64),
    ];
    metrics.extend(gauges.map(|(name, value)| (name.to_owned(), value)));
    let of_whisper = sources.whisper.drops().into_iter().map(DroppedJson::from);
    let drops = of_whisper.chain(of_server.into_iter().map(DroppedJson::from));
    (metrics, drops.filter(|dropped| dropped.count > 0).collect())
}

/// Seconds since 1970.
pub(super) fn now(world: &dyn World) -> u64 {
    let since_1970 = world.unix_time().duration_since(std::time::UNIX_EPOCH);
    since_1970.map_or(0, |since| since.as_secs())
}

/// The name with its labels, as in `/metrics`.
pub(super) fn name(sample: &Sample<'_>) -> String {
    let labels: Vec<String> =
        sample.labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
    match labels.is_empty() {
        true => sample.metric.name.to_owned(),
        false => format!("{}{{{}}}", sample.metric.name, labels.join(",")),
    }
}

/// What happened to an envelope at the node. The ids of filters are shortened.
pub(super) fn explain(whisper: &Whisper, hash: &[u8; 32]) -> ExplanationJson {
    shorten(whisper.explain(hash).into())
}

/// An explanation with shortened ids of filters.
pub(super) fn shorten(mut explanation: ExplanationJson) -> ExplanationJson {
    for filter in explanation.pooled.iter_mut().flat_map(|pooled| &mut pooled.filters) {
        filter.id.truncate(SHOWN_ID);
    }
    explanation
}
