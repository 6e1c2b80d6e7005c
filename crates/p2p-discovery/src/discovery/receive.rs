//! What comes in: the cheap checks first, the signature last.

use core::net::SocketAddr;
use std::time::Instant;

use p2p_identity::NodeId;

use super::{Discovery, Moment};
use crate::address::may_relay;
use crate::bucket::BUCKET_SIZE;
use crate::contact::{Errand, Phase};
use crate::gate::Sender;
use crate::proof::Membership;
use crate::v4::{
    Datagram, Endpoint, EnrResponse, FindNode, MAX_PER_PACKET, Neighbours, Packet, Ping, Pong,
};
use crate::{DropReason, Event, Node};

impl Discovery {
    /// A datagram has come from `from`. Whatever it is, it costs a bounded amount of work, and what
    /// is not wanted is dropped for a reason that [`stats`](Self::stats) counts.
    pub fn handle_datagram(&mut self, now: Instant, unix: u64, from: SocketAddr, bytes: &[u8]) {
        let at = Moment { now, unix };
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        self.out.stats.datagrams_in += 1;
        self.out.stats.bytes_in += bytes.len() as u64;
        match self.receive(at, from, bytes) {
            Ok(()) => self.pump(at),
            Err(reason) => self.out.drop(reason),
        }
    }

    fn receive(&mut self, at: Moment, from: SocketAddr, bytes: &[u8]) -> Result<(), DropReason> {
        let datagram = Datagram::parse(bytes)?;
        let kind = datagram.kind();
        if !kind.is_reply() {
            self.gate.admit(at.now, from.ip())?;
        }
        let packet = datagram.packet()?;
        let sender = self.presume(from, &packet)?;
        datagram.check_hash()?;
        self.check_time(at, from, &packet)?;
        self.gate.spend(at.now, sender)?;
        self.out.stats.recoveries += 1;
        let id = datagram.signer()?;
        if id == self.local.id() {
            return Err(DropReason::Own);
        }
        match packet {
            Packet::Ping(ping) => self.ping_came(at, from, id, &ping, datagram.hash()),
            Packet::Pong(pong) => self.pong_came(at, from, id, &pong)?,
            Packet::FindNode(find) => self.find_node_came(at, from, id, &find)?,
            Packet::Neighbours(told) => self.neighbours_came(at, from, id, told)?,
            Packet::EnrRequest(_) => self.enr_request_came(at, from, id, datagram.hash())?,
            Packet::EnrResponse(response) => self.enr_response_came(at, from, id, &response)?,
        }
        self.out.stats.packets_in[kind.index()] += 1;
        Ok(())
    }

    /// Who seems to have sent the packet, and whether it is wanted at all: all that can be told
    /// before the signature is looked at.
    fn presume(&self, from: SocketAddr, packet: &Packet) -> Result<Sender, DropReason> {
        let ip = from.ip();
        let answers = |hash| self.contacts.awaiting(hash).is_some_and(|asked| asked.ip() == ip);
        let is_known = self.proofs.any_at(ip);
        match packet {
            Packet::Pong(pong) if answers(&pong.ping) => Ok(Sender::Asked),
            Packet::EnrResponse(response) if answers(&response.request) => Ok(Sender::Asked),
            Packet::Neighbours(_) if self.contacts.is_finding(ip) => Ok(Sender::Asked),
            Packet::Pong(_) | Packet::Neighbours(_) | Packet::EnrResponse(_) => {
                Err(DropReason::Unsolicited)
            }
            Packet::Ping(_) if is_known => Ok(Sender::Proven),
            Packet::Ping(_) => Ok(Sender::Stranger),
            Packet::FindNode(_) | Packet::EnrRequest(_) if is_known => Ok(Sender::Proven),
            Packet::FindNode(_) | Packet::EnrRequest(_) => Err(DropReason::NoProof),
        }
    }

    /// Drops what is expired. A pong that answers our ping tells something of our clock even then.
    fn check_time(
        &mut self,
        at: Moment,
        from: SocketAddr,
        packet: &Packet,
    ) -> Result<(), DropReason> {
        let Some(expiration) = packet.expiration() else { return Ok(()) };
        if matches!(packet, Packet::Pong(_)) {
            self.compare_clocks(at, from, expiration);
        }
        if expiration < at.unix { Err(DropReason::Expired) } else { Ok(()) }
    }

    fn compare_clocks(&mut self, at: Moment, from: SocketAddr, expiration: u64) {
        let drift = self.clock.sample(at.now, at.unix, from.ip(), expiration);
        if let Some(drift) = drift {
            self.out.tell(Event::ClockOffset(drift));
        }
    }

