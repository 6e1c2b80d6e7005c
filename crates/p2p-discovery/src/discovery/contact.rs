//! The nodes to which requests are in progress.

use core::net::IpAddr;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use keccak_lanes::Digest;
use p2p_identity::NodeId;

use crate::event::LookupId;
use crate::node::Node;

/// Maximum number of contacts.
const MAX_CONTACTS: usize = 512;

/// Maximum number of contacts that were begun by an incoming ping.
const MAX_STRANGERS: usize = 128;

/// Maximum number of tasks of one contact.
const MAX_TASKS: usize = 8;

/// What we want from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Find out whether it is alive.
    Check,
    /// The same, and report the result to the user.
    Ping,
    /// Get its record: for the user, or to find out whether it is of our network.
    Record { for_user: bool },
    /// Get its neighbours for this lookup.
    Find(LookupId),
}

/// What a contact waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    /// The pong to the ping with this hash, which was sent at this time.
    AwaitPong(Digest, Instant),
    /// A ping of the node: it answers no other requests before it has pinged us.
    AwaitPing,
    /// The answer to the record request with this hash.
    AwaitRecord(Digest),
    /// Neighbours; how many have come, if any packet has.
    AwaitNeighbours(Option<usize>),
}

/// A node to which requests are in progress, one at a time.
#[derive(Debug)]
pub(super) struct Contact {
    pub(super) node: Node,
    pub(super) tasks: VecDeque<Task>,
    phase: Phase,
    deadline: Instant,
    /// How many times the current request has been sent.
    pub(super) attempts: u8,
    /// How many times the first task, to find neighbours, got no answer.
    pub(super) failed_finds: u8,
    /// Whether we have waited for a ping of the node, so that it may know us.
    pub(super) may_know_us: bool,
    is_stranger: bool,
}

impl Contact {
    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn ip(&self) -> IpAddr {
        self.node.endpoint.ip
    }

    /// Removes and returns the tasks that `which` selects.
    pub(super) fn take_tasks(&mut self, which: impl Fn(Task) -> bool) -> Vec<Task> {
        let (taken, left) = self.tasks.drain(..).partition(|task| which(*task));
        self.tasks = left;
        Vec::from_iter::<VecDeque<Task>>(taken)
    }
}

/// All contacts, their deadlines, and which answers are awaited.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    contacts: HashMap<NodeId, Contact>,
    deadlines: BTreeSet<(Instant, NodeId)>,
    /// The hashes of pings and record requests, with the node that is to answer.
    awaited: HashMap<Digest, NodeId>,
    /// The addresses from which neighbours are awaited, and from how many nodes each.
    finding: HashMap<IpAddr, u32>,
    strangers: usize,
}

impl Contacts {
    pub(super) fn get(&self, id: &NodeId) -> Option<&Contact> {
        self.contacts.get(id)
    }

    /// The contact, to change anything but its phase.
    pub(super) fn get_mut(&mut self, id: &NodeId) -> Option<&mut Contact> {
        self.contacts.get_mut(id)
    }

    fn has_room(&self, is_stranger: bool) -> bool {
        self.contacts.len() < MAX_CONTACTS && !(is_stranger && self.strangers >= MAX_STRANGERS)
    }

    /// Adds a task to the contact of the node, or begins a new one. The endpoint in `node` is used
    /// only for a new contact. Returns `false` if there is no room.
    pub(super) fn add_task(
        &mut self,
        now: Instant,
        node: Node,
        task: Task,
        is_stranger: bool,
    ) -> bool {
        if let Some(contact) = self.contacts.get_mut(&node.id) {
            let has_room = contact.tasks.len() < MAX_TASKS;
            if has_room {
                contact.tasks.push_back(task);
            }
            return has_room;
        }
        if !self.has_room(is_stranger) {
            return false;
        }
        self.strangers += usize::from(is_stranger);
        self.deadlines.insert((now, node.id));
        let contact = Contact {
            tasks: VecDeque::from([task]),
            phase: Phase::Idle,
            deadline: now,
            attempts: 0,
            failed_finds: 0,
            may_know_us: false,
            is_stranger,
            node,
        };
        self.contacts.insert(contact.node.id, contact);
        true
    }

