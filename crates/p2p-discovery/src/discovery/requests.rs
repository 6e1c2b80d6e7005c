//! The requests that we send: tasks of a contact are done one after another, one request at a time.

use core::net::SocketAddr;

use p2p_identity::{NodeId, Record};

use super::contact::{Contact, Phase, Task};
use super::endpoint_proof::Membership;
use super::lookup::Lookup;
use super::{Discovery, Timestamp};
use crate::event::{BootNodeReason, Event, LookupId, NoAnswerError};
use crate::network::NetworkId;
use crate::node::Node;
use crate::stats::DropReason;
use crate::table::{BUCKET_SIZE, InsertOutcome};
use crate::v4::{Endpoint, EnrRequest, FindNode, Packet, Ping};

/// How much longer than usual a probe is valid: for a clock that shows 1970.
const PROBE_EXTRA_SECS: u64 = 1 << 32;

/// What a contact is asked next.
enum NextRequest {
    Ping,
    /// Wait for a ping of the node.
    AwaitPing,
    Record,
    Find(LookupId),
    /// There is no task left.
    None,
}

impl Discovery {
    /// Signs and sends a packet. Returns its hash.
    pub(super) fn send(&mut self, to: SocketAddr, packet: &Packet) -> Option<[u8; 32]> {
        // Sealing fails only for packets that are too long, and we make none.
        let sealed = self.local.seal(packet).ok()?;
        let hash = sealed.hash;
        self.out.push_datagram(to, packet.kind(), sealed);
        Some(hash)
    }

    fn next_request(&self, at: Timestamp, contact: &Contact) -> NextRequest {
        let (id, ip) = (&contact.node.id, contact.ip());
        let Some(task) = contact.tasks.front() else { return NextRequest::None };
        if matches!(task, Task::Check | Task::Ping) || !self.proofs.is_proven(at.now, id, ip) {
            return NextRequest::Ping;
        }
        if !contact.may_know_us && !self.proofs.knows_us(at.now, id, ip) {
            return NextRequest::AwaitPing;
        }
        match *task {
            Task::Find(lookup) => NextRequest::Find(lookup),
            _ => NextRequest::Record,
        }
    }

