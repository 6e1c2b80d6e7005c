//! One question after another, until a node has answered all that we want of it.

use core::net::SocketAddr;

use p2p_identity::{NodeId, Record};

use super::{Discovery, Moment};
use crate::bucket::BUCKET_SIZE;
use crate::contact::{Contact, Errand, Phase};
use crate::local::is_of;
use crate::proof::Membership;
use crate::table::Insert;
use crate::v4::{EnrRequest, FindNode, Packet, Ping};
use crate::{DropReason, Event, LookupId, NoAnswerError, Node};

/// What is to be said next.
enum Step {
    Ping,
    /// Wait for its own ping.
    Settle,
    Record,
    Find(LookupId),
    Done,
}

impl Discovery {
    pub(super) fn send(&mut self, to: SocketAddr, packet: &Packet) -> Option<[u8; 32]> {
        // What we make ourselves always fits.
        let sealed = self.local.seal(packet).ok()?;
        let hash = sealed.hash;
        self.out.send(to, packet.kind(), sealed);
        Some(hash)
    }

    fn next_step(&self, at: Moment, contact: &Contact) -> Step {
        let (id, ip) = (&contact.node.id, contact.ip());
        let first = contact.errands.front();
        let Some(errand) = first else { return Step::Done };
        if matches!(errand, Errand::Check | Errand::Ping) || !self.proofs.is_proven(at.now, id, ip)
        {
            return Step::Ping;
        }
        if !contact.is_settled && !self.proofs.knows_us(at.now, id, ip) {
            return Step::Settle;
        }
        match *errand {
            Errand::Find(lookup) => Step::Find(lookup),
            _ => Step::Record,
        }
    }

