//! The nodes with which we are in conversation.

use core::net::IpAddr;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use keccak_lanes::Digest;
use p2p_identity::NodeId;

use crate::{LookupId, Node};

/// How many conversations there may be at the same time.
const MAX_CONTACTS: usize = 512;

/// How many of them may be with nodes that came to us.
const MAX_STRANGERS: usize = 128;

/// How many errands one of them may have.
const MAX_ERRANDS: usize = 8;

/// What we want of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// To know whether it is there.
    Check,
    /// The same, because somebody asked for it.
    Ping,
    /// Its record: to know whether it is of our network, or because somebody asked for it.
    Record { is_asked: bool },
    /// Its neighbours, for this lookup.
    Find(LookupId),
}

/// What we wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing.
    Idle,
    /// The pong to the ping of this hash, sent at that time.
    Pong(Digest, Instant),
    /// Its own ping: it has to know us before it answers anything else.
    Settling,
    /// The answer to the record request of this hash.
    Record(Digest),
    /// Its neighbours, so many of which have come, if any answer has.
    Neighbours(Option<usize>),
}

/// A conversation: errands done one after another, one question at a time.
#[derive(Debug)]
pub(crate) struct Contact {
    pub(crate) node: Node,
    pub(crate) errands: VecDeque<Errand>,
    phase: Phase,
    deadline: Instant,
    /// How often the question has been asked.
    pub(crate) attempts: u8,
    /// How often the first errand, to find neighbours, was in vain.
    pub(crate) finds: u8,
    /// Whether it has been given the time to ping us.
    pub(crate) is_settled: bool,
    is_stranger: bool,
}

impl Contact {
    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn ip(&self) -> IpAddr {
        self.node.endpoint.ip
    }

    /// Takes out all errands of a sort.
    pub(crate) fn take_errands(&mut self, which: impl Fn(Errand) -> bool) -> Vec<Errand> {
        let (taken, left) = self.errands.drain(..).partition(|errand| which(*errand));
        self.errands = left;
        Vec::from_iter::<VecDeque<Errand>>(taken)
    }
}

/// All conversations, when the next of them is due, and which answer belongs to which.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    contacts: HashMap<NodeId, Contact>,
    timers: BTreeSet<(Instant, NodeId)>,
    /// Whose answer refers to which hash.
    awaited: HashMap<Digest, NodeId>,
    /// From which addresses neighbours are awaited, and by how many nodes there.
    finding: HashMap<IpAddr, u32>,
    strangers: usize,
}

impl Contacts {
    pub(crate) fn get(&self, id: &NodeId) -> Option<&Contact> {
        self.contacts.get(id)
    }

    /// For all but the phase.
    pub(crate) fn get_mut(&mut self, id: &NodeId) -> Option<&mut Contact> {
        self.contacts.get_mut(id)
    }

    pub(crate) fn has_room(&self, is_stranger: bool) -> bool {
        self.contacts.len() < MAX_CONTACTS && !(is_stranger && self.strangers >= MAX_STRANGERS)
    }

