//! Incoming datagrams: cheap checks first, the signature last.

use core::net::SocketAddr;
use std::time::Instant;

use p2p_identity::NodeId;

use super::clock_check::{BootPong, ClockVerdict};
use super::contact::{Phase, Task};
use super::endpoint_proof::Membership;
use super::rate_limiter::{HandleTime, SenderClass};
use super::{Discovery, Timestamp};
use crate::address::may_relay;
use crate::event::{BootNodeReason, Event};
use crate::node::Node;
use crate::stats::DropReason;
use crate::table::BUCKET_SIZE;
use crate::v4::{
    Datagram, Endpoint, EnrResponse, FindNode, MAX_PER_PACKET, Neighbours, Packet, Ping, Pong,
    is_negative,
};

impl Discovery {
    /// Handles a datagram from `from`. The work is bounded whatever the datagram contains. What is
    /// dropped is counted by reason in [`stats`](Self::stats).
    pub fn handle_datagram(&mut self, now: Instant, unix: u64, from: SocketAddr, bytes: &[u8]) {
        let at = Timestamp { now, unix };
        self.check_clock_jump(at);
        self.handle_waiting_requests(at);
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        self.out.stats.datagrams_in += 1;
        self.out.stats.bytes_in += bytes.len() as u64;
        match self.receive(at, from, bytes) {
            Ok(()) => self.run_lookups(at),
            Err(reason) => self.out.drop(reason),
        }
    }

