//! Several machines in one process, on virtual time.

mod bonding;
mod boot;
mod hostile;
mod networks;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use p2p_identity::{Content, Record, SecretKey};

use super::*;
use crate::stats::DropReason;
use crate::v4::{Datagram, Endpoint, Packet};

const UNIX: u64 = 1_700_000_000;

/// Machines with their addresses, and the time.
struct World {
    start: Instant,
    now: Instant,
    nodes: BTreeMap<SocketAddr, Discovery>,
    events: BTreeMap<SocketAddr, Vec<Event>>,
    /// Datagrams to these addresses are lost.
    deaf: Vec<SocketAddr>,
    /// Seconds by which the clock of a node is ahead.
    ahead: BTreeMap<SocketAddr, i64>,
}

fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap()
}

/// Each node is in its own subnet.
fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([number, 1, 1, 1], 30303))
}

fn node(number: u8) -> Node {
    Node::new(key(number).id(), Endpoint::new(address(number), 30303))
}

impl World {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            now: start,
            nodes: BTreeMap::new(),
            events: BTreeMap::new(),
            deaf: Vec::new(),
            ahead: BTreeMap::new(),
        }
    }

    /// A world with nodes of these numbers.
    fn of(numbers: impl IntoIterator<Item = u8>, config: &Discv4Config) -> Self {
        let mut world = Self::new();
        for number in numbers {
            world.add(number, config.clone());
        }
        world
    }

    fn add(&mut self, number: u8, config: Discv4Config) {
        let content = Content::new().tcp(30303);
        let record = Record::sign(&key(number), 1, &content).unwrap();
        let machine = Discovery::new(self.now, config, key(number), &record, [number; 32]).unwrap();
        self.nodes.insert(address(number), machine);
    }

    fn unix(&self, at: &SocketAddr) -> u64 {
        let passed = (self.now - self.start).as_secs();
        let ahead = self.ahead.get(at).copied().unwrap_or(0);
        UNIX.saturating_add(passed).saturating_add_signed(ahead)
    }

    /// Calls a node with the current time.
    fn call<T>(&mut self, number: u8, act: impl FnOnce(&mut Discovery, Instant, u64) -> T) -> T {
        let unix = self.unix(&address(number));
        act(self.nodes.get_mut(&address(number)).unwrap(), self.now, unix)
    }

    /// Delivers all datagrams immediately, and those that are sent in answer.
    fn deliver(&mut self) {
        let mut datagrams: VecDeque<(SocketAddr, SocketAddr, Bytes)> = VecDeque::new();
        loop {
            for (at, node) in &mut self.nodes {
                datagrams.extend(
                    std::iter::from_fn(|| node.poll_transmit()).map(|(to, b)| (*at, to, b)),
                );
                let events = std::iter::from_fn(|| node.poll_event());
                self.events.entry(*at).or_default().extend(events);
            }
            let Some((from, to, bytes)) = datagrams.pop_front() else { return };
            assert!(bytes.len() <= 1280);
            let unix = self.unix(&to);
            if let Some(node) = self.nodes.get_mut(&to).filter(|_| !self.deaf.contains(&to)) {
                node.handle_datagram(self.now, unix, from, &bytes);
            }
        }
    }

    /// Lets this time pass.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.deliver();
        while let Some(next) = self.nodes.values().filter_map(Discovery::poll_timeout).min() {
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            let due: Vec<SocketAddr> = self.nodes.keys().copied().collect();
            for at in due {
                let unix = self.unix(&at);
                let node = self.nodes.get_mut(&at).unwrap();
                if node.poll_timeout().is_some_and(|due| due <= self.now) {
                    node.handle_timeout(self.now, unix);
                }
            }
            self.deliver();
        }
        self.now = end;
    }

    fn seconds(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    fn node(&self, number: u8) -> &Discovery {
        &self.nodes[&address(number)]
    }

    /// The events of node `number` since the last call.
    fn events(&mut self, number: u8) -> Vec<Event> {
        self.deliver();
        self.events.remove(&address(number)).unwrap_or_default()
    }

    fn knows(&self, number: u8, other: u8) -> bool {
        self.node(number).node(&key(other).id()).is_some()
    }

    fn drops(&self, number: u8, reason: DropReason) -> u64 {
        self.node(number).stats().drops.of(reason)
    }

    /// Delivers a datagram of node `from` that its machine did not send.
    fn forge(&mut self, from: u8, to: u8, packet: &Packet) {
        let bytes = packet.seal(&key(from)).unwrap().bytes;
        self.call(to, |node, now, unix| node.handle_datagram(now, unix, address(from), &bytes));
    }
}

/// The packets that a machine has sent.
fn sent(machine: &mut Discovery) -> Vec<Packet> {
    let datagrams = std::iter::from_fn(|| machine.poll_transmit());
    datagrams.map(|(_, bytes)| Datagram::parse(&bytes).unwrap().packet().unwrap()).collect()
}
