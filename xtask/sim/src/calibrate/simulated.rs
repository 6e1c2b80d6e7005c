//! The network, simulated.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use p2p_sim::{Link, Network, Nodes, TraceEvent, Violation};

use super::{Arrivals, CONNECT, Measured, POST_EVERY, Participant, SETTLE, posts};
use crate::settings::Settings;

/// Runs the network with lines that take this long.
pub(super) fn run(settings: &Settings, line: Duration) -> Result<Measured, Violation> {
    let (bytes, arrivals) = (Arc::new(AtomicU64::new(0)), Arrivals::default());
    let counted = Arc::clone(&bytes);
    let count = move |event: &TraceEvent<'_>| {
        if let TraceEvent::Bytes { bytes, .. } = event {
            counted.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        false
    };
    let link = Link::default().latency(line..line);
    let mut network =
        Network::new(settings.seeds.first).link(link).trace_to(std::io::sink(), count);
    let participants = Rc::new(RefCell::new(Vec::new()));
    let (of_nodes, of_network) = (Rc::clone(&participants), arrivals.clone());
    let _nodes = Nodes::new(&mut network, settings.nodes, settings.degree, move |node| {
        let participant = Participant::new(node.index(), &node.world(), &of_network);
        of_nodes.borrow_mut().push(participant.clone());
        node.config(|config| participant.configure(config))
    });
    network.run_for(CONNECT)?;
    for (number, node) in (0..).zip(posts(settings)) {
        let participant = participants.borrow()[node].clone();
        network.block_on(participant.post(number));
        network.run_for(POST_EVERY)?;
    }
    network.run_for(SETTLE)?;
    Ok(arrivals.measured(bytes.load(Ordering::Relaxed)))
}

/// Which other nodes each node dials: the same as in [`run`].
pub(super) fn dials(settings: &Settings) -> Vec<Vec<usize>> {
    let mut network = Network::new(settings.seeds.first);
    let nodes = Nodes::new(&mut network, settings.nodes, settings.degree, |node| node);
    (0..settings.nodes).map(|index| nodes.dials(index)).collect()
}
