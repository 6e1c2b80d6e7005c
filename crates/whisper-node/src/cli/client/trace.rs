//! `whisper-node trace`: where an envelope is, as the nodes say that consent.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use whisper_rpc::client::ShhClient as _;
use whisper_rpc::types::{
    ArrivalJson, EnvelopeStateJson, HexBytes, NotSentJson, SourceKind, TraceJson, TracedNodeJson,
};

use super::connection::Target;
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::Output;

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Trace {
    /// Hash of the envelope, 64 hex digits, as `whisper-node send` and shh_post return it
    hash: String,

    #[command(flatten)]
    target: Target,

    /// Maximum time to wait for the nodes, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10))]
    wait: u32,

    #[command(flatten)]
    output: Output,
}

impl Trace {
    /// Prints the way of the envelope; in JSON, the answer of `shh_trace`.
    ///
    /// # Errors
    ///
    /// The node does not trace, or no node that answered has the envelope.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let hash = HexBytes::from(console::parse_hex(&self.hash)?);
        let node = self.target.connect().await?;
        let trace = node.trace(&hash, Some(self.wait)).await.map_err(Failure::Call)?;
        self.output.print(&trace, || describe(&trace))?;
        match trace.nodes.iter().any(has_it) {
            true => Ok(()),
            false => Err(Failure::NotTraced(trace.nodes.len())),
        }
    }
}

/// Whether the node has the envelope, or had it.
fn has_it(node: &TracedNodeJson) -> bool {
    node.state != EnvelopeStateJson::Unknown
}

/// The first digits of an id.
fn short(id: &HexBytes) -> String {
    hex::encode(&id.as_slice()[..4.min(id.as_slice().len())])
}

fn time(seconds: u32) -> String {
    let at = UNIX_EPOCH + Duration::from_secs(seconds.into());
    humantime::format_rfc3339_seconds(at).to_string()
}

/// The trace for people.
fn describe(trace: &TraceJson) -> String {
    let mut text = String::new();
    let having: Vec<_> = trace.nodes.iter().enumerate().filter(|(_, node)| has_it(node)).collect();
    let begin = having.iter().filter_map(|(_, node)| Some(node.arrival.as_ref()?.at)).min();
    let mut open: Vec<bool> = Vec::new();
    for (place, (index, node)) in having.iter().enumerate() {
        let rest = &having[place + 1..];
        let is_last =
            !rest.iter().any(|(_, later)| later.parent == node.parent && node.parent.is_some());
        open.truncate(node.depth.saturating_sub(1));
        let mut line: String = open.iter().map(|open| if *open { "│  " } else { "   " }).collect();
        if node.depth > 0 {
            line.push_str(if is_last { "└─ " } else { "├─ " });
            open.push(!is_last);
        }
        let below = trace.nodes.iter().any(|later| later.parent == Some(*index));
        let _ = writeln!(text, "{line}{}", sentence(node, begin.unwrap_or(0)));
        let inner: String = open.iter().map(|open| if *open { "│  " } else { "   " }).collect();
        let bar = if below { "│" } else { " " };
        for stopped in stopped(node) {
            let _ = writeln!(text, "{inner}{bar}  {stopped}");
        }
    }
    let unknown: Vec<_> = trace.nodes.iter().filter(|node| !has_it(node)).collect();
    if !unknown.is_empty() {
        text.push_str("Nodes that do not have it:\n");
        for node in unknown {
            let _ = writeln!(text, "  {}{}", short(&node.node), drops(node));
        }
    }
    let missing = match trace.complete {
        true => "all that could be asked",
        false => "others did not answer, or a limit was reached",
    };
    let _ = write!(text, "{} nodes answered: {missing}", trace.nodes.len());
    text
}