    /// Handles the requests that have waited for the end of a tick, if it is over.
    pub(super) fn handle_waiting_requests(&mut self, at: Timestamp) {
        for request in self.limiter.begin_tick(at.now) {
            let handle = |datagram: Datagram<'_>| {
                let packet = datagram.packet()?;
                self.handle_signed(at, request.from, &datagram, packet, request.is_over_rate)
            };
            match Datagram::parse(&request.bytes).map_err(DropReason::from).and_then(handle) {
                Ok(()) => self.run_lookups(at),
                Err(reason) => self.out.drop(reason),
            }
        }
    }

    /// Checks all of a datagram but its signature. A request may then have to wait.
    fn receive(&mut self, at: Timestamp, from: SocketAddr, bytes: &[u8]) -> Result<(), DropReason> {
        let datagram = Datagram::parse(bytes)?;
        let packet = datagram.packet()?;
        let sender = self.classify(from, &packet)?;
        // An address is charged only for a datagram whose hash is right.
        datagram.check_hash()?;
        // A pong that we wait for is a witness of the time, once its signature has been checked.
        let is_witness = sender.is_none() && matches!(packet, Packet::Pong(_));
        if packet.is_expired(at.unix) && !is_witness {
            return Err(DropReason::Expired);
        }
        let Some(sender) = sender else {
            self.limiter.admit_reply()?;
            return self.handle_signed(at, from, &datagram, packet, false);
        };
        match self.limiter.admit_request(at.now, sender, (from, bytes), &mut self.rng)? {
            HandleTime::Now { is_over_rate } => {
                self.handle_signed(at, from, &datagram, packet, is_over_rate)
            }
            HandleTime::TickEnd => Ok(()),
        }
    }

    /// Checks the signature of a packet, and handles it.
    fn handle_signed(
        &mut self,
        at: Timestamp,
        from: SocketAddr,
        datagram: &Datagram<'_>,
        packet: Packet,
        is_over_rate: bool,
    ) -> Result<(), DropReason> {
        self.out.stats.recoveries += 1;
        let id = datagram.signer()?;
        if id == self.local.id() {
            return Err(DropReason::Own);
        }
        if is_over_rate {
            // Its address may have been charged for forged requests.
            let is_known = self.proofs.is_proven(at.now, &id, from.ip());
            is_known.then_some(()).ok_or(DropReason::AddressRate)?;
            self.limiter.admit_node(at.now, id)?;
        }
        match packet {
            Packet::Ping(ping) => self.handle_ping(at, from, id, &ping, datagram.hash()),
            Packet::Pong(pong) => self.handle_pong(at, from, id, &pong)?,
            Packet::FindNode(find) => self.handle_find_node(at, from, id, &find)?,
            Packet::Neighbours(packet) => self.handle_neighbours(at, from, id, packet)?,
            Packet::EnrRequest(_) => self.handle_enr_request(at, from, id, datagram.hash())?,
            Packet::EnrResponse(response) => self.handle_enr_response(at, from, id, &response)?,
        }
        self.out.stats.packets_in[datagram.kind().index()] += 1;
        Ok(())
    }

    /// The class of the sender of a request, as far as it is known before the signature is checked;
    /// `None` for an answer that is awaited. Fails for packets that are not wanted.
    fn classify(
        &self,
        from: SocketAddr,
        packet: &Packet,
    ) -> Result<Option<SenderClass>, DropReason> {
        let ip = from.ip();
        let answers = |hash| self.contacts.is_awaiting(hash, ip);
        let is_known = self.proofs.has_proof_at(ip);
        match packet {
            Packet::Pong(pong) if answers(&pong.ping) => Ok(None),
            Packet::EnrResponse(response) if answers(&response.request) => Ok(None),
            Packet::Neighbours(_) if self.contacts.is_finding(ip) => Ok(None),
            Packet::Pong(_) | Packet::Neighbours(_) | Packet::EnrResponse(_) => {
                Err(DropReason::Unsolicited)
            }
            Packet::Ping(_) if is_known => Ok(Some(SenderClass::Proven)),
            Packet::Ping(_) => Ok(Some(SenderClass::Stranger)),
            Packet::FindNode(_) | Packet::EnrRequest(_) if is_known => {
                Ok(Some(SenderClass::Proven))
            }
            Packet::FindNode(_) | Packet::EnrRequest(_) => Err(DropReason::NoProof),
        }
    }

    /// If our clock was set, boot nodes may answer now.
    pub(super) fn check_clock_jump(&mut self, at: Timestamp) {
        if self.clock.has_jumped(at.now, at.unix) {
            self.boot_nodes.handle_clock_set(at.now);
        }
    }

    fn compare_clocks(&mut self, at: Timestamp, from: SocketAddr, expiration: u64) {
        let offset = self.clock.sample(at.now, at.unix, from.ip(), expiration);
        self.out.push_event(offset.map(|(offset, witness)| Event::ClockOffset(offset, witness)));
    }

    /// Compares our clock with that of `node`, whose pong expires at `expiration`. Returns whether the
    /// pong counts as an answer.
    fn check_pong_time(
        &mut self,
        at: Timestamp,
        from: SocketAddr,
        (node, is_probe): (&Node, bool),
        expiration: u64,
    ) -> bool {
        if is_negative(expiration) {
            return false;
        }
        self.compare_clocks(at, from, expiration);
        let Some(witness) = self.boot_nodes.witness(node) else {
            return expiration >= at.unix;
        };
        let pong = BootPong { id: node.id, witness, ip: from.ip(), expiration, is_probe };
        match self.clock.judge(at.now, at.unix, pong) {
            ClockVerdict::Right => return true,
            ClockVerdict::Unsure => {}
            ClockVerdict::Wrong { offset, is_reported } => {
                self.boot_nodes.handle_clock(node, BootNodeReason::WrongClock(offset));
                self.out.push_event(is_reported.then_some(Event::ClockOffset(offset, witness)));
            }
            ClockVerdict::WrongThere(offset) => {
                let reason = BootNodeReason::WrongClock(offset);
                self.out.push_event(self.boot_nodes.handle_failure(at.now, node, reason));
            }
        }
        false
    }

    /// Answers a ping, always, with a pong of about its size. A node that has not proven its endpoint
    /// is pinged back, once for all its pings.
    fn handle_ping(
        &mut self,
        at: Timestamp,
        from: SocketAddr,
        id: NodeId,
        ping: &Ping,
        hash: &[u8; 32],
    ) {
        let endpoint = Endpoint::new(from, ping.from.tcp);
        let enr_seq = Some(self.local.record().sequence());
        // The TCP port as the ping names it, as in go-ethereum.
        let pong = Pong { to: endpoint, ping: *hash, expiration: at.expiration(), enr_seq };
        self.send(from, &Packet::Pong(pong));
        self.compare_clocks(at, from, ping.expiration);
        self.proofs.record_ping(at.now, id, from.ip());

        if let Some(contact) = self.contacts.get(&id) {
            // It knows us now, so it will answer requests.
            if contact.phase() == Phase::AwaitPing && contact.ip() == from.ip() {
                self.send_next_request(at, id);
            }
            return;
        }
        let node = Node::new(id, endpoint);
        let membership = self.proofs.membership(&id, from.ip());
        let has_network = self.config.network.is_some();
        let has_new_record = has_network && membership.is_outdated(ping.enr_seq);
        if self.proofs.is_proven(at.now, &id, from.ip()) && !has_new_record {
            // It may not be in the table: it was gone for a while, or its bucket was full.
            let is_ours = !has_network || matches!(membership, Membership::Ours(_));
            if is_ours && self.table.has_room_for(&id) {
                self.add_to_table(at, node, false);
            }
            return;
        }
        // A ping from a new address may be an old one that an attacker replays. So the node is pinged
        // at its known address first; only if it does not answer there, it may have moved.
        let known = self.table.get(&id).filter(|known| known.node.endpoint.ip != from.ip());
        let node = known.map_or(node, |known| known.node.clone());
        if self.contacts.add_stranger(at.now, node) {
            self.out.drop(DropReason::StrangersFull);
        }
        self.send_next_request(at, id);
    }

    fn handle_pong(
        &mut self,
        at: Timestamp,
        from: SocketAddr,
        id: NodeId,
        pong: &Pong,
    ) -> Result<(), DropReason> {
        let asked = self.contacts.awaiting(&pong.ping, from.ip(), id);
        let asked = asked.ok_or(DropReason::Unsolicited)?;
        let (node, is_probe) = (asked.node.clone(), asked.is_probe);
        if node.id != id {
            let reason = BootNodeReason::OtherKey(id);
            self.out.push_event(self.boot_nodes.handle_failure(at.now, &node, reason));
            return Err(DropReason::WrongSigner);
        }
        if !self.check_pong_time(at, from, (&node, is_probe), pong.expiration) {
            return Err(DropReason::Expired);
        }
        let contact = self.contacts.get_mut(&id).ok_or(DropReason::Unsolicited)?;
        let Phase::AwaitPong(_, sent) = contact.phase() else {
            return Err(DropReason::Unsolicited);
        };
        let answered = contact.take_tasks(|task| matches!(task, Task::Check | Task::Ping));
        let round_trip = at.now.saturating_duration_since(sent);
        for _ in answered.iter().filter(|task| **task == Task::Ping) {
            self.out.push_event(Event::PingFinished(id, Ok(round_trip)));
        }
        let is_new = self.proofs.record_pong(at.now, id, from.ip());
        for event in self.local.handle_report(at.now, &self.config, from.ip(), pong.to.udp_addr()) {
            self.out.push_event(event);
        }
        self.check_network(at, id, is_new, pong.enr_seq);
        self.send_next_request(at, id);
        Ok(())
    }

    fn handle_find_node(
        &mut self,
        at: Timestamp,
        from: SocketAddr,
        id: NodeId,
        find: &FindNode,
    ) -> Result<(), DropReason> {
        self.require_proof(at, from, id)?;
        let is_ours = matches!(self.proofs.membership(&id, from.ip()), Membership::Ours(_));
        if self.config.network.is_some() && !is_ours {
            return Err(DropReason::Foreign);
        }
        let nearest = self.table.nearest_for(&find.target.hash(), &id, from.ip());
        let nodes: Vec<_> = nearest.into_iter().map(Node::neighbour).collect();
        let expiration = at.expiration();
        // An answer without nodes is sent too.
        let chunks = nodes.chunks(MAX_PER_PACKET);
        let empty: &[_] = &[];
        for chunk in chunks.chain(nodes.is_empty().then_some(empty)) {
            self.send(from, &Packet::Neighbours(Neighbours { nodes: chunk.to_vec(), expiration }));
        }
        Ok(())
    }

    fn handle_neighbours(
        &mut self,
        at: Timestamp,
        from: SocketAddr,
        id: NodeId,
        packet: Neighbours,
    ) -> Result<(), DropReason> {
        let contact = self.contacts.get(&id).filter(|contact| contact.ip() == from.ip());
        let contact = contact.ok_or(DropReason::WrongSigner)?;
        let Phase::AwaitNeighbours(before) = contact.phase() else {
            return Err(DropReason::Unsolicited);
        };
        let Some(Task::Find(lookup)) = contact.tasks.front().copied() else {
            return Err(DropReason::Unsolicited);
        };
        let before = before.unwrap_or(0);
        let mut nodes = packet.nodes;
        nodes.truncate(BUCKET_SIZE - before.min(BUCKET_SIZE));
        let count = before + nodes.len();
        let is_usable = |node: &Node| may_relay(from.ip(), &node.endpoint);
        let (usable, unverified): (Vec<Node>, Vec<Node>) =
            nodes.into_iter().map(Node::from).partition(is_usable);
        for _ in unverified {
            self.out.drop(DropReason::Unverified);
        }
        let lookup = self.lookups.get_mut(lookup);
        let refused = lookup.map_or(0, |lookup| lookup.handle_nodes(&id, usable));
        for _ in 0..refused {
            self.out.drop(DropReason::Diversity);
        }
        self.handle_neighbours_count(at, id, count);
        Ok(())
    }

    fn handle_enr_request(
        &mut self,
        at: Timestamp,
        from: SocketAddr,
        id: NodeId,
        hash: &[u8; 32],
    ) -> Result<(), DropReason> {
        self.require_proof(at, from, id)?;
        let rlp = self.local.record().encode().into();
        self.send(from, &Packet::EnrResponse(EnrResponse { request: *hash, rlp }));
        Ok(())
    }

    fn handle_enr_response(
        &mut self,
        at: Timestamp,
        from: SocketAddr,
        id: NodeId,
        response: &EnrResponse,
    ) -> Result<(), DropReason> {
        let contact = self.contacts.get(&id).filter(|contact| contact.ip() == from.ip());
        let contact = contact.ok_or(DropReason::WrongSigner)?;
        if contact.phase() != Phase::AwaitRecord(response.request) {
            return Err(DropReason::WrongSigner);
        }
        let record = response.record().ok().filter(|record| record.id() == id);
        self.handle_record(at, id, record);
        Ok(())
    }

    fn require_proof(&self, at: Timestamp, from: SocketAddr, id: NodeId) -> Result<(), DropReason> {
        let is_proven = self.proofs.is_proven(at.now, &id, from.ip());
        if is_proven { Ok(()) } else { Err(DropReason::NoProof) }
    }
}
