//! The metrics of discovery.

use p2p_server::p2p_discovery::v4::PacketKind;
use p2p_server::p2p_discovery::{self, SocketStats};

use super::exposition::{Exposition, counter};

/// Adds the metrics of discovery and of its socket.
pub(super) fn add(out: &mut Exposition, stats: &p2p_discovery::Stats, socket: SocketStats) {
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
        (counter("discv4_bytes_total", "Bytes in datagrams"), bytes_in, bytes_out),
    ] {
        out.sample(&family, &[("direction", "in")], *received as f64);
        out.sample(&family, &[("direction", "out")], *sent as f64);
    }
    let family = counter("discv4_packets_total", "Valid packets, by kind");
    for (direction, counts) in [("in", packets_in), ("out", packets_out)] {
        for (kind, count) in PacketKind::ALL.iter().zip(counts) {
            let kind = format!("{kind:?}").to_lowercase();
            out.sample(&family, &[("direction", direction), ("kind", &kind)], *count as f64);
        }
    }
    for (family, value) in [
        (counter("discv4_recoveries_total", "Recovered public keys of signatures"), *recoveries),
        (counter("discv4_timeouts_total", "Requests without an answer"), *timeouts),
        (counter("discv4_lookups_total", "Started lookups"), *lookups),
        (counter("discv4_receive_errors_total", "Errors when receiving"), socket.receive_errors),
        (counter("discv4_send_errors_total", "Errors when sending"), socket.send_errors),
    ] {
        out.value(&family, value as f64);
    }
    let family = counter("discv4_dropped_total", "Dropped packets, by reason");
    for (reason, count) in drops.iter() {
        out.sample(&family, &[("reason", reason.name())], count as f64);
    }
}