    /// Sends the next request to the node, as its first attempt.
    pub(super) fn send_next_request(&mut self, at: Timestamp, id: NodeId) {
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.attempts = 0;
        }
        self.send_request(at, id);
    }

    /// Sends the next request to the node, which may be a repetition.
    fn send_request(&mut self, at: Timestamp, id: NodeId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let to = contact.node.endpoint;
        let phase = match self.next_request(at, contact) {
            NextRequest::None => {
                self.contacts.remove(&id);
                return;
            }
            NextRequest::AwaitPing => Some(Phase::AwaitPing),
            NextRequest::Ping => {
                let is_last = contact.attempts > 0 && contact.attempts + 1 >= self.config.attempts;
                let is_probe = is_last && self.boot_nodes.is_unanswered(&contact.node);
                self.send_ping(at, id, to, is_probe)
            }
            NextRequest::Record => {
                let request = EnrRequest { expiration: at.expiration() };
                self.send(to.udp_addr(), &Packet::EnrRequest(request)).map(Phase::AwaitRecord)
            }
            NextRequest::Find(lookup) => self.send_find_node(at, to.udp_addr(), lookup),
        };
        let deadline = at.now + self.config.reply_timeout;
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.attempts = contact.attempts.saturating_add(1);
        }
        self.contacts.set_phase(&id, phase.unwrap_or(Phase::Idle), deadline);
    }

    /// Pings a node. A probe is valid for much longer than usual: a node answers it also if our clock is
    /// behind, and then its pong shows by how much.
    fn send_ping(
        &mut self,
        at: Timestamp,
        id: NodeId,
        to: Endpoint,
        is_probe: bool,
    ) -> Option<Phase> {
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.is_probe = is_probe;
        }
        let extra = if is_probe { PROBE_EXTRA_SECS } else { 0 };
        let ping = Ping {
            from: self.local.endpoint(),
            to: Endpoint { tcp: 0, ..to },
            expiration: at.expiration().saturating_add(extra),
            enr_seq: Some(self.local.record().sequence()),
        };
        let hash = self.send(to.udp_addr(), &Packet::Ping(ping));
        hash.map(|hash| Phase::AwaitPong(hash, at.now))
    }

    fn send_find_node(&mut self, at: Timestamp, to: SocketAddr, lookup: LookupId) -> Option<Phase> {
        // A lookup waits for every node that it has asked, so it still exists.
        let target = self.lookups.get_mut(lookup)?.target();
        let find = FindNode { target, expiration: at.expiration() };
        self.send(to, &Packet::FindNode(find))?;
        Some(Phase::AwaitNeighbours(None))
    }

    /// The deadline of a contact has passed.
    pub(super) fn handle_request_timeout(&mut self, at: Timestamp, id: NodeId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let (ip, may_repeat) = (contact.ip(), contact.attempts < self.config.attempts.max(1));
        match contact.phase() {
            Phase::Idle => self.send_next_request(at, id),
            Phase::AwaitPing => {
                contact.may_know_us = true;
                self.send_next_request(at, id);
            }
            // The answer came in part: the rest is lost, or there is no more.
            Phase::AwaitNeighbours(Some(_)) => self.finish_find(at, id, true),
            Phase::AwaitPong(..) => {
                self.table.set_doubtful(&id, ip);
                self.out.stats.timeouts += 1;
                if may_repeat { self.send_request(at, id) } else { self.handle_gone(at, id) }
            }
            Phase::AwaitRecord(_) => {
                self.out.stats.timeouts += 1;
                if may_repeat {
                    self.send_request(at, id);
                } else {
                    self.handle_record_failure(at, id, NoAnswerError::Refused);
                }
            }
            Phase::AwaitNeighbours(None) => {
                self.out.stats.timeouts += 1;
                self.repeat_find(at, id);
            }
        }
    }

    /// A request for neighbours was not answered. Before the last attempt the node is pinged: it may
    /// be gone; or it has forgotten us, and then our ping makes it ping us.
    fn repeat_find(&mut self, at: Timestamp, id: NodeId) {
        let attempts = self.config.attempts.max(1);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.failed_finds = contact.failed_finds.saturating_add(1);
        if contact.failed_finds >= attempts {
            return self.finish_find(at, id, false);
        }
        if contact.failed_finds + 1 == attempts {
            contact.tasks.push_front(Task::Check);
            contact.may_know_us = false;
        }
        self.send_next_request(at, id);
    }

    /// The node has sent `count` neighbours so far.
    pub(super) fn handle_neighbours_count(&mut self, at: Timestamp, id: NodeId, count: usize) {
        if count >= BUCKET_SIZE {
            return self.finish_find(at, id, true);
        }
        // A second packet may follow immediately.
        let deadline = at.now + self.config.reply_timeout * 2 / 5;
        self.contacts.set_phase(&id, Phase::AwaitNeighbours(Some(count)), deadline);
    }

    fn finish_find(&mut self, at: Timestamp, id: NodeId, has_answered: bool) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.failed_finds = 0;
        let task = contact.tasks.pop_front();
        let node = contact.node.clone();
        if let Some(Task::Find(lookup)) = task {
            self.report_to_lookup(&node, lookup, has_answered);
        }
        self.send_next_request(at, id);
    }

    /// Tells the lookup that the node will send no more.
    fn report_to_lookup(&mut self, node: &Node, lookup: LookupId, has_answered: bool) {
        if let Some(lookup) = self.lookups.get_mut(lookup) {
            lookup.handle_done(node, has_answered);
        }
    }

    /// The node does not answer pings.
    fn handle_gone(&mut self, at: Timestamp, id: NodeId) {
        let Some(contact) = self.contacts.remove(&id) else { return };
        self.proofs.revoke(&id, contact.ip());
        let has_received = self.out.stats.packets_in.iter().any(|count| *count > 0);
        let failed = self.boot_nodes.handle_silence(at.now, &contact.node, has_received);
        self.out.push_event(failed);
        // The table may know the node at another address, to which it has moved.
        if self.table.get(&id).is_some_and(|entry| entry.node.endpoint.ip == contact.ip()) {
            self.remove_from_table(at, id);
        }
        for task in contact.tasks {
            self.fail_task(&contact.node, task, NoAnswerError::Silent);
        }
    }

    fn remove_from_table(&mut self, at: Timestamp, id: NodeId) {
        if self.table.remove(at.now, &id) {
            self.out.push_event(Event::Lost(id));
        }
    }

    fn fail_task(&mut self, node: &Node, task: Task, error: NoAnswerError) {
        match task {
            Task::Ping => self.out.push_event(Event::PingFinished(node.id, Err(error))),
            Task::Record { for_user: true } => {
                self.out.push_event(Event::RecordFinished(node.id, Err(error)));
            }
            Task::Find(lookup) => self.report_to_lookup(node, lookup, false),
            Task::Check | Task::Record { for_user: false } => {}
        }
    }

    /// The node has answered a ping: checks whether it belongs to our network. `announced` is the
    /// sequence number of its record.
    pub(super) fn check_network(
        &mut self,
        at: Timestamp,
        id: NodeId,
        is_new: bool,
        announced: Option<u64>,
    ) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let ip = contact.ip();
        if self.config.network.is_none() {
            let node = contact.node.clone();
            return self.add_to_table(at, node, is_new);
        }
        let membership = self.proofs.membership(&id, ip);
        if announced.is_none() {
            // It has no record, so it names no network.
            self.proofs.set_membership(id, ip, Membership::Foreign(0));
            return self.handle_foreign(at, id);
        }
        if membership.is_outdated(announced) {
            contact.take_tasks(|task| task == Task::Record { for_user: false });
            contact.tasks.push_front(Task::Record { for_user: false });
            return;
        }
        match membership {
            Membership::Ours(_) => {
                let node = contact.node.clone();
                self.add_to_table(at, node, is_new);
            }
            Membership::Foreign(_) | Membership::Unknown => self.handle_foreign(at, id),
        }
    }

    /// The node has answered a record request; `None` if the answer is not a valid record of it.
    pub(super) fn handle_record(&mut self, at: Timestamp, id: NodeId, record: Option<Record>) {
        let Some(record) = record else {
            return self.handle_record_failure(at, id, NoAnswerError::BadRecord);
        };
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.node.set_record(&record);
        let (ip, node) = (contact.ip(), contact.node.clone());
        let done = contact.take_tasks(|task| matches!(task, Task::Record { .. }));
        for _ in done.iter().filter(|task| **task == Task::Record { for_user: true }) {
            self.out.push_event(Event::RecordFinished(id, Ok(record.clone())));
        }
        self.table.set_record(&id, &record);
        if let Some(network) = self.config.network {
            let is_new = !matches!(self.proofs.membership(&id, ip), Membership::Ours(_));
            let seq = record.sequence();
            if network.is_of(&record) {
                self.proofs.set_membership(id, ip, Membership::Ours(seq));
                self.add_to_table(at, node, is_new);
            } else {
                self.proofs.set_membership(id, ip, Membership::Foreign(seq));
                self.handle_foreign(at, id);
            }
        }
        self.send_next_request(at, id);
    }

    /// The node has not given its record, so it belongs to no network.
    fn handle_record_failure(&mut self, at: Timestamp, id: NodeId, error: NoAnswerError) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let node = contact.node.clone();
        for task in contact.take_tasks(|task| matches!(task, Task::Record { .. })) {
            self.fail_task(&node, task, error);
        }
        if self.config.network.is_some() {
            self.handle_foreign(at, id);
        }
        self.send_next_request(at, id);
    }

    /// Adds a node to the table that is alive and of our network.
    pub(super) fn add_to_table(&mut self, at: Timestamp, node: Node, is_new: bool) {
        let check_at = self.next_check(at.now);
        let answers = self.boot_nodes.handle_alive(&node);
        match self.table.insert(check_at, node.clone()) {
            InsertOutcome::Refused(reason) => self.out.drop(reason),
            InsertOutcome::Waiting | InsertOutcome::Known if !is_new => {}
            InsertOutcome::Added | InsertOutcome::Waiting | InsertOutcome::Known => {
                self.out.push_event(Event::Found(node));
            }
        }
        self.upkeep.handle_alive(at.now);
        self.out.push_event(answers);
    }

    /// The node is not of our network: it leaves the table and is asked for no neighbours. Requests
    /// of the user are still sent.
    fn handle_foreign(&mut self, at: Timestamp, id: NodeId) {
        self.out.drop(DropReason::NotOurNetwork);
        self.remove_from_table(at, id);
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let node = contact.node.clone();
        let network = node.record.as_ref().and_then(NetworkId::named_in);
        let reason = BootNodeReason::OtherNetwork(network);
        self.out.push_event(self.boot_nodes.handle_failure(at.now, &node, reason));
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        for task in contact.take_tasks(|task| matches!(task, Task::Find(_))) {
            self.fail_task(&node, task, NoAnswerError::Refused);
        }
    }

    pub(super) fn begin_lookup(&mut self, target: NodeId) -> LookupId {
        let known = self.table.nearest(&target.hash(), BUCKET_SIZE, |_| true);
        let limits = self.config.subnet_limits();
        let lookup = Lookup::new(target, self.local.id(), limits, known.into_iter().cloned());
        self.out.stats.lookups += 1;
        self.lookups.add(lookup)
    }

    /// Sends the requests that lookups may send now, and reports the lookups that are finished.
    pub(super) fn run_lookups(&mut self, at: Timestamp) {
        for id in self.lookups.ids() {
            self.run_lookup(at, id);
        }
    }

    fn run_lookup(&mut self, at: Timestamp, id: LookupId) {
        loop {
            let Some(lookup) = self.lookups.get_mut(id) else { return };
            let Some(node) = lookup.poll_ask() else { break };
            if !self.begin(at, node.clone(), Task::Find(id)) {
                self.report_to_lookup(&node, id, false);
            }
        }
        if let Some(outcome) = self.lookups.finish(id) {
            self.out.push_event(Event::LookupFinished(id, outcome));
            self.upkeep.handle_lookup_finished(at.now, id);
        }
    }
}
