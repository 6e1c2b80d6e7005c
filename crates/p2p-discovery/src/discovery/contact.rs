//! The nodes to which requests are in progress.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use keccak_lanes::Digest;
use p2p_identity::NodeId;
use p2p_world::HashMap;

use crate::event::LookupId;
use crate::node::Node;

/// Maximum number of contacts.
const MAX_CONTACTS: usize = 1024;

/// Maximum number of contacts that were begun by an incoming ping. With the default limits it is the
/// number of such pings in half a second, so that each has its time to answer.
const MAX_STRANGERS: usize = 512;

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
    /// Whether the current ping is valid for longer than usual, to find out about the clocks.
    pub(super) is_probe: bool,
    /// Whether we have waited for a ping of the node, so that it may know us.
    pub(super) may_know_us: bool,
    /// Its number among the contacts that were begun by an incoming ping, in the order of time.
    stranger: Option<u64>,
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
    /// The hashes of pings and record requests, with the nodes that are to answer. Requests to several
    /// nodes may have the same hash: a record request contains only its expiration.
    awaited: BTreeSet<(Digest, IpAddr, NodeId)>,
    /// The addresses from which neighbours are awaited, and from how many nodes each.
    finding: HashMap<IpAddr, u32>,
    strangers: BTreeMap<u64, NodeId>,
    next_stranger: u64,
}

impl Contacts {
    pub(super) fn get(&self, id: &NodeId) -> Option<&Contact> {
        self.contacts.get(id)
    }

    /// The contact, to change anything but its phase.
    pub(super) fn get_mut(&mut self, id: &NodeId) -> Option<&mut Contact> {
        self.contacts.get_mut(id)
    }

    /// Adds a task of ours to the contact of the node, or begins a new one. The endpoint in `node` is
    /// used only for a new contact. Returns `false` if there is no room.
    pub(super) fn add_task(&mut self, now: Instant, node: Node, task: Task) -> bool {
        if let Some(contact) = self.contacts.get_mut(&node.id) {
            let has_room = contact.tasks.len() < MAX_TASKS;
            if has_room {
                contact.tasks.push_back(task);
                // It is of use to us now.
                if let Some(number) = contact.stranger.take() {
                    self.strangers.remove(&number);
                }
            }
            return has_room;
        }
        let has_room = self.contacts.len() < MAX_CONTACTS;
        if has_room {
            self.begin(now, node, task, None);
        }
        has_room
    }

    /// Begins a contact that checks an unknown node, which has pinged us. Returns whether another node
    /// was dropped for it: if there are too many unknown nodes, the one that has had the most time to
    /// answer.
    pub(super) fn add_stranger(&mut self, now: Instant, node: Node) -> bool {
        let is_full = self.strangers.len() >= MAX_STRANGERS || self.contacts.len() >= MAX_CONTACTS;
        let oldest = self.strangers.first_key_value().map(|(_, id)| *id).filter(|_| is_full);
        if let Some(oldest) = oldest {
            self.remove(&oldest);
        } else if is_full {
            return true;
        }
        let number = self.next_stranger;
        self.next_stranger += 1;
        self.strangers.insert(number, node.id);
        self.begin(now, node, Task::Check, Some(number));
        is_full
    }

    fn begin(&mut self, now: Instant, node: Node, task: Task, stranger: Option<u64>) {
        self.deadlines.insert((now, node.id));
        let contact = Contact {
            tasks: VecDeque::from([task]),
            phase: Phase::Idle,
            deadline: now,
            attempts: 0,
            failed_finds: 0,
            is_probe: false,
            may_know_us: false,
            stranger,
            node,
        };
        self.contacts.insert(contact.node.id, contact);
    }

