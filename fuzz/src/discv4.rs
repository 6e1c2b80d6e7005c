//! discv4: packets, and the whole state machine with any datagrams at any time.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use keccak_lanes::{Digest, keccak256};
use p2p_discovery::{
    Discovery, Discv4Config, NetworkId, Node,
    v4::{
        Datagram, Endpoint, EnrRequest, EnrResponse, FindNode, MAX_DATAGRAM, Neighbour, Neighbours,
        Packet, Ping, Pong,
    },
};
use p2p_identity::{Content, NodeId, Record};

use crate::fixture;

/// Length of hash and signature, in bytes.
const HEADER_BYTES: usize = 97;

/// Reads the bytes as a datagram, and as a kind with a body. A packet that was read is the same after writing and
/// reading it again.
pub fn discv4_packet(data: &[u8]) {
    if let Ok(datagram) = Datagram::parse(data) {
        let _ = (datagram.check_hash(), datagram.packet(), datagram.signer());
    }
    let bytes = [&[0; HEADER_BYTES], data].concat();
    let Ok(packet) = Datagram::parse(&bytes).and_then(|datagram| datagram.packet()) else { return };
    // A packet can be longer than the input: it was written in a shorter form.
    let Ok(sealed) = packet.seal(&fixture::key(1)) else { return };
    assert!(sealed.bytes.len() <= MAX_DATAGRAM);
    let datagram = Datagram::parse(&sealed.bytes).expect("a valid datagram");
    assert_eq!(datagram.check_hash(), Ok(()));
    assert_eq!(datagram.packet().as_ref(), Ok(&packet));
    assert_eq!(datagram.signer(), Ok(fixture::key(1).id()));
}

/// Runs a state machine by a script: valid and invalid datagrams by several nodes, answers to its requests, requests of the
/// user, and jumps of the clock. It keeps its limits, sends only valid packets, and its timers come to an end.
pub fn discv4_machine(data: &[u8]) {
    let mut script = Script(data);
    let mut run = MachineRun::new(script.byte());
    while !script.0.is_empty() {
        run.step(&mut script);
        run.check();
    }
}

/// The rest of the input.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.bytes(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }
}

struct MachineRun {
    machine: Discovery,
    now: Instant,
    unix: u64,
    /// The hash of the last request of the machine, and its destination.
    asked: (Digest, SocketAddr),
}

/// One of 40 nodes, each with a key and an address.
fn node(number: u8) -> (u8, SocketAddr) {
    let number = 1 + number % 40;
    // Some are in one subnet, some in the local network.
    let ip = match number {
        1..=10 => Ipv4Addr::new(9, 9, 9, number),
        11..=15 => Ipv4Addr::new(10, 0, 0, number),
        _ => Ipv4Addr::new(number, number, 1, 1),
    };
    (number, SocketAddr::from((ip, 30303)))
}

impl MachineRun {
    fn new(choice: u8) -> Self {
        let (now, key) = (Instant::now(), fixture::key(0xee));
        let config = match choice % 2 {
            0 => Discv4Config::new(),
            _ => Discv4Config::new().network(NetworkId(7)),
        };
        let record = Record::sign(&key, 1, &Content::new().tcp(30303)).expect("a short record");
        let machine =
            Discovery::new(now, config, key, &record, [7; 32]).expect("the record of this key");
        let unspecified = SocketAddr::from(([0; 4], 0));
        Self { machine, now, unix: 1_700_000_000, asked: ([0; 32], unspecified) }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let (now, unix) = (self.now, self.unix);
        match script.byte() % 16 {
            0 => self.now += Duration::from_millis(u16::from_be_bytes(script.array()).into()),
            1 => self.now += Duration::from_secs(u16::from_be_bytes(script.array()).into()),
            2 => self.unix = u64::from_be_bytes(script.array()),
            3 => self.unix = unix.wrapping_add_signed(i8::from_be_bytes(script.array()).into()),
            4 | 5 => {
                self.now = self.machine.poll_timeout().map_or(now, |due| due.max(now));
                self.run_timers();
            }
            6 => {
                let (_, from) = node(script.byte());
                let count = usize::from(script.byte());
                self.machine.handle_datagram(now, unix, from, script.bytes(count));
            }
            7 => {
                let (by, from) = node(script.byte());
                let kind = 1 + script.byte() % 6;
                let count = usize::from(script.byte());
                let datagram = signed(by, kind, script.bytes(count));
                self.machine.handle_datagram(now, unix, from, &datagram);
            }
            request @ 8..=11 => self.request(request, script.byte()),
            12 => self.answer(script.byte()),
            _ => self.send_request(script),
        }
    }

