//! What operators and applications do to running nodes: bans, other requirements, other topics.

use std::{cell::RefCell, rc::Rc, time::Duration};

use p2p_server::{BanTarget, identity::NodeId};
use p2p_sim::Network;
use rand::{Rng as _, rngs::StdRng};
use whisper_protocol::Work;

use crate::{
    members::{MIN_WORK, Members, host},
    probe::Probe,
};

/// How long an operation lasts until it is undone.
pub(crate) const LASTS: Duration = Duration::from_secs(20);

/// Work that no message has.
const MUCH_WORK: f64 = 1e6;

/// A node may not be connected with a peer for some time.
pub(crate) struct Exclusion {
    pub(crate) node: usize,
    /// The start of the node to which it applies.
    pub(crate) start: u32,
    pub(crate) peer: NodeId,
    pub(crate) from: Duration,
}

/// Something that a node does for a while.
#[derive(Debug, Clone)]
enum Operation {
    Ban(NodeId),
    /// Lists the nodes that may be peers: all but this one.
    Disallow(NodeId),
    /// Removes this node from those that it dials.
    Remove(usize),
    RequireWork,
    BecomeLight,
    ChangeTopics,
    RemoveProtocol,
}

/// The operations that were begun, and those that must be undone.
pub(crate) struct Operations {
    members: Members,
    begun: Vec<(Duration, usize, u32, Operation)>,
    pub(crate) exclusions: Rc<RefCell<Vec<Exclusion>>>,
}

impl Operations {
    pub(crate) fn new(members: Members) -> Self {
        Self { members, begun: Vec::new(), exclusions: Rc::default() }
    }

    /// Begins a random operation at a random node.
    pub(crate) fn begin(&mut self, network: &mut Network, rng: &mut StdRng) {
        let node = rng.random_range(0..self.members.len());
        let kind = rng.random_range(0..7);
        let draw = rng.random::<u64>();
        // One at a time, so that none undoes another one.
        let is_busy = self.begun.iter().any(|begun| begun.1 == node);
        let Some(start) = self.members.starts(node).filter(|_| !is_busy) else { return };
        let Some(operation) = self.choose(node, kind, draw) else { return };
        let now = network.elapsed();
        self.exclude(node, start, &operation, now);
        network.call_on(host(node), || self.apply(node, &operation));
        self.begun.push((now, node, start, operation));
    }

    /// Undoes what has lasted long enough.
    pub(crate) fn undo_due(&mut self, network: &mut Network) {
        let now = network.elapsed();
        let is_due = |begun: &mut (Duration, usize, u32, Operation)| begun.0 + LASTS <= now;
        let due: Vec<_> = self.begun.extract_if(.., is_due).collect();
        for (_, node, start, operation) in due {
            // A restart has undone it already.
            if self.members.starts(node) == Some(start) {
                network.call_on(host(node), || self.undo(node, &operation));
            }
        }
    }

    fn choose(&self, node: usize, kind: u32, draw: u64) -> Option<Operation> {
        let pick = |count: usize| usize::try_from(draw % count.max(1) as u64).unwrap_or_default();
        let peer = || {
            let peers = self.members.nodes.server(node)?.peers();
            peers.get(pick(peers.len())).map(|peer| peer.node_id)
        };
        Some(match kind {
            0 => Operation::Ban(peer()?),
            1 => Operation::Disallow(peer()?),
            2 => {
                let dials = self.members.nodes.dials(node);
                Operation::Remove(*dials.get(pick(dials.len()))?)
            }
            3 => Operation::RequireWork,
            4 => Operation::BecomeLight,
            5 => Operation::ChangeTopics,
            _ => Operation::RemoveProtocol,
        })
    }

    fn exclude(&self, node: usize, start: u32, operation: &Operation, from: Duration) {
        let peer = match operation {
            Operation::Ban(peer) | Operation::Disallow(peer) => *peer,
            Operation::Remove(peer) => self.members.nodes.id(*peer),
            _ => return,
        };
        self.exclusions.borrow_mut().push(Exclusion { node, start, peer, from });
    }

    fn apply(&self, node: usize, operation: &Operation) {
        let Some(server) = self.members.nodes.server(node) else { return };
        match operation {
            Operation::Ban(peer) => server.ban(BanTarget::Node(*peer), Some(LASTS)),
            Operation::Disallow(peer) => {
                let ids = (0..self.members.len()).map(|index| self.members.nodes.id(index));
                server.set_allowed(Some(ids.filter(|id| id != peer).collect()));
            }
            Operation::Remove(peer) => {
                server.remove_peer(&self.members.nodes.id(*peer));
            }
            Operation::RequireWork => self.require_work(node, MUCH_WORK),
            Operation::BecomeLight => {
                self.members.change(node, |member| member.whisper.set_light(true));
            }
            Operation::ChangeTopics => self.members.change(node, |member| member.change_topics()),
            Operation::RemoveProtocol => {
                // An error means that it was removed before, or was never there.
                let removed = server.remove_protocol(&Probe::capability());
                if removed.is_ok() {
                    self.members.change(node, |member| member.probe.remove());
                }
            }
        }
    }

    fn undo(&self, node: usize, operation: &Operation) {
        let Some(server) = self.members.nodes.server(node) else { return };
        match operation {
            // It ends by itself.
            Operation::Ban(_) => {}
            Operation::Disallow(_) => server.set_allowed(None),
            Operation::Remove(peer) => {
                server.add_peer(self.members.nodes.enode(*peer));
            }
            Operation::RequireWork => self.require_work(node, MIN_WORK),
            Operation::BecomeLight => {
                self.members.change(node, |member| member.whisper.set_light(false));
            }
            Operation::ChangeTopics | Operation::RemoveProtocol => {}
        }
    }

    fn require_work(&self, node: usize, work: f64) {
        let work = Work::new(work).unwrap_or_default();
        self.members.change(node, |member| member.whisper.set_min_work(work));
    }
}