    /// Asks the node the next question, for the first time.
    pub(super) fn advance(&mut self, at: Moment, id: NodeId) {
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.attempts = 0;
        }
        self.ask_again(at, id);
    }

    /// Asks the node the next question, which may be the same as before.
    fn ask_again(&mut self, at: Moment, id: NodeId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let to = contact.node.endpoint;
        let phase = match self.next_step(at, contact) {
            Step::Done => {
                self.contacts.end(&id);
                return;
            }
            Step::Settle => Some(Phase::Settling),
            Step::Ping => {
                let ping = Ping {
                    from: self.local.endpoint(),
                    to: crate::v4::Endpoint { tcp: 0, ..to },
                    expiration: at.expiration(),
                    enr_seq: Some(self.local.record().sequence()),
                };
                let hash = self.send(to.udp_addr(), &Packet::Ping(ping));
                hash.map(|hash| Phase::Pong(hash, at.now))
            }
            Step::Record => {
                let request = EnrRequest { expiration: at.expiration() };
                self.send(to.udp_addr(), &Packet::EnrRequest(request)).map(Phase::Record)
            }
            Step::Find(lookup) => self.find(at, to.udp_addr(), lookup),
        };
        let deadline = at.now + self.config.reply_timeout;
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.attempts = contact.attempts.saturating_add(1);
        }
        self.contacts.wait(&id, phase.unwrap_or(Phase::Idle), deadline);
    }

    fn find(&mut self, at: Moment, to: SocketAddr, lookup: LookupId) -> Option<Phase> {
        // Lookups wait for all whom they have asked, so it is there.
        let target = self.lookups.get(&lookup)?.target();
        let find = FindNode { target, expiration: at.expiration() };
        self.send(to, &Packet::FindNode(find))?;
        Some(Phase::Neighbours(None))
    }

    /// A node has not answered in time.
    pub(super) fn time_is_up(&mut self, at: Moment, id: NodeId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let (ip, may_repeat) = (contact.ip(), contact.attempts < self.config.attempts.max(1));
        match contact.phase() {
            Phase::Idle => self.advance(at, id),
            Phase::Settling => {
                contact.is_settled = true;
                self.advance(at, id);
            }
            // Some of the nodes are better than none.
            Phase::Neighbours(Some(_)) => self.finish_find(at, id, true),
            Phase::Pong(..) => {
                self.table.doubt(&id, ip);
                self.out.stats.timeouts += 1;
                if may_repeat { self.ask_again(at, id) } else { self.give_up(at, id) }
            }
            Phase::Record(_) => {
                self.out.stats.timeouts += 1;
                if may_repeat { self.ask_again(at, id) } else { self.record_came_not(at, id) }
            }
            Phase::Neighbours(None) => {
                self.out.stats.timeouts += 1;
                self.find_again(at, id);
            }
        }
    }

    /// A question for neighbours was in vain. Before the last attempt the node is pinged: it may be
    /// gone, and if it is not, but has forgotten us, it will ping us.
    fn find_again(&mut self, at: Moment, id: NodeId) {
        let attempts = self.config.attempts.max(1);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.finds = contact.finds.saturating_add(1);
        if contact.finds >= attempts {
            return self.finish_find(at, id, false);
        }
        if contact.finds + 1 == attempts {
            contact.errands.push_front(Errand::Check);
            contact.is_settled = false;
        }
        self.advance(at, id);
    }

    /// So many neighbours have come in all from the node.
    pub(super) fn found(&mut self, at: Moment, id: NodeId, count: usize) {
        if count >= BUCKET_SIZE {
            return self.finish_find(at, id, true);
        }
        // There may be a second packet, right behind.
        let deadline = at.now + self.config.reply_timeout * 2 / 5;
        self.contacts.wait(&id, Phase::Neighbours(Some(count)), deadline);
    }

    fn finish_find(&mut self, at: Moment, id: NodeId, has_answered: bool) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.finds = 0;
        let errand = contact.errands.pop_front();
        let node = contact.node.clone();
        if let Some(Errand::Find(lookup)) = errand {
            self.answered(&node, lookup, true, has_answered);
        }
        self.advance(at, id);
    }

    /// What a lookup asked of the node is over.
    fn answered(&mut self, node: &Node, lookup: LookupId, is_alive: bool, has_answered: bool) {
        if let Some(lookup) = self.lookups.get_mut(&lookup) {
            lookup.handle_done(node, is_alive, has_answered);
        }
    }

    /// The node does not answer pings: it is gone.
    fn give_up(&mut self, at: Moment, id: NodeId) {
        let Some(contact) = self.contacts.end(&id) else { return };
        self.proofs.revoke(&id, contact.ip());
        // If it has moved, it is where it was last seen.
        if self.table.get(&id).is_some_and(|entry| entry.node.endpoint.ip == contact.ip()) {
            self.forget(at, id);
        }
        for errand in contact.errands {
            self.fail(&contact.node, errand, NoAnswerError::Silent, false);
        }
    }

    /// Takes the node out of the table.
    fn forget(&mut self, at: Moment, id: NodeId) {
        if self.table.remove(at.now, &id) {
            self.out.tell(Event::Lost(id));
        }
    }

    fn fail(&mut self, node: &Node, errand: Errand, why: NoAnswerError, is_alive: bool) {
        match errand {
            Errand::Ping => self.out.tell(Event::PingFinished(node.id, Err(why))),
            Errand::Record { is_asked: true } => {
                self.out.tell(Event::RecordFinished(node.id, Err(why)));
            }
            Errand::Find(lookup) => self.answered(node, lookup, is_alive, false),
            Errand::Check | Errand::Record { is_asked: false } => {}
        }
    }

    /// The node has answered a ping: is it one of ours? `announced` is the number of its record.
    pub(super) fn identify(
        &mut self,
        at: Moment,
        id: NodeId,
        is_new: bool,
        announced: Option<u64>,
    ) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let ip = contact.ip();
        if self.config.network.is_none() {
            let node = contact.node.clone();
            return self.welcome(at, node, is_new);
        }
        let membership = self.proofs.membership(&id, ip);
        if announced.is_none() {
            // It has no record, so it names no network.
            self.proofs.set_membership(id, ip, Membership::Foreign(0));
            return self.turn_away(at, id);
        }
        if membership.is_outdated(announced) {
            contact.take_errands(|errand| errand == Errand::Record { is_asked: false });
            contact.errands.push_front(Errand::Record { is_asked: false });
            return;
        }
        match membership {
            Membership::Ours(_) => {
                let node = contact.node.clone();
                self.welcome(at, node, is_new);
            }
            Membership::Foreign(_) | Membership::Unknown => self.turn_away(at, id),
        }
    }

    /// The node has answered a record request, with its record or with something else.
    pub(super) fn record_came(&mut self, at: Moment, id: NodeId, record: Option<Record>) {
        let Some(record) = record else {
            return self.record_failed(at, id, NoAnswerError::BadRecord);
        };
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.node.learn(&record);
        let (ip, node) = (contact.ip(), contact.node.clone());
        let done = contact.take_errands(|errand| matches!(errand, Errand::Record { .. }));
        for _ in done.iter().filter(|errand| **errand == Errand::Record { is_asked: true }) {
            self.out.tell(Event::RecordFinished(id, Ok(record.clone())));
        }
        self.table.set_record(&id, &record);
        if let Some(network) = self.config.network {
            let is_new = !matches!(self.proofs.membership(&id, ip), Membership::Ours(_));
            let seq = record.sequence();
            if is_of(&record, network) {
                self.proofs.set_membership(id, ip, Membership::Ours(seq));
                self.welcome(at, node, is_new);
            } else {
                self.proofs.set_membership(id, ip, Membership::Foreign(seq));
                self.turn_away(at, id);
            }
        }
        self.advance(at, id);
    }

    fn record_came_not(&mut self, at: Moment, id: NodeId) {
        self.record_failed(at, id, NoAnswerError::Refused);
    }

    /// Without a record the node is of no network.
    fn record_failed(&mut self, at: Moment, id: NodeId, why: NoAnswerError) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let node = contact.node.clone();
        for errand in contact.take_errands(|errand| matches!(errand, Errand::Record { .. })) {
            self.fail(&node, errand, why, true);
        }
        if self.config.network.is_some() {
            self.turn_away(at, id);
        }
        self.advance(at, id);
    }

    /// The node is alive and one of ours.
    pub(super) fn welcome(&mut self, at: Moment, node: Node, is_new: bool) {
        let check_at = self.next_check(at.now);
        match self.table.insert(check_at, node.clone()) {
            Insert::Refused(reason) => self.out.drop(reason),
            Insert::Waiting | Insert::Known if !is_new => {}
            Insert::Added | Insert::Waiting | Insert::Known => self.out.tell(Event::Found(node)),
        }
        self.upkeep.handle_alive(at.now);
    }

    /// The node is of another network: it is not kept, not passed on, and asked nothing but what a
    /// user wants.
    fn turn_away(&mut self, at: Moment, id: NodeId) {
        self.out.drop(DropReason::NotOurNetwork);
        self.forget(at, id);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let node = contact.node.clone();
        for errand in contact.take_errands(|errand| matches!(errand, Errand::Find(_))) {
            self.fail(&node, errand, NoAnswerError::Refused, false);
        }
    }
}