/// What a node did with the envelope.
fn sentence(node: &TracedNodeJson, begin: u32) -> String {
    let id = short(&node.node);
    let Some(ArrivalJson { at, from, peer }) = &node.arrival else { return id };
    let when = match at.saturating_sub(begin) {
        0 => time(*at),
        later => format!("{} (+{later} s)", time(*at)),
    };
    let came = match (from, peer, node.parent) {
        (SourceKind::Here, ..) => format!("posted here {when}"),
        (_, Some(peer), None) => format!("from {}, which did not answer, {when}", short(peer)),
        (SourceKind::Forgotten, ..) => format!("from a peer that has left, {when}"),
        _ => when,
    };
    let state = match (node.state, node.left) {
        (EnvelopeStateJson::Expired, Some(left)) => format!(", expired {}", time(left)),
        (EnvelopeStateJson::Evicted, Some(left)) => {
            format!(", evicted for envelopes with more work {}", time(left))
        }
        _ => format!(", in the pool, shared with {} peers", node.shared_with),
    };
    format!("{id}  {came}{state}{}", drops(node))
}

/// The reasons for which a node dropped the envelope.
fn drops(node: &TracedNodeJson) -> String {
    let drops = node.drops.iter().filter(|drop| {
        // The state says so already.
        !matches!(drop.reason.as_str(), "relay.expired" | "relay.evicted")
    });
    drops.map(|drop| format!(", {} {}", drop.reason, time(drop.at))).collect()
}

/// The peers of a node that it did not send the envelope to, by reason.
fn stopped(node: &TracedNodeJson) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for not_sent in &node.not_sent {
        let why = match not_sent.why {
            NotSentJson::OutsideBloom => "its topic is outside of what they want",
            NotSentJson::LowWork => "they demand more work",
            NotSentJson::Oversized => "it is larger than they accept",
            NotSentJson::LightClient => "the node is a light client",
            NotSentJson::Announced => "it was announced to them, and they have not asked for it",
            NotSentJson::Asked => "they have asked for it, and it is queued",
            NotSentJson::Pending => "not yet",
        };
        by_reason.entry(why).or_default().push(short(&not_sent.peer));
    }
    let line =
        |(why, peers): (&str, Vec<String>)| format!("not sent to {}: {why}", peers.join(", "));
    by_reason.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use whisper_rpc::types::{NotSentToJson, TraceDropJson};

    fn node(byte: u8, parent: Option<usize>, depth: usize, at: u32) -> TracedNodeJson {
        let from = if parent.is_some() { SourceKind::Peer } else { SourceKind::Here };
        TracedNodeJson {
            node: vec![byte; 64].into(),
            parent,
            depth,
            state: EnvelopeStateJson::Pooled,
            arrival: Some(ArrivalJson { at, from, peer: None }),
            left: None,
            drops: Vec::new(),
            shared_with: 2,
            not_sent: Vec::new(),
        }
    }

    #[test]
    fn the_way_is_drawn_as_a_tree() {
        let mut first = node(1, None, 0, 1_700_000_000);
        let peer = vec![9; 16].into();
        first.not_sent = vec![NotSentToJson { peer, why: NotSentJson::OutsideBloom }];
        let mut last = node(4, Some(0), 1, 1_700_000_002);
        (last.state, last.left) = (EnvelopeStateJson::Expired, Some(1_700_000_060));
        let mut never = node(5, None, 0, 0);
        (never.state, never.arrival) = (EnvelopeStateJson::Unknown, None);
        let reason = "rejected.low_work".to_owned();
        never.drops = vec![TraceDropJson { reason, at: 1_700_000_003 }];
        let nodes = vec![
            first,
            node(2, Some(0), 1, 1_700_000_000),
            node(3, Some(1), 2, 1_700_000_001),
            last,
            never,
        ];
        let trace = TraceJson { hash: vec![7; 32].into(), complete: true, nodes };
        let expected = "\
01010101  posted here 2023-11-14T22:13:20Z, in the pool, shared with 2 peers
│  not sent to 09090909: its topic is outside of what they want
├─ 02020202  2023-11-14T22:13:20Z, in the pool, shared with 2 peers
│  └─ 03030303  2023-11-14T22:13:21Z (+1 s), in the pool, shared with 2 peers
└─ 04040404  2023-11-14T22:13:22Z (+2 s), expired 2023-11-14T22:14:20Z
Nodes that do not have it:
  05050505, rejected.low_work 2023-11-14T22:13:23Z
5 nodes answered: all that could be asked";
        assert_eq!(describe(&trace), expected);
    }
}
