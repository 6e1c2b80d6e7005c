//! The node's counters under the names that Prometheus knows them by, and the port where it fetches
//! them.
//!
//! Everything below only counts; this is the one place that gives names. Each struct of counters is
//! taken apart field by field, so that one which is added and not named here is an error of the
//! compiler. Counters end in `_total`; what has no such end is a value of the moment.

mod exposition;
mod serve;

use p2p_mux::{ConnectionStats, Metric, MetricKind};
use p2p_server::p2p_discovery::{self, SocketStats, v4::PacketKind};
use p2p_server::{FoundStats, MemoryUse, NatStats, Server};

use whisper_protocol::{Info, Stats, Whisper};
use whisper_rpc::{RpcMeter, RpcStats};

use crate::metrics::exposition::{Exposition, counter, gauge};

pub use serve::{MetricsError, MetricsServer, serve};

/// Where the figures come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Whisper.
    pub whisper: Whisper,
    /// The peers.
    pub server: Server,
    /// JSON-RPC.
    pub rpc: RpcMeter,
}

impl Sources {
    /// All figures of this moment, in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = Exposition::default();
        info(&mut out, self.whisper.info());
        whisper(&mut out, &self.whisper.stats());
        server(&mut out, self.server.stats(), self.server.peer_count());
        connections(&mut out, &self.server.traffic());
        if let Some(discv4) = self.server.discv4() {
            let (stats, socket) = discv4.stats();
            discovery(&mut out, &stats, socket);
        }
        rpc(&mut out, self.rpc.stats());
        out.finish()
    }
}

/// A sample for each field of a struct of counters, the field's name as the last label's value. The
/// pattern names every field, so that none can be left out.
macro_rules! fields {
    ($out:expr, $name:literal, $help:literal, $labels:expr, $label:literal,
     $stats:expr => $type:ident { $($field:ident),* $(,)? }) => {
        let $type { $($field),* } = $stats;
        let family = counter($name, $help);
        let labels: &[(&str, &str)] = &$labels;
        $($out.sample(&family, &[labels, &[($label, stringify!($field))]].concat(), $field as f64);)*
    };
}

fn info(out: &mut Exposition, info: Info) {
    let Info {
        pool_bytes,
        envelopes,
        min_work,
        max_message_size,
        filters,
        queued,
        queued_direct,
        light,
        clock_correction,
    } = info;
    out.value(&gauge("whisper_pool_bytes", "Memory of the pool"), pool_bytes as f64);
    out.value(&gauge("whisper_pool_envelopes", "Envelopes in the pool"), envelopes as f64);
    out.value(&gauge("whisper_min_pow", "Work that an envelope needs"), min_work.get());
    let family = gauge("whisper_max_message_bytes", "The largest envelope that is taken");
    out.value(&family, max_message_size.into());
    let family = gauge("whisper_light_client", "1 if the node does not relay");
    out.value(&family, f64::from(u8::from(light)));
    let family = gauge("whisper_clock_correction_seconds", "By how much the clock is corrected");
    out.value(&family, clock_correction.into());
    out.value(&gauge("whisper_filters", "Filters in use"), filters as f64);
    let family = gauge("whisper_queued_envelopes", "Envelopes that wait to be opened");
    out.sample(&family, &[("queue", "message")], queued as f64);
    out.sample(&family, &[("queue", "p2p")], queued_direct as f64);
}

/// Whisper's counters. Names and help texts come with them.
fn whisper(out: &mut Exposition, stats: &Stats) {
    for group in stats.groups() {
        let family = counter(group.metric, group.help);
        for counted in group.counters {
            out.sample(&family, &[(group.label, counted.name)], counted.value as f64);
        }
    }
}