    /// A ping is always answered, with about as many bytes as it has. A node that has not proven to
    /// be there is pinged itself, once for all its pings.
    fn ping_came(
        &mut self,
        at: Moment,
        from: SocketAddr,
        id: NodeId,
        ping: &Ping,
        hash: &[u8; 32],
    ) {
        let endpoint = Endpoint::new(from, ping.from.tcp);
        let to = Endpoint { tcp: 0, ..endpoint };
        let enr_seq = Some(self.local.record().sequence());
        let pong = Pong { to, ping: *hash, expiration: at.expiration(), enr_seq };
        self.send(from, &Packet::Pong(pong));
        self.compare_clocks(at, from, ping.expiration);
        self.proofs.pinged(at.now, id, from.ip());

        if let Some(contact) = self.contacts.get(&id) {
            // It knows us now: what we wanted to ask can be asked.
            if contact.phase() == Phase::Settling && contact.ip() == from.ip() {
                self.advance(at, id);
            }
            return;
        }
        let node = Node::new(id, endpoint);
        let membership = self.proofs.membership(&id, from.ip());
        let has_network = self.config.network.is_some();
        let is_news = has_network && membership.is_outdated(ping.enr_seq);
        if self.proofs.is_proven(at.now, &id, from.ip()) && !is_news {
            // It may have been gone for a while, or its bucket was full.
            let is_ours = !has_network || matches!(membership, Membership::Ours(_));
            if is_ours && self.table.has_place_for(&id) {
                self.welcome(at, node, false);
            }
            return;
        }
        // A ping from elsewhere may be an old one, sent again by somebody else. Only if the node is not
        // any more where it was, it may have moved.
        let known = self.table.get(&id).filter(|known| known.node.endpoint.ip != from.ip());
        let node = known.map_or(node, |known| known.node.clone());
        if self.contacts.begin(at.now, node, Errand::Check, true) {
            self.advance(at, id);
        } else {
            self.out.drop(DropReason::StrangersFull);
        }
    }

    fn pong_came(
        &mut self,
        at: Moment,
        from: SocketAddr,
        id: NodeId,
        pong: &Pong,
    ) -> Result<(), DropReason> {
        let contact = self.contacts.get_mut(&id).ok_or(DropReason::WrongSigner)?;
        let Phase::Pong(hash, sent) = contact.phase() else { return Err(DropReason::WrongSigner) };
        if hash != pong.ping {
            return Err(DropReason::WrongSigner);
        }
        let answered =
            contact.take_errands(|errand| matches!(errand, Errand::Check | Errand::Ping));
        let round_trip = at.now.saturating_duration_since(sent);
        for _ in answered.iter().filter(|errand| **errand == Errand::Ping) {
            self.out.tell(Event::PingFinished(id, Ok(round_trip)));
        }
        let is_new = self.proofs.answered(at.now, id, from.ip());
        for event in self.local.hear(at.now, &self.config, from.ip(), pong.to.udp_addr()) {
            self.out.tell(event);
        }
        self.identify(at, id, is_new, pong.enr_seq);
        self.advance(at, id);
        Ok(())
    }

    fn find_node_came(
        &mut self,
        at: Moment,
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
        // Who knows nobody says so.
        let pieces = nodes.chunks(MAX_PER_PACKET);
        let empty: &[_] = &[];
        for piece in pieces.chain(nodes.is_empty().then_some(empty)) {
            self.send(from, &Packet::Neighbours(Neighbours { nodes: piece.to_vec(), expiration }));
        }
        Ok(())
    }

    fn neighbours_came(
        &mut self,
        at: Moment,
        from: SocketAddr,
        id: NodeId,
        told: Neighbours,
    ) -> Result<(), DropReason> {
        let contact = self.contacts.get(&id).filter(|contact| contact.ip() == from.ip());
        let contact = contact.ok_or(DropReason::WrongSigner)?;
        let Phase::Neighbours(before) = contact.phase() else {
            return Err(DropReason::Unsolicited);
        };
        let Some(Errand::Find(lookup)) = contact.errands.front().copied() else {
            return Err(DropReason::Unsolicited);
        };
        let before = before.unwrap_or(0);
        let mut nodes = told.nodes;
        nodes.truncate(BUCKET_SIZE - before.min(BUCKET_SIZE));
        let count = before + nodes.len();
        let usable = |node: &Node| may_relay(from.ip(), &node.endpoint);
        let (usable, hearsay): (Vec<Node>, Vec<Node>) =
            nodes.into_iter().map(Node::from).partition(usable);
        for _ in hearsay {
            self.out.drop(DropReason::Unverified);
        }
        let lookup = self.lookups.get_mut(&lookup);
        let refused = lookup.map_or(0, |lookup| lookup.handle_nodes(&id, usable));
        for _ in 0..refused {
            self.out.drop(DropReason::Diversity);
        }
        self.found(at, id, count);
        Ok(())
    }

    fn enr_request_came(
        &mut self,
        at: Moment,
        from: SocketAddr,
        id: NodeId,
        hash: &[u8; 32],
    ) -> Result<(), DropReason> {
        self.require_proof(at, from, id)?;
        let rlp = self.local.record().encode().into();
        self.send(from, &Packet::EnrResponse(EnrResponse { request: *hash, rlp }));
        Ok(())
    }

    fn enr_response_came(
        &mut self,
        at: Moment,
        from: SocketAddr,
        id: NodeId,
        response: &EnrResponse,
    ) -> Result<(), DropReason> {
        let contact = self.contacts.get(&id).filter(|contact| contact.ip() == from.ip());
        let contact = contact.ok_or(DropReason::WrongSigner)?;
        if contact.phase() != Phase::Record(response.request) {
            return Err(DropReason::WrongSigner);
        }
        let record = response.record().ok().filter(|record| record.id() == id);
        self.record_came(at, id, record);
        Ok(())
    }

    fn require_proof(&self, at: Moment, from: SocketAddr, id: NodeId) -> Result<(), DropReason> {
        let is_proven = self.proofs.is_proven(at.now, &id, from.ip());
        if is_proven { Ok(()) } else { Err(DropReason::NoProof) }
    }
}
