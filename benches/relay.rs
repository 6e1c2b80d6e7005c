//! The relay at scale: two threads against one, many peers, a million envelopes.
//!
//! With the name of a case on the command line, or a part of one, only that case is measured. To compare two versions,
//! run the program of each in turn.

#[path = "relay/clients.rs"]
mod clients;
#[path = "relay/crowd.rs"]
mod crowd;
#[path = "relay/known.rs"]
mod known;
#[path = "relay/million.rs"]
mod million;
#[path = "relay/node.rs"]
mod node;
#[path = "relay/threads.rs"]
mod threads;

use criterion::{Criterion, criterion_group, criterion_main};

fn printed_figures(_: &mut Criterion) {
    node::run_if_asked();
    let measurements: [(&str, fn()); 4] = [
        ("relay.multi_8x8 relay.fanout_50 relay.ingest_8 relay.pow", threads::gains),
        ("relay.expire_1m relay.grow_1m relay.memory", million::stalls),
        ("relay.known", known::bytes),
        ("relay.cpu_us_per_delivery relay.idle_peer_kib", crowd::measure),
    ];
    for (cases, measure) in measurements {
        if benches::wanted(cases) {
            measure();
        }
    }
}

criterion_group!(benches, printed_figures);
criterion_main!(benches);