fn server(out: &mut Exposition, stats: p2p_server::Stats, peers: usize) {
    let p2p_server::Stats {
        accepted,
        accept_errors,
        inbound_failed,
        dials,
        dials_failed,
        added,
        dropped,
        expelled,
        found,
        refused,
        memory,
        nat,
    } = stats;
    out.value(&gauge("p2p_peers", "Connected peers"), peers as f64);
    for (family, value) in [
        (counter("p2p_accepted_total", "Sockets accepted"), accepted),
        (counter("p2p_accept_errors_total", "Sockets that could not be accepted"), accept_errors),
        (counter("p2p_inbound_failed_total", "Inbound handshakes that failed"), inbound_failed),
        (counter("p2p_dials_total", "Attempts to reach a node"), dials),
        (counter("p2p_dials_failed_total", "Attempts without a connection"), dials_failed),
        (counter("p2p_peers_added_total", "Peers added"), added),
        (counter("p2p_peers_dropped_total", "Peers dropped"), dropped),
        (counter("p2p_peers_expelled_total", "Peers dropped by the operator's rules"), expelled),
    ] {
        out.value(&family, value as f64);
    }
    fields!(out, "p2p_found_total", "Nodes that a source named", [], "event", found => FoundStats {
        seen, taken, known, recent, no_port, restricted, banned, not_allowed,
    });
    let family = counter("p2p_refused_total", "Connections refused");
    for (reason, count) in refused.iter() {
        out.sample(&family, &[("reason", reason.name())], count as f64);
    }
    fields!(out, "p2p_nat_total", "Gateways asked for mappings", [], "event", nat => NatStats {
        found, mapped, refreshed, lost, removed, left, addresses, reboots, not_found, silent,
        malformed, refused,
    });
    let MemoryUse { limit, used, shortages, cut } = memory;
    out.value(&gauge("p2p_memory_bytes", "What all connections hold"), used as f64);
    out.value(&gauge("p2p_memory_limit_bytes", "The most they may hold"), limit as f64);
    let family = counter("p2p_memory_shortages_total", "How often memory became short");
    out.value(&family, shortages as f64);
    out.value(&counter("p2p_memory_cut_total", "Peers cut for holding the most"), cut as f64);
}

/// Discovery: in and out by kind of packet, and every reason for which something went nowhere.
fn discovery(out: &mut Exposition, stats: &p2p_discovery::Stats, socket: SocketStats) {
    let p2p_discovery::Stats {
        datagrams_in,
        bytes_in,
        datagrams_out,
        bytes_out,
        recoveries,
        packets_in,
        packets_out,
        timeouts,
        lookups,
        drops,
    } = stats;
    for (family, received, sent) in [
        (counter("discv4_datagrams_total", "Datagrams"), datagrams_in, datagrams_out),
        (counter("discv4_bytes_total", "Bytes of datagrams"), bytes_in, bytes_out),
    ] {
        out.sample(&family, &[("direction", "in")], *received as f64);
        out.sample(&family, &[("direction", "out")], *sent as f64);
    }
    let family = counter("discv4_packets_total", "Packets that were sound, by kind");
    for (direction, counts) in [("in", packets_in), ("out", packets_out)] {
        for (kind, count) in PacketKind::ALL.iter().zip(counts) {
            let kind = format!("{kind:?}").to_lowercase();
            out.sample(&family, &[("direction", direction), ("kind", &kind)], *count as f64);
        }
    }
    for (family, value) in [
        (counter("discv4_recoveries_total", "Signatures looked at"), *recoveries),
        (counter("discv4_timeouts_total", "Requests that were not answered"), *timeouts),
        (counter("discv4_lookups_total", "Lookups begun"), *lookups),
        (
            counter("discv4_receive_errors_total", "Times that reading failed"),
            socket.receive_errors,
        ),
        (
            counter("discv4_send_errors_total", "Datagrams that the system did not take"),
            socket.send_errors,
        ),
    ] {
        out.value(&family, value as f64);
    }
    let family = counter("discv4_dropped_total", "What went nowhere, by reason");
    for (reason, count) in drops.iter() {
        out.sample(&family, &[("reason", reason.name())], count as f64);
    }
}

/// All connections together.
fn connections(out: &mut Exposition, stats: &ConnectionStats) {
    stats.for_each_sample(|sample| {
        let Metric { name, help, kind } = sample.metric;
        let family = match kind {
            MetricKind::Counter => counter(name, help),
            MetricKind::Gauge => gauge(name, help),
        };
        out.sample(&family, sample.labels, sample.value as f64);
    });
}

fn rpc(out: &mut Exposition, stats: RpcStats) {
    let RpcStats {
        calls,
        errors,
        in_progress,
        refused_host,
        refused_origin,
        refused_token,
        refused_form,
        refused_size,
        refused_body,
        turned_away,
    } = stats;
    out.value(&counter("rpc_calls_total", "Calls answered"), calls as f64);
    out.value(&counter("rpc_errors_total", "Calls answered with an error"), errors as f64);
    out.value(&gauge("rpc_in_progress", "Calls being answered"), in_progress as f64);
    for (reason, value) in [
        ("host", refused_host),
        ("origin", refused_origin),
        ("token", refused_token),
        ("form", refused_form),
        ("size", refused_size),
        ("body", refused_body),
        ("connections", turned_away),
    ] {
        let family = counter(
            "rpc_refused_total",
            "Requests and connections refused before any JSON was read",
        );
        out.sample(&family, &[("reason", reason)], value as f64);
    }
}