    /// Begins a conversation, or adds the errand to one that there is; then where the node is said to
    /// be now makes no difference. `false` if there is no room.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        node: Node,
        errand: Errand,
        is_stranger: bool,
    ) -> bool {
        if let Some(contact) = self.contacts.get_mut(&node.id) {
            let has_room = contact.errands.len() < MAX_ERRANDS;
            if has_room {
                contact.errands.push_back(errand);
            }
            return has_room;
        }
        if !self.has_room(is_stranger) {
            return false;
        }
        self.strangers += usize::from(is_stranger);
        self.timers.insert((now, node.id));
        let contact = Contact {
            errands: VecDeque::from([errand]),
            phase: Phase::Idle,
            deadline: now,
            attempts: 0,
            finds: 0,
            is_settled: false,
            is_stranger,
            node,
        };
        self.contacts.insert(contact.node.id, contact);
        true
    }

    /// From now on we wait for something (else), until `deadline`.
    pub(crate) fn wait(&mut self, id: &NodeId, phase: Phase, deadline: Instant) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        let before = std::mem::replace(&mut contact.phase, phase);
        let timer = std::mem::replace(&mut contact.deadline, deadline);
        let ip = contact.ip();
        self.timers.remove(&(timer, *id));
        self.timers.insert((deadline, *id));
        self.ignore(before, ip);
        match phase {
            Phase::Pong(hash, _) | Phase::Record(hash) => {
                self.awaited.insert(hash, *id);
            }
            Phase::Neighbours(_) => *self.finding.entry(ip).or_default() += 1,
            Phase::Idle | Phase::Settling => {}
        }
    }

    /// Ends a conversation.
    pub(crate) fn end(&mut self, id: &NodeId) -> Option<Contact> {
        let contact = self.contacts.remove(id)?;
        self.timers.remove(&(contact.deadline, *id));
        self.ignore(contact.phase, contact.ip());
        self.strangers -= usize::from(contact.is_stranger);
        Some(contact)
    }

    /// Whose answer to the request of this hash is awaited.
    pub(crate) fn awaiting(&self, hash: &Digest) -> Option<&Contact> {
        self.contacts.get(self.awaited.get(hash)?)
    }

    /// Whether neighbours are awaited from anybody at `ip`.
    pub(crate) fn is_finding(&self, ip: IpAddr) -> bool {
        self.finding.contains_key(&ip)
    }

    /// When the next conversation is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// A conversation whose time is up.
    pub(crate) fn due(&self, now: Instant) -> Option<NodeId> {
        self.timers.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// What was awaited is not awaited any more.
    fn ignore(&mut self, phase: Phase, ip: IpAddr) {
        match phase {
            Phase::Pong(hash, _) | Phase::Record(hash) => {
                self.awaited.remove(&hash);
            }
            Phase::Neighbours(_) => {
                if let Some(count) = self.finding.get_mut(&ip) {
                    *count -= 1;
                    if *count == 0 {
                        self.finding.remove(&ip);
                    }
                }
            }
            Phase::Idle | Phase::Settling => {}
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
    fn an_answer_is_awaited_until_it_comes_or_the_conversation_ends() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let (mut contacts, id) = (Contacts::default(), node(1).id);
        assert!(contacts.begin(now, node(1), Errand::Check, false));
        contacts.wait(&id, Phase::Pong([1; 32], now), later);
        assert_eq!(contacts.awaiting(&[1; 32]).map(|contact| contact.node.id), Some(id));
        contacts.wait(&id, Phase::Neighbours(None), later);
        assert!(contacts.awaiting(&[1; 32]).is_none() && contacts.is_finding([1, 1, 1, 1].into()));
        assert_eq!((contacts.due(now), contacts.due(later)), (None, Some(id)));
        assert!(contacts.end(&id).is_some() && contacts.end(&id).is_none());
        assert!(!contacts.is_finding([1, 1, 1, 1].into()) && contacts.next_deadline().is_none());
    }

    #[test]
    fn strangers_leave_room_for_our_own_business() {
        let (now, mut contacts) = (Instant::now(), Contacts::default());
        let taken =
            (0..1000).filter(|number| contacts.begin(now, node(*number), Errand::Check, true));
        assert_eq!(taken.count(), MAX_STRANGERS);
        let own =
            (1000..2000).filter(|number| contacts.begin(now, node(*number), Errand::Check, false));
        assert_eq!(own.count(), MAX_CONTACTS - MAX_STRANGERS);
        contacts.end(&node(0).id);
        assert!(contacts.begin(now, node(3000), Errand::Check, true), "the place is free again");
        let errands = (0..20).filter(|_| contacts.begin(now, node(1000), Errand::Ping, false));
        assert_eq!(errands.count(), MAX_ERRANDS - 1);
    }
}