    fn request(&mut self, request: u8, number: u8) {
        let (now, unix) = (self.now, self.unix);
        let (by, at) = node(number);
        let some = Node::new(fixture::key(by).id(), Endpoint::new(at, 30303));
        // Too many requests are refused.
        let _ = match request {
            8 => self.machine.lookup(now, unix, some.id).map(drop),
            9 => self.machine.ping(now, unix, some),
            10 => self.machine.request_record(now, unix, some),
            _ => self.machine.add_boot_node(now, unix, some),
        };
    }

    /// Answers the last request of the machine as the node that was asked, correctly or nearly so.
    fn answer(&mut self, choice: u8) {
        let (hash, at) = self.asked;
        let Some(by) = (0..40).map(node).find(|(_, address)| *address == at) else { return };
        let to = Endpoint::new(([1, 2, 3, choice % 4], 30303).into(), 0);
        let expiration = self.unix.wrapping_add(20);
        let packet = match choice % 3 {
            0 => {
                Packet::Pong(Pong { to, ping: hash, expiration, enr_seq: Some(u64::from(choice)) })
            }
            1 => Packet::Neighbours(Neighbours { nodes: some_nodes(choice), expiration }),
            _ => Packet::EnrResponse(EnrResponse { request: hash, rlp: record(by.0, choice) }),
        };
        self.deliver(by, &packet);
    }

    /// Sends a valid request.
    fn send_request(&mut self, script: &mut Script<'_>) {
        let by = node(script.byte());
        let endpoint = Endpoint::new(by.1, 30303);
        let expiration = self.unix.saturating_add(u64::from(script.byte()));
        let packet = match script.byte() % 3 {
            0 => Packet::Ping(Ping { from: endpoint, to: endpoint, expiration, enr_seq: Some(1) }),
            1 => Packet::FindNode(FindNode { target: NodeId([script.byte(); 64]), expiration }),
            _ => Packet::EnrRequest(EnrRequest { expiration }),
        };
        self.deliver(by, &packet);
    }

    fn deliver(&mut self, (by, from): (u8, SocketAddr), packet: &Packet) {
        let sealed = packet.seal(&fixture::key(by)).expect("a short packet");
        self.machine.handle_datagram(self.now, self.unix, from, &sealed.bytes);
    }

    /// Runs the timers that are due. They must come to an end.
    fn run_timers(&mut self) {
        for _ in 0..64 {
            if self.machine.poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
            self.machine.handle_timeout(self.now, self.unix);
        }
        panic!("the timers do not come to an end");
    }

    fn check(&mut self) {
        while let Some((to, bytes)) = self.machine.poll_transmit() {
            let datagram = Datagram::parse(&bytes).expect("a valid datagram");
            assert_eq!(datagram.check_hash(), Ok(()));
            assert!(datagram.packet().is_ok() && to.port() != 0);
            if !datagram.kind().is_reply() {
                self.asked = (*datagram.hash(), to);
            }
        }
        while self.machine.poll_event().is_some() {}
        assert!(self.machine.nodes().count() <= 272);
        let in_subnet = |node: &&Node| node.endpoint.ip.to_string().starts_with("9.9.9.");
        assert!(self.machine.nodes().filter(in_subnet).count() <= 10);
        assert!(self.machine.nodes().all(|node| node.id != self.machine.id()));
    }
}

/// A datagram with any body, and a valid hash and signature.
fn signed(by: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let signed = [&[kind], body].concat();
    let signature = fixture::key(by).sign(&keccak256(&signed)).to_bytes();
    let hashed = [&signature[..], &signed].concat();
    [&keccak256(&hashed)[..], &hashed].concat()
}

fn some_nodes(choice: u8) -> Vec<Neighbour> {
    let numbers = (0..choice % 13).map(|number| node(choice.wrapping_add(number)));
    numbers
        .map(|(by, at)| Neighbour { id: fixture::key(by).id(), endpoint: Endpoint::new(at, 30303) })
        .collect()
}

/// A record of the node in network 7 or 8, a record of another node, or bytes that are not a record.
fn record(by: u8, choice: u8) -> bytes::Bytes {
    let signer = if choice.is_multiple_of(5) { 3 } else { by };
    let content = Content::new().set("net", &(7 + u64::from(choice % 2)));
    match Record::sign(&fixture::key(signer), u64::from(choice), &content) {
        Ok(record) if choice != 77 => record.encode().into(),
        _ => vec![0xc0].into(),
    }
}

#[cfg(test)]
mod tests {
    use p2p_discovery::v4::PacketKind;

    use super::*;

    /// The scripts of the corpus are useful only if they bring nodes into the table.
    #[test]
    fn a_script_brings_nodes_into_the_table() {
        let mut run = MachineRun::new(0);
        let mut script = Script(include_bytes!("../corpus/discv4_machine/bonds"));
        script.byte();
        while !script.0.is_empty() {
            run.step(&mut script);
            run.check();
        }
        assert!(run.machine.nodes().count() > 0, "{:?}", run.machine.stats());
        assert!(run.machine.stats().packets_in[PacketKind::Pong as usize - 1] > 0);
    }
}