    /// Sets what the contact waits for, and until when.
    pub(super) fn set_phase(&mut self, id: &NodeId, phase: Phase, deadline: Instant) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        let old_phase = std::mem::replace(&mut contact.phase, phase);
        let old_deadline = std::mem::replace(&mut contact.deadline, deadline);
        let ip = contact.ip();
        self.deadlines.remove(&(old_deadline, *id));
        self.deadlines.insert((deadline, *id));
        self.forget_awaited(old_phase, ip, *id);
        match phase {
            Phase::AwaitPong(hash, _) | Phase::AwaitRecord(hash) => {
                self.awaited.insert((hash, ip, *id));
            }
            Phase::AwaitNeighbours(_) => *self.finding.entry(ip).or_default() += 1,
            Phase::Idle | Phase::AwaitPing => {}
        }
    }

    pub(super) fn remove(&mut self, id: &NodeId) -> Option<Contact> {
        let contact = self.contacts.remove(id)?;
        self.deadlines.remove(&(contact.deadline, *id));
        self.forget_awaited(contact.phase, contact.ip(), *id);
        if let Some(number) = contact.stranger {
            self.strangers.remove(&number);
        }
        Some(contact)
    }

    /// Whether a node at `ip` is to answer a request with this hash.
    pub(super) fn is_awaiting(&self, hash: &Digest, ip: IpAddr) -> bool {
        self.awaited_at(hash, ip).next().is_some()
    }

    /// The contact at `ip` that is to answer the request with this hash: the node `id` if it is to answer,
    /// otherwise another one.
    pub(super) fn awaiting(&self, hash: &Digest, ip: IpAddr, id: NodeId) -> Option<&Contact> {
        let is_asked = self.awaited.contains(&(*hash, ip, id));
        let asked = if is_asked { Some(id) } else { self.awaited_at(hash, ip).next() };
        self.contacts.get(&asked?)
    }

    fn awaited_at(&self, hash: &Digest, ip: IpAddr) -> impl Iterator<Item = NodeId> {
        let all = (*hash, ip, NodeId([0; 64]))..=(*hash, ip, NodeId([0xff; 64]));
        self.awaited.range(all).map(|(.., id)| *id)
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
    fn forget_awaited(&mut self, phase: Phase, ip: IpAddr, id: NodeId) {
        match phase {
            Phase::AwaitPong(hash, _) | Phase::AwaitRecord(hash) => {
                self.awaited.remove(&(hash, ip, id));
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
        assert!(contacts.add_task(now, node(1), Task::Check));
        contacts.set_phase(&id, Phase::AwaitPong([1; 32], now), later);
        let ip = [1, 1, 1, 1].into();
        assert!(contacts.is_awaiting(&[1; 32], ip) && !contacts.is_awaiting(&[2; 32], ip));
        contacts.set_phase(&id, Phase::AwaitNeighbours(None), later);
        assert!(!contacts.is_awaiting(&[1; 32], ip) && contacts.is_finding(ip));
        assert_eq!((contacts.due(now), contacts.due(later)), (None, Some(id)));
        assert!(contacts.remove(&id).is_some() && contacts.remove(&id).is_none());
        assert!(!contacts.is_finding(ip) && contacts.next_deadline().is_none());
    }

    #[test]
    fn several_nodes_may_be_asked_with_the_same_hash() {
        let (now, hash) = (Instant::now(), [1; 32]);
        let (mut contacts, ip) = (Contacts::default(), [1, 1, 1, 1].into());
        let ids = [1, 2].map(|number| node(number).id);
        for number in [1, 2] {
            assert!(contacts.add_task(now, node(number), Task::Check));
            contacts.set_phase(&node(number).id, Phase::AwaitRecord(hash), now);
        }
        let asked = |contacts: &Contacts, id| {
            contacts.awaiting(&hash, ip, id).map(|contact| contact.node.id)
        };
        assert_eq!(ids.map(|id| asked(&contacts, id)), ids.map(Some));
        assert_eq!(asked(&contacts, node(3).id), Some(ids[0]), "another key answers");
        contacts.remove(&ids[0]);
        assert!(contacts.is_awaiting(&hash, ip));
        assert_eq!(asked(&contacts, ids[0]), Some(ids[1]));
        assert!(!contacts.is_awaiting(&hash, [2, 2, 2, 2].into()));
    }

    #[test]
    fn strangers_cannot_take_all_contacts() {
        let (now, mut contacts) = (Instant::now(), Contacts::default());
        let dropped = (0..1000).filter(|number| contacts.add_stranger(now, node(*number)));
        assert_eq!(dropped.count(), 1000 - MAX_STRANGERS);
        let oldest = 1000 - u16::try_from(MAX_STRANGERS).unwrap();
        assert!(contacts.get(&node(oldest - 1).id).is_none(), "the oldest were dropped");
        assert!(contacts.get(&node(oldest).id).is_some());
        let own = (1000..3000).filter(|number| contacts.add_task(now, node(*number), Task::Check));
        assert_eq!(own.count(), MAX_CONTACTS - MAX_STRANGERS);
        assert!(contacts.add_stranger(now, node(4000)) && contacts.get(&node(4000).id).is_some());
        let tasks = (0..20).filter(|_| contacts.add_task(now, node(1000), Task::Ping));
        assert_eq!(tasks.count(), MAX_TASKS - 1);
    }

    #[test]
    fn a_stranger_that_we_want_something_from_is_not_dropped() {
        let (now, mut contacts) = (Instant::now(), Contacts::default());
        contacts.add_stranger(now, node(0));
        assert!(contacts.add_task(now, node(0), Task::Ping));
        for number in 1..2000 {
            contacts.add_stranger(now, node(number));
        }
        assert!(contacts.get(&node(0).id).is_some());
        assert_eq!(contacts.contacts.len(), MAX_STRANGERS + 1);
        contacts.remove(&node(1999).id);
        assert!(!contacts.add_stranger(now, node(3000)), "there is room again");
    }
}
