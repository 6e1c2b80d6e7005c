//! Two nodes dial each other at the same time, and messages take a random time: exactly one connection
//! survives, the same on both ends.
//!
//! Each end is the [`Peering`] of a server, asked as the tasks ask it: checked when the handshake is done,
//! admitted when the Hello of the other end has arrived. Time is virtual.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use p2p_mux::identity::{Enode, NodeId};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::{Candidate, Peering};
use crate::{
    config::ServerSettings,
    dial::{NextAction, NodeKind},
    slots::Direction,
};

const ROUNDS: u64 = 10_000;

/// All times in milliseconds.
const LENGTH: u64 = 120_000;

#[test]
fn exactly_one_connection_survives() {
    for kind in [NodeKind::Static, NodeKind::Found] {
        let mut crossed = 0;
        for seed in 0..ROUNDS {
            match Pair::new(seed, kind).run() {
                Ok(links) => crossed += u64::from(links > 1),
                Err(fault) => panic!("round {seed} of {kind:?}: {fault}"),
            }
        }
        assert!(crossed > ROUNDS / 2, "the dials crossed only {crossed} times");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packet {
    Auth,
    Ack,
    Hello,
    Disconnect,
}

/// The progress of one end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Handshake,
    Hello,
    Peer(u64),
    Closed,
}

#[derive(Debug)]
struct Link {
    dialed_by: usize,
    stages: [Stage; 2],
    /// When the last packet to each end arrives; packets stay in order.
    last: [u64; 2],
}

#[derive(Debug)]
struct End {
    id: NodeId,
    peering: Peering,
}

struct Pair {
    rng: StdRng,
    start: Instant,
    now: u64,
    delay: u64,
    ends: [End; 2],
    links: Vec<Link>,
    /// The packets under way: the connection and the end that each goes to.
    packets: BTreeMap<(u64, u64), (usize, usize, Packet)>,
    sent: u64,
}

impl Pair {
    fn new(seed: u64, kind: NodeKind) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let start = Instant::now();
        let ids = [(); 2].map(|()| {
            let mut id = NodeId([0; 64]);
            rng.fill(&mut id.0[..]);
            id
        });
        let delay = 1 << rng.random_range(0..10);
        let ends = [0, 1].map(|end: usize| {
            let mut peering = Peering::new(&ServerSettings::default(), ids[end], start);
            let other = Enode::new(ids[1 - end], ([127, 0, 0, 1], 30_303).into());
            let begins = Duration::from_millis(rng.random_range(0..=delay));
            match kind {
                NodeKind::Static => peering.add_static(other, start + begins).unwrap(),
                // A found node is dialed once.
                _ => peering.add_found(other, start + begins).unwrap(),
            }
            End { id: ids[end], peering }
        });
        let (links, packets) = (Vec::new(), BTreeMap::new());
        Self { rng, start, now: 0, delay, ends, links, packets, sent: 0 }
    }

    /// Returns the number of connections that were begun until one was left.
    fn run(mut self) -> Result<usize, String> {
        loop {
            for end in 0..2 {
                while self.ends[end].peering.poll_dial(self.time()).is_some() {
                    let stages = [Stage::Handshake; 2];
                    self.links.push(Link { dialed_by: end, stages, last: [0; 2] });
                    self.send(self.links.len() - 1, end, Packet::Auth);
                }
            }
            let now = self.time();
            let due = self.ends.iter().filter_map(|end| end.peering.poll_timeout(now));
            let due = due.min().map(|at| at.saturating_duration_since(self.start));
            let due = due.map(|due| u64::try_from(due.as_millis() + 1).unwrap_or(u64::MAX));
            let next = self.packets.first_key_value().map(|(&(at, _), _)| at);
            let Some(next) = due.into_iter().chain(next).min() else { return self.survivor() };
            if next > LENGTH {
                return Err(format!("it does not end: {:?}", self.links));
            }
            self.now = next;
            if let Some(first) = self.packets.first_entry()
                && first.key().0 <= next
            {
                let (link, end, packet) = first.remove();
                self.receive(link, end, packet);
            }
        }
    }

    /// Checks that one connection is left once no packet is under way.
    fn survivor(&self) -> Result<usize, String> {
        let live = |stage: &Stage| matches!(stage, Stage::Peer(_));
        let lives = self.links.iter().filter(|link| link.stages.iter().any(live)).count();
        let whole = self.links.iter().filter(|link| link.stages.iter().all(live)).count();
        let connected = self.ends.iter().enumerate().all(|(end, this)| {
            let action = this.peering.next_action(&self.ends[1 - end].id, self.time());
            // A found node leaves the plan if its attempt fails before the other connection arrives.
            matches!(action, Some(NextAction::Connected { .. }) | None)
                && this.peering.slots.len() == 1
        });
        if (lives, whole, connected) == (1, 1, true) {
            Ok(self.links.len())
        } else {
            Err(format!("{lives} connections left, {whole} on both ends: {:?}", self.links))
        }
    }

    /// `end` sends a packet on a connection.
    fn send(&mut self, link: usize, end: usize, packet: Packet) {
        let other = 1 - end;
        let arrives = self.now + 1 + self.rng.random_range(0..=self.delay);
        let last = &mut self.links[link].last[other];
        *last = arrives.max(*last);
        self.sent += 1;
        self.packets.insert((*last, self.sent), (link, other, packet));
    }

    fn receive(&mut self, link: usize, end: usize, packet: Packet) {
        let direction = self.direction(link, end);
        let id = self.ends[1 - end].id;
        let candidate = Candidate { id, ip: [127, 0, 0, 1].into(), direction };
        let now = self.time();
        match (packet, self.links[link].stages[end]) {
            (_, Stage::Closed) => {}
            (Packet::Auth | Packet::Ack, _) => {
                if packet == Packet::Auth {
                    self.send(link, end, Packet::Ack);
                }
                match self.ends[end].peering.check(&candidate, self.time()) {
                    Ok(()) => {
                        self.links[link].stages[end] = Stage::Hello;
                        self.send(link, end, Packet::Hello);
                    }
                    Err(_) => self.refuse(link, end),
                }
            }
            (Packet::Hello, _) => match self.ends[end].peering.admit(&candidate, now) {
                Ok(admission) => {
                    self.links[link].stages[end] = Stage::Peer(admission.number);
                    if let Some(number) = admission.replaces {
                        self.close(end, number);
                    }
                }
                Err(_) => self.refuse(link, end),
            },
            (Packet::Disconnect, Stage::Peer(number)) => {
                self.links[link].stages[end] = Stage::Closed;
                self.leave(end, number);
            }
            (Packet::Disconnect, _) => self.fail(link, end),
        }
    }

    fn direction(&self, link: usize, end: usize) -> Direction {
        let dialed = self.links[link].dialed_by == end;
        if dialed { Direction::Outbound } else { Direction::Inbound }
    }

    fn refuse(&mut self, link: usize, end: usize) {
        self.send(link, end, Packet::Disconnect);
        self.fail(link, end);
    }

    /// The connection fails at this end.
    fn fail(&mut self, link: usize, end: usize) {
        self.links[link].stages[end] = Stage::Closed;
        if self.direction(link, end) == Direction::Outbound {
            let (other, now, jitter) = (self.ends[1 - end].id, self.time(), self.rng.random());
            self.ends[end].peering.dial_failed(&other, now, jitter);
        }
    }

    /// Closes the connection that was replaced.
    fn close(&mut self, end: usize, number: u64) {
        let replaced = Stage::Peer(number);
        if let Some(link) = self.links.iter().position(|link| link.stages[end] == replaced) {
            self.links[link].stages[end] = Stage::Closed;
            self.send(link, end, Packet::Disconnect);
            self.leave(end, number);
        }
    }

    fn leave(&mut self, end: usize, number: u64) {
        let (other, now, jitter) = (self.ends[1 - end].id, self.time(), self.rng.random());
        self.ends[end].peering.release(&other, number, now, jitter);
    }

    fn time(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }
}
