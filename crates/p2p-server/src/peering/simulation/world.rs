//! One scenario: its events in order, and what must hold after each.

use std::time::{Duration, Instant};

use p2p_mux::identity::{Enode, NodeId};
use p2p_world::HashMap;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::{
    super::{Candidate, Peering},
    peer::{AttemptOutcome, Connection, Peer},
    schedule::{Event, Schedule, millis},
};
use crate::{config::ServerSettings, dial::Backoff, slots::Direction};

/// All times in milliseconds.
const LENGTH: u64 = 10 * 60_000;
const TIMEOUT: u64 = 15_000;
const SILENCE: u64 = 30_000;

/// Time that a connection may take beyond the cap.
const GRACE: u64 = 5_000;

/// What happened in a scenario.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) connections: u64,
    /// Times that a reachable peer had to wait for the plan.
    pub(super) waits: u64,
}

/// See the [simulation](super).
pub(super) struct World {
    rng: StdRng,
    schedule: Schedule,
    id: NodeId,
    settings: ServerSettings,
    longest_waits: bool,
    max_active: usize,
    /// Number of restarts.
    life: u32,
    peering: Peering,
    peers: Vec<Peer>,
    found: HashMap<NodeId, u64>,
    summary: Summary,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let cap = Duration::from_secs(rng.random_range(TIMEOUT / 1_000..=120));
        let backoff = Backoff {
            first: Duration::from_millis(rng.random_range(100..=4_000)),
            cap,
            steady: Duration::from_secs(rng.random_range(0..=20)),
        };
        let count = rng.random_range(1..=5u8);
        let peers: Vec<_> = (1..=count).map(|n| Peer::new(n, rng.random())).collect();
        let max_active = peers.len() * 2 + rng.random_range(0..3);
        let longest_waits = rng.random();
        let (start, id) = (Instant::now(), NodeId([if rng.random() { 0 } else { 255 }; 64]));
        let mut settings = ServerSettings::default();
        settings.dialing.backoff = backoff;
        settings.dialing.max_active = Some(max_active);
        settings.limits.max_peers = 3;
        let mut world = Self {
            rng,
            schedule: Schedule::new(start),
            peering: Peering::new(&settings, id, start),
            id,
            settings,
            longest_waits,
            max_active,
            life: 0,
            peers,
            found: HashMap::default(),
            summary: Summary::default(),
        };
        world.begin();
        for peer in 0..world.peers.len() {
            let wait = world.span(120_000);
            world.after(wait, Event::Change(peer));
        }
        world.after(500, Event::Offer);
        let wait = world.rng.random_range(0..2 * LENGTH);
        world.after(wait, Event::Restart);
        world
    }

    /// Runs the scenario. An error says which guarantee was broken.
    pub(super) fn run(mut self) -> Result<Summary, String> {
        self.settle()?;
        while self.schedule.now < LENGTH {
            let due = self.peering.poll_timeout(self.time()).map(|at| self.schedule.millis(at));
            let next = due.into_iter().chain(self.schedule.next()).min();
            let next = next.unwrap_or(LENGTH).max(self.schedule.now);
            self.check_time(next)?;
            self.schedule.now = next;
            if let Some(event) = self.schedule.pop() {
                self.handle(event);
            }
            self.settle()?;
        }
        Ok(self.summary)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Change(peer) => self.change(peer),
            Event::Answer { peer, port, began, life } => self.answer(peer, port, began, life),
            Event::Failed { peer, life } if life == self.life => {
                let (id, jitter) = (self.peers[peer].id, self.jitter());
                self.peering.dial_failed(&id, self.time(), jitter);
            }
            Event::Found { id, connects, life } if life == self.life => self.meet(id, connects),
            Event::Left { id, number, life } if life == self.life => {
                self.found.remove(&id);
                self.lose(id, number);
            }
            Event::Silent { peer, number, cuts } => {
                let peer = &mut self.peers[peer];
                let silent = |peer: &Peer| peer.cut && peer.cuts == cuts;
                if let Some(connection) = peer.connection
                    && connection.number == number
                    && (connection.dead || silent(peer))
                {
                    peer.connection = None;
                    let id = peer.id;
                    self.lose(id, number);
                }
            }
            Event::Closed { peer, number } => {
                let peer = &mut self.peers[peer];
                if peer.connection.is_some_and(|connection| connection.number == number) {
                    peer.connection = None;
                    let id = peer.id;
                    self.lose(id, number);
                }
            }
            Event::Learn { peer, at } => self.learn(peer, at),
            Event::Offer => self.offer(),
            Event::Restart => self.restart(),
            Event::Failed { .. } | Event::Found { .. } | Event::Left { .. } => {}
        }
    }

    /// A random change of a peer; schedules the next one.
    fn change(&mut self, number: usize) {
        let wait = self.span(150_000);
        self.after(wait, Event::Change(number));
        let change = self.rng.random_range(0..8);
        let peer = &mut self.peers[number];
        match change {
            0 | 1 if peer.cut => peer.cut = false,
            0 | 1 => {
                (peer.cut, peer.cuts) = (true, peer.cuts + 1);
                if let Some(Connection { number: held, .. }) = peer.connection {
                    let cuts = peer.cuts;
                    self.after(SILENCE, Event::Silent { peer: number, number: held, cuts });
                }
            }
            2 | 3 if !peer.up => peer.up = true,
            2 | 3 => {
                peer.up = false;
                self.end(number);
            }
            4 => {
                // A running attempt goes to the old address; a new attempt can reach the peer.
                (peer.at, peer.open_since) = (peer.at + 1, None);
                let at = peer.at;
                self.end(number);
                let wait = self.span(60_000);
                self.after(wait, Event::Learn { peer: number, at });
            }
            5 => peer.refuses = !peer.refuses,
            _ => self.inbound(number),
        }
    }

    /// The peer's end of the connection is gone. This node learns it at once, or by a timeout.
    fn end(&mut self, number: usize) {
        let loud = self.rng.random::<bool>();
        let peer = &mut self.peers[number];
        let Some(connection) = &mut peer.connection else { return };
        connection.dead = true;
        let (held, cuts) = (connection.number, peer.cuts);
        if loud && !peer.cut {
            self.after(100, Event::Closed { peer: number, number: held });
        } else {
            self.after(SILENCE, Event::Silent { peer: number, number: held, cuts });
        }
    }

    fn inbound(&mut self, number: usize) {
        let peer = &self.peers[number];
        if peer.up && !peer.cut && !peer.refuses {
            self.connect(number, Direction::Inbound);
        }
    }

    /// One address of the attempt has answered, or its time is over.
    fn answer(&mut self, peer: usize, port: u16, began: u64, life: u32) {
        if life != self.life {
            return;
        }
        match self.peers[peer].answer(port) {
            AttemptOutcome::Accepted => {
                if !self.connect(peer, Direction::Outbound) {
                    self.handle(Event::Failed { peer, life });
                }
            }
            AttemptOutcome::Refused => self.handle(Event::Failed { peer, life }),
            AttemptOutcome::Silence => {
                let rest = (began + TIMEOUT).saturating_sub(self.schedule.now);
                self.after(rest, Event::Failed { peer, life });
            }
        }
    }

    /// Makes a peer of a connection, if it is admitted.
    fn connect(&mut self, number: usize, direction: Direction) -> bool {
        let candidate = candidate(self.peers[number].id, direction);
        let Ok(admission) = self.peering.admit(&candidate, self.time()) else { return false };
        self.summary.connections += 1;
        let connection = Connection { number: admission.number, dead: false };
        self.peers[number].connection = Some(connection);
        true
    }

    fn lose(&mut self, id: NodeId, number: u64) {
        let jitter = self.jitter();
        self.peering.release(&id, number, self.time(), jitter);
    }

    /// Half of the operators update their list, the others rely on discovery.
    fn learn(&mut self, number: usize, at: u16) {
        let now = self.time();
        let peer = &mut self.peers[number];
        if peer.named {
            return;
        }
        if number.is_multiple_of(2) {
            (peer.listed, peer.seen) = (at, None);
            self.peering.add_static(peer.enode(), now).unwrap();
        } else if self.peering.add_found(peer.enode_at(at), now).is_err() {
            let seen = self.peering.seen_at(&peer.id);
            peer.seen = seen.map(|enode| enode.tcp);
        }
    }

    /// Discovery finds nodes, sometimes more than there are attempts; most of them do not answer.
    fn offer(&mut self) {
        let wait = self.span(20_000);
        self.after(wait, Event::Offer);
        for _ in 0..self.rng.random_range(0..=self.max_active) {
            let mut id = [self.rng.random_range(100..200); 64];
            id[1] = self.rng.random();
            let enode = Enode::new(NodeId(id), ([10, 0, 0, 1], 30_303).into());
            // A known node is declined.
            let _ = self.peering.add_found(enode, self.time());
        }
    }

    fn meet(&mut self, id: NodeId, connects: bool) {
        let candidate = candidate(id, Direction::Outbound);
        if connects && let Ok(admission) = self.peering.admit(&candidate, self.time()) {
            self.found.insert(id, admission.number);
            let (life, number) = (self.life, admission.number);
            let wait = self.span(60_000);
            self.after(wait, Event::Left { id, number, life });
        } else {
            let jitter = self.jitter();
            self.peering.dial_failed(&id, self.time(), jitter);
        }
    }

    /// Everything is forgotten but the listed peers; running attempts are void.
    fn restart(&mut self) {
        self.life += 1;
        self.found.clear();
        for peer in &mut self.peers {
            (peer.connection, peer.seen, peer.open_since) = (None, None, None);
        }
        self.begin();
    }

    fn begin(&mut self) {
        let now = self.time();
        self.peering = Peering::new(&self.settings, self.id, now);
        self.peering.reserve_outbound();
        for peer in &self.peers {
            self.peering.add_static(peer.enode(), now).unwrap();
        }
    }

    /// Starts the attempts that are due, and checks the guarantees.
    fn settle(&mut self) -> Result<(), String> {
        while let Some(enode) = self.peering.poll_dial(self.time()) {
            match self.peers.iter().position(|peer| peer.id == enode.id) {
                Some(peer) => self.attempt(peer),
                None => {
                    let (connects, life) = (self.rng.random_bool(0.2), self.life);
                    let silent = !connects && self.rng.random_bool(0.7);
                    let wait = if silent { TIMEOUT } else { 200 };
                    self.after(wait, Event::Found { id: enode.id, connects, life });
                }
            }
        }
        let active = self.peering.dialer.active();
        if active > self.max_active {
            return Err(format!("{active} attempts at once"));
        }
        let (now, time) = (self.schedule.now, self.time());
        for peer in &mut self.peers {
            if self.peering.next_action(&peer.id, time).is_none() {
                return Err(format!("no action is planned for {peer:?}"));
            }
            let waits = peer.is_open() && !peer.is_connected();
            peer.open_since = if waits { peer.open_since.or(Some(now)) } else { None };
        }
        Ok(())
    }

    /// An attempt tries the addresses, each for its share of the time.
    fn attempt(&mut self, number: usize) {
        let (began, life, latency) = (self.schedule.now, self.life, self.rng.random_range(5..=300));
        let addresses = self.peers[number].addresses();
        let share = TIMEOUT / addresses.len() as u64;
        let mut silent = 0;
        for port in addresses {
            match self.peers[number].answer(port) {
                AttemptOutcome::Accepted => {
                    let answer = Event::Answer { peer: number, port, began, life };
                    return self.after(silent + latency, answer);
                }
                AttemptOutcome::Refused => {}
                AttemptOutcome::Silence => silent += share,
            }
        }
        self.after(silent + latency, Event::Failed { peer: number, life });
    }

    /// Checks that no peer will have waited too long at `next`.
    fn check_time(&mut self, next: u64) -> Result<(), String> {
        let cap = millis(self.settings.dialing.backoff.cap);
        for peer in &self.peers {
            let Some(since) = peer.open_since else { continue };
            // If only the seen address is right, the listed one is tried first.
            let listed = peer.addresses()[0];
            let first = if listed == peer.at { 0 } else { TIMEOUT / 2 };
            if next > since + cap + GRACE + first {
                let action = self.peering.next_action(&peer.id, self.time());
                let now = self.schedule.now;
                return Err(format!("at {now}, since {since}: {action:?}, {peer:?}"));
            }
            self.summary.waits += u64::from(next > since);
        }
        Ok(())
    }

    /// In half of the scenarios every delay is as long as possible.
    fn jitter(&mut self) -> f64 {
        if self.longest_waits { 1.0 } else { self.rng.random() }
    }

    /// A random time with this mean.
    fn span(&mut self, mean: u64) -> u64 {
        let part: f64 = self.rng.random_range(0.0..1.0);
        millis(Duration::from_millis(mean).mul_f64(-(1.0 - part).ln()))
    }

    fn after(&mut self, wait: u64, event: Event) {
        self.schedule.after(wait, event);
    }

    fn time(&self) -> Instant {
        self.schedule.time()
    }
}

fn candidate(id: NodeId, direction: Direction) -> Candidate {
    Candidate { id, ip: [127, 0, 0, 1].into(), direction }
}
