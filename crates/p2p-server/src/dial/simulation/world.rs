//! One world: its events in their order, and what must hold after each.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use p2p_mux::identity::{Enode, NodeId};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::peer::{Answer, Connection, Peer};
use crate::{
    dial::{Backoff, Dialer, Kind},
    slots::{Direction, Limits, Slots},
};

/// All times in milliseconds.
const LENGTH: u64 = 10 * 60_000;
const TIMEOUT: u64 = 15_000;
const SILENCE: u64 = 30_000;

/// What a peer may take beyond the cap.
const GRACE: u64 = 5_000;

/// What happened in a world, so that a test can tell that it was not empty.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) connections: u64,
    /// Peers that had to wait because of the plan alone.
    pub(super) waits: u64,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    /// Something befalls a peer.
    Fate(usize),
    /// An attempt at a peer has come so far that one of its addresses answers.
    Answer { peer: usize, port: u16, began: u64, life: u32 },
    /// An attempt at a peer ends without a connection.
    Failed { peer: usize, life: u32 },
    /// An attempt at a found node ends, with or without a connection.
    Found { id: NodeId, connects: bool, life: u32 },
    /// A found node leaves.
    Left { id: NodeId, number: u64, life: u32 },
    /// The network has brought nothing from a peer for a while, if it was this cut.
    Silent { peer: usize, number: u64, cuts: u32 },
    /// The peer's end was closed.
    Closed { peer: usize, number: u64 },
    /// The operator, or discovery, learns where a peer is.
    Learn { peer: usize, at: u16 },
    /// Discovery names some nodes.
    Offer,
    /// The node itself begins anew.
    Restart,
}

