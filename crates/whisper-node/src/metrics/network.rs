//! The metrics of the network.

use p2p_server::{FoundStats, MemoryUse, NatStats, RemovedStats};

use super::exposition::{Exposition, counter, gauge};

/// Adds a sample for each field of a struct of counters. The value of its last label is the name of the field. The
/// pattern names all fields, so that a missing field is a compile error.
macro_rules! fields {
    ($out:expr, $name:literal, $help:literal, $labels:expr, $label:literal,
     $stats:expr => $type:ident { $($field:ident),* $(,)? }) => {
        let $type { $($field),* } = $stats;
        let family = counter($name, $help);
        let labels: &[(&str, &str)] = &$labels;
        $($out.sample(&family, &[labels, &[($label, stringify!($field))]].concat(), $field as f64);)*
    };
}

/// Adds the metrics of the server and of its peers. `peers` is the number of connected peers.
pub(super) fn add(out: &mut Exposition, stats: p2p_server::Stats, peers: usize) {
    let p2p_server::Stats {
        accepted,
        accept_errors,
        inbound_failed,
        inbound_failures,
        dials,
        dials_failed,
        added,
        dropped,
        removed: RemovedStats { expelled, evicted },
        found,
        refused,
        memory,
        nat,
    } = stats;
    out.value(&gauge("p2p_peers", "Connected peers"), peers as f64);
    for (family, value) in [
        (counter("p2p_accepted_total", "Accepted connections"), accepted),
        (counter("p2p_accept_errors_total", "Errors when accepting connections"), accept_errors),
        (counter("p2p_inbound_failed_total", "Failed inbound handshakes"), inbound_failed),
        (counter("p2p_dials_total", "Attempts to dial a node"), dials),
        (counter("p2p_dials_failed_total", "Failed attempts to dial a node"), dials_failed),
        (counter("p2p_peers_added_total", "Added peers"), added),
        (counter("p2p_peers_dropped_total", "Disconnected peers"), dropped),
        (
            counter(
                "p2p_peers_expelled_total",
                "Peers disconnected because of bans and other rules of the operator",
            ),
            expelled,
        ),
        (
            counter(
                "p2p_peers_evicted_total",
                "Inbound peers disconnected because another one took their slot",
            ),
            evicted,
        ),
    ] {
        out.value(&family, value as f64);
    }
    fields!(out, "p2p_found_total", "Nodes found by discovery, by what became of them", [], "event", found => FoundStats {
        seen, taken, known, recent, no_port, restricted, banned, not_allowed,
    });
    let family = counter("p2p_inbound_failures_total", "Failed inbound handshakes, by reason");
    for (reason, count) in inbound_failures.iter() {
        out.sample(&family, &[("reason", reason.name())], count as f64);
    }
    let family = counter("p2p_refused_total", "Refused connections, by reason");
    for (reason, count) in refused.iter() {
        out.sample(&family, &[("reason", reason.name())], count as f64);
    }
    fields!(out, "p2p_nat_total", "Events of port mapping at the router", [], "event", nat => NatStats {
        found, mapped, refreshed, lost, removed, left, addresses, reboots, not_found, silent,
        malformed, refused,
    });
    add_memory(out, memory);
}

fn add_memory(out: &mut Exposition, memory: MemoryUse) {
    let MemoryUse { limit, used, shortages, cut } = memory;
    out.value(&gauge("p2p_memory_bytes", "Memory used by all connections"), used as f64);
    out.value(&gauge("p2p_memory_limit_bytes", "Maximum memory for all connections"), limit as f64);
    let family = counter("p2p_memory_shortages_total", "Times when the memory limit was reached");
    out.value(&family, shortages as f64);
    out.value(
        &counter("p2p_memory_cut_total", "Peers disconnected because they used the most memory"),
        cut as f64,
    );
}