    /// Sets what the contact waits for, and until when.
    pub(super) fn set_phase(&mut self, id: &NodeId, phase: Phase, deadline: Instant) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        let old_phase = std::mem::replace(&mut contact.phase, phase);
        let old_deadline = std::mem::replace(&mut contact.deadline, deadline);
        let ip = contact.ip();
        self.deadlines.remove(&(old_deadline, *id));
        self.deadlines.insert((deadline, *id));
        self.forget_awaited(old_phase, ip);
        match phase {
            Phase::AwaitPong(hash, _) | Phase::AwaitRecord(hash) => {
                self.awaited.insert(hash, *id);
            }
            Phase::AwaitNeighbours(_) => *self.finding.entry(ip).or_default() += 1,
            Phase::Idle | Phase::AwaitPing => {}
        }
    }

    pub(super) fn remove(&mut self, id: &NodeId) -> Option<Contact> {
        let contact = self.contacts.remove(id)?;
        self.deadlines.remove(&(contact.deadline, *id));
        self.forget_awaited(contact.phase, contact.ip());
        self.strangers -= usize::from(contact.is_stranger);
        Some(contact)
    }

    /// The contact that is to answer the request with this hash.
    pub(super) fn awaiting(&self, hash: &Digest) -> Option<&Contact> {
        self.contacts.get(self.awaited.get(hash)?)
    }

    /// Whether neighbours are awaited from a node at `ip`.
    pub(super) fn is_finding(&self, ip: IpAddr) -> bool {
        self.finding.contains_key(&ip)
    }

    /// The earliest deadline.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// A contact whose deadline has passed.
    pub(super) fn due(&self, now: Instant) -> Option<NodeId> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// Removes what a contact in this phase waited for.
    fn forget_awaited(&mut self, phase: Phase, ip: IpAddr) {
        match phase {
            Phase::AwaitPong(hash, _) | Phase::AwaitRecord(hash) => {
                self.awaited.remove(&hash);
            }
            Phase::AwaitNeighbours(_) => {
                if let Some(count) = self.finding.get_mut(&ip) {
                    *count -= 1;
                    if *count == 0 {
                        self.finding.remove(&ip);
                    }
                }
            }
            Phase::Idle | Phase::AwaitPing => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::v4::Endpoint;

    fn node(number: u16) -> Node {
        let mut id = [0; 64];
        id[..2].copy_from_slice(&number.to_be_bytes());
        let ip = [1, 1, 1, 1].into();
        Node::new(NodeId(id), Endpoint { ip, udp: 30303, tcp: 0 })
    }

    #[test]
    fn an_answer_is_awaited_until_the_phase_changes_or_the_contact_ends() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let (mut contacts, id) = (Contacts::default(), node(1).id);
        assert!(contacts.add_task(now, node(1), Task::Check, false));
        contacts.set_phase(&id, Phase::AwaitPong([1; 32], now), later);
        assert_eq!(contacts.awaiting(&[1; 32]).map(|contact| contact.node.id), Some(id));
        contacts.set_phase(&id, Phase::AwaitNeighbours(None), later);
        assert!(contacts.awaiting(&[1; 32]).is_none() && contacts.is_finding([1, 1, 1, 1].into()));
        assert_eq!((contacts.due(now), contacts.due(later)), (None, Some(id)));
        assert!(contacts.remove(&id).is_some() && contacts.remove(&id).is_none());
        assert!(!contacts.is_finding([1, 1, 1, 1].into()) && contacts.next_deadline().is_none());
    }

    #[test]
    fn strangers_cannot_take_all_contacts() {
        let (now, mut contacts) = (Instant::now(), Contacts::default());
        let taken =
            (0..1000).filter(|number| contacts.add_task(now, node(*number), Task::Check, true));
        assert_eq!(taken.count(), MAX_STRANGERS);
        let own =
            (1000..2000).filter(|number| contacts.add_task(now, node(*number), Task::Check, false));
        assert_eq!(own.count(), MAX_CONTACTS - MAX_STRANGERS);
        contacts.remove(&node(0).id);
        assert!(contacts.add_task(now, node(3000), Task::Check, true), "there is room again");
        let tasks = (0..20).filter(|_| contacts.add_task(now, node(1000), Task::Ping, false));
        assert_eq!(tasks.count(), MAX_TASKS - 1);
    }
}