/// See the head of the [simulation](super).
pub(super) struct World {
    rng: StdRng,
    start: Instant,
    now: u64,
    events: BTreeMap<(u64, u64), Event>,
    last: u64,
    backoff: Backoff,
    longest_waits: bool,
    most: usize,
    /// How often the node has begun.
    life: u32,
    dialer: Dialer,
    slots: Slots,
    peers: Vec<Peer>,
    found: HashMap<NodeId, u64>,
    seen: Seen,
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
        let most = peers.len() * 2 + rng.random_range(0..3);
        let longest_waits = rng.random();
        let (start, id) = (Instant::now(), NodeId([if rng.random() { 0 } else { 255 }; 64]));
        let mut world = Self {
            rng,
            start,
            now: 0,
            events: BTreeMap::new(),
            last: 0,
            backoff,
            longest_waits,
            most,
            life: 0,
            dialer: Dialer::new(backoff, most),
            slots: Slots::new(id, Limits { max_peers: 3, ..Limits::default() }, true),
            peers,
            found: HashMap::new(),
            seen: Seen::default(),
        };
        world.list_peers();
        for peer in 0..world.peers.len() {
            let wait = world.span(120_000);
            world.after(wait, Event::Fate(peer));
        }
        world.after(500, Event::Offer);
        let wait = world.rng.random_range(0..2 * LENGTH);
        world.after(wait, Event::Restart);
        world
    }

    /// Lives to the end; an error is what should not be.
    pub(super) fn run(mut self) -> Result<Seen, String> {
        self.settle()?;
        while self.now < LENGTH {
            let due = self.dialer.poll_timeout().map(|at| self.millis(at));
            let next = self.events.first_key_value().map(|(&(at, _), _)| at);
            let next = due.into_iter().chain(next).min().unwrap_or(LENGTH).max(self.now);
            self.check_time(next)?;
            self.now = next;
            if let Some(first) = self.events.first_entry()
                && first.key().0 <= self.now
            {
                let event = first.remove();
                self.take(event);
            }
            self.settle()?;
        }
        Ok(self.seen)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Fate(peer) => self.fate(peer),
            Event::Answer { peer, port, began, life } => self.answer(peer, port, began, life),
            Event::Failed { peer, life } if life == self.life => {
                let (id, jitter) = (self.peers[peer].id, self.jitter());
                self.dialer.handle_failed(&id, self.time(), jitter);
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

    /// Something befalls a peer, and something else later on.
    fn fate(&mut self, number: usize) {
        let wait = self.span(150_000);
        self.after(wait, Event::Fate(number));
        let way = self.rng.random_range(0..8);
        let peer = &mut self.peers[number];
        match way {
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
                // An attempt under way goes to where it was; from here on it can be reached again.
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

    /// The peer's end of the connection is gone: heard at once where the network lets it through.
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

    /// One address of the attempt has answered, or has not until its time was over.
    fn answer(&mut self, peer: usize, port: u16, began: u64, life: u32) {
        if life != self.life {
            return;
        }
        match self.peers[peer].answer(port) {
            Answer::Welcome => {
                if !self.connect(peer, Direction::Outbound) {
                    self.take(Event::Failed { peer, life });
                }
            }
            Answer::No => self.take(Event::Failed { peer, life }),
            Answer::Silence => {
                let rest = (began + TIMEOUT).saturating_sub(self.now);
                self.after(rest, Event::Failed { peer, life });
            }
        }
    }

    /// Takes the place for a connection, if it may stay.
    fn connect(&mut self, number: usize, direction: Direction) -> bool {
        let id = self.peers[number].id;
        let Ok(admission) = self.slots.admit(id, direction) else { return false };
        self.dialer.handle_connected(id, direction == Direction::Outbound, self.time());
        self.seen.connections += 1;
        let connection = Connection { number: admission.number, dead: false };
        self.peers[number].connection = Some(connection);
        true
    }

    fn lose(&mut self, id: NodeId, number: u64) {
        if self.slots.release(&id, number) {
            let jitter = self.jitter();
            self.dialer.handle_disconnected(&id, self.time(), jitter);
        }
    }

    /// Half of the operators change their list, the others leave it to discovery.
    fn learn(&mut self, number: usize, at: u16) {
        let now = self.time();
        let peer = &mut self.peers[number];
        if peer.named {
            return;
        }
        if number.is_multiple_of(2) {
            (peer.listed, peer.seen) = (at, None);
            self.dialer.add(peer.enode(), Kind::Static, now);
        } else if self.dialer.offer(peer.enode_at(at), now).is_err() {
            let seen = self.dialer.seen(&peer.id);
            peer.seen = seen.map(|enode| enode.tcp);
        }
    }

    /// Discovery names nodes, at times more than there are attempts; most of them do not answer.
    fn offer(&mut self) {
        let wait = self.span(20_000);
        self.after(wait, Event::Offer);
        for _ in 0..self.rng.random_range(0..=self.most) {
            let mut id = [self.rng.random_range(100..200); 64];
            id[1] = self.rng.random();
            let enode = Enode::new(NodeId(id), ([10, 0, 0, 1], 30_303).into());
            // Declined where it is known.
            let _ = self.dialer.offer(enode, self.time());
        }
    }

    fn meet(&mut self, id: NodeId, connects: bool) {
        if connects && let Ok(admission) = self.slots.admit(id, Direction::Outbound) {
            self.dialer.handle_connected(id, true, self.time());
            self.found.insert(id, admission.number);
            let (life, number) = (self.life, admission.number);
            let wait = self.span(60_000);
            self.after(wait, Event::Left { id, number, life });
        } else {
            let jitter = self.jitter();
            self.dialer.handle_failed(&id, self.time(), jitter);
        }
    }

    /// All that was known is forgotten but what the operator wrote down; what runs is void.
    fn restart(&mut self) {
        self.life += 1;
        let held = self.peers.iter().filter_map(|peer| Some((peer.id, peer.connection?.number)));
        let held: Vec<_> = held.chain(self.found.drain()).collect();
        for (id, number) in held {
            self.slots.release(&id, number);
        }
        for peer in &mut self.peers {
            (peer.connection, peer.seen, peer.open_since) = (None, None, None);
        }
        self.dialer = Dialer::new(self.backoff, self.most);
        self.list_peers();
    }

    fn list_peers(&mut self) {
        let now = self.time();
        for peer in &self.peers {
            self.slots.set_static(peer.id, true);
            self.dialer.add(peer.enode(), Kind::Static, now);
        }
    }

    /// Starts what is due, and looks whether all is as it should be.
    fn settle(&mut self) -> Result<(), String> {
        while let Some(enode) = self.dialer.poll_dial(self.time()) {
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
        if self.dialer.active() > self.most {
            return Err(format!("{} attempts at once", self.dialer.active()));
        }
        let now = self.now;
        for peer in &mut self.peers {
            if self.dialer.next_action(&peer.id).is_none() {
                return Err(format!("nothing will ever be done about {peer:?}"));
            }
            let waits = peer.is_open() && !peer.is_connected();
            peer.open_since = if waits { peer.open_since.or(Some(now)) } else { None };
        }
        Ok(())
    }

    /// An attempt goes through the addresses, each for its share of the time.
    fn attempt(&mut self, number: usize) {
        let (began, life, latency) = (self.now, self.life, self.rng.random_range(5..=300));
        let addresses = self.peers[number].addresses();
        let share = TIMEOUT / addresses.len() as u64;
        let mut silent = 0;
        for port in addresses {
            match self.peers[number].answer(port) {
                Answer::Welcome => {
                    let answer = Event::Answer { peer: number, port, began, life };
                    return self.after(silent + latency, answer);
                }
                Answer::No => {}
                Answer::Silence => silent += share,
            }
        }
        self.after(silent + latency, Event::Failed { peer: number, life });
    }

    /// Whether nobody will have waited too long at `next`.
    fn check_time(&mut self, next: u64) -> Result<(), String> {
        let cap = millis(self.backoff.cap);
        for peer in &self.peers {
            let Some(since) = peer.open_since else { continue };
            // Where it was only seen: first the address that is listed is given its time.
            let listed = peer.addresses()[0];
            let first = if listed == peer.at { 0 } else { TIMEOUT / 2 };
            if next > since + cap + GRACE + first {
                let action = self.dialer.next_action(&peer.id);
                let now = self.now;
                return Err(format!("at {now}, since {since}: {action:?}, {peer:?}"));
            }
            self.seen.waits += u64::from(next > since);
        }
        Ok(())
    }

    /// In half of the worlds every wait is as long as it can be.
    fn jitter(&mut self) -> f64 {
        if self.longest_waits { 1.0 } else { self.rng.random() }
    }

    /// A time of chance, that long in the mean.
    fn span(&mut self, mean: u64) -> u64 {
        let part: f64 = self.rng.random_range(0.0..1.0);
        millis(Duration::from_millis(mean).mul_f64(-(1.0 - part).ln()))
    }

    fn after(&mut self, wait: u64, event: Event) {
        self.last += 1;
        self.events.insert((self.now + wait, self.last), event);
    }

    fn time(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    /// Rounded up: at that time it is due.
    fn millis(&self, at: Instant) -> u64 {
        millis(at.saturating_duration_since(self.start) + Duration::from_nanos(999_999))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
