//! Two nodes dial each other at the same moment, and what each says reaches the other after a time of
//! chance: exactly one connection survives, the same on both ends.
//!
//! The ends are the plan and the slots of each, which follow the steps that the tasks follow: asked
//! when the handshake is done, and again when the other's Hello has come. Time is virtual.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use p2p_mux::identity::{Enode, NodeId};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::{Admission, Direction, Limits, Refusal, Slots};
use crate::dial::{Backoff, Dialer, Kind, NextAction};

const ROUNDS: u64 = 10_000;

/// All times in milliseconds.
const LENGTH: u64 = 120_000;

#[test]
fn exactly_one_connection_survives_every_time() {
    for kind in [Kind::Static, Kind::Found] {
        let mut crossed = 0;
        for seed in 0..ROUNDS {
            match Pair::new(seed, kind).run() {
                Ok(links) => crossed += u64::from(links > 1),
                Err(fault) => panic!("round {seed} of {kind:?}: {fault}"),
            }
        }
        assert!(crossed > ROUNDS / 2, "they dialled each other at once {crossed} times only");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Auth,
    Ack,
    Hello,
    Disconnect,
}

/// How far one end of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Shaking,
    Greeting,
    Live(u64),
    Over,
}

#[derive(Debug)]
struct Link {
    dialled_by: usize,
    stages: [Stage; 2],
    /// When the last word to each end arrives: none overtakes another.
    last: [u64; 2],
}

#[derive(Debug)]
struct End {
    id: NodeId,
    dialer: Dialer,
    slots: Slots,
}

impl End {
    /// What a server asks: the plan whether the node is still wanted, then the slots.
    fn check(&self, other: &NodeId, direction: Direction) -> Result<(), Refusal> {
        if direction == Direction::Outbound && self.dialer.get(other).is_none() {
            return Err(Refusal::Unwanted);
        }
        self.slots.check(other, direction)
    }

    fn admit(&mut self, other: NodeId, direction: Direction) -> Result<Admission, Refusal> {
        self.check(&other, direction)?;
        self.slots.admit(other, direction)
    }
}

struct Pair {
    rng: StdRng,
    start: Instant,
    now: u64,
    delay: u64,
    ends: [End; 2],
    links: Vec<Link>,
    /// Words on their way: to which end of which connection.
    words: BTreeMap<(u64, u64), (usize, usize, Word)>,
    sent: u64,
}

impl Pair {
    fn new(seed: u64, kind: Kind) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let start = Instant::now();
        let ids = [(); 2].map(|()| {
            let mut id = NodeId([0; 64]);
            rng.fill(&mut id.0[..]);
            id
        });
        let delay = 1 << rng.random_range(0..10);
        let ends = [0, 1].map(|end: usize| {
            let mut dialer = Dialer::new(Backoff::default(), 50);
            let mut slots = Slots::new(ids[end], Limits::default(), false);
            let other = Enode::new(ids[1 - end], ([127, 0, 0, 1], 30_303).into());
            let begins = Duration::from_millis(rng.random_range(0..=delay));
            // One that was found has this attempt alone.
            dialer.add(other, kind, start + begins);
            slots.set_static(ids[1 - end], kind == Kind::Static);
            End { id: ids[end], dialer, slots }
        });
        let (links, words) = (Vec::new(), BTreeMap::new());
        Self { rng, start, now: 0, delay, ends, links, words, sent: 0 }
    }

    /// How many connections were begun until one was left.
    fn run(mut self) -> Result<usize, String> {
        loop {
            for end in 0..2 {
                while self.ends[end].dialer.poll_dial(self.time()).is_some() {
                    let stages = [Stage::Shaking; 2];
                    self.links.push(Link { dialled_by: end, stages, last: [0; 2] });
                    self.say(self.links.len() - 1, end, Word::Auth);
                }
            }
            let due = self.ends.iter().filter_map(|end| end.dialer.poll_timeout());
            let due = due.min().map(|at| at.saturating_duration_since(self.start));
            let due = due.map(|due| u64::try_from(due.as_millis() + 1).unwrap_or(u64::MAX));
            let next = self.words.first_key_value().map(|(&(at, _), _)| at);
            let Some(next) = due.into_iter().chain(next).min() else { return self.survivor() };
            if next > LENGTH {
                return Err(format!("no end of it: {:?}", self.links));
            }
            self.now = next;
            if let Some(first) = self.words.first_entry()
                && first.key().0 <= next
            {
                let (link, end, word) = first.remove();
                self.hear(link, end, word);
            }
        }
    }

    /// Nothing is under way any more.
    fn survivor(&self) -> Result<usize, String> {
        let live = |stage: &Stage| matches!(stage, Stage::Live(_));
        let lives = self.links.iter().filter(|link| link.stages.iter().any(live)).count();
        let whole = self.links.iter().filter(|link| link.stages.iter().all(live)).count();
        let connected = self.ends.iter().enumerate().all(|(end, this)| {
            let action = this.dialer.next_action(&self.ends[1 - end].id);
            // A node that was found leaves the plan when its attempt fails before the other's arrives.
            matches!(action, Some(NextAction::Connected { .. }) | None) && this.slots.len() == 1
        });
        if (lives, whole, connected) == (1, 1, true) {
            Ok(self.links.len())
        } else {
            Err(format!("{lives} connections live, {whole} on both ends: {:?}", self.links))
        }
    }

    /// `end` says a word on a connection.
    fn say(&mut self, link: usize, end: usize, word: Word) {
        let other = 1 - end;
        let arrives = self.now + 1 + self.rng.random_range(0..=self.delay);
        let last = &mut self.links[link].last[other];
        *last = arrives.max(*last);
        self.sent += 1;
        self.words.insert((*last, self.sent), (link, other, word));
    }

    fn hear(&mut self, link: usize, end: usize, word: Word) {
        let direction = self.direction(link, end);
        let other = self.ends[1 - end].id;
        match (word, self.links[link].stages[end]) {
            (_, Stage::Over) => {}
            (Word::Auth | Word::Ack, _) => {
                if word == Word::Auth {
                    self.say(link, end, Word::Ack);
                }
                match self.ends[end].check(&other, direction) {
                    Ok(()) => {
                        self.links[link].stages[end] = Stage::Greeting;
                        self.say(link, end, Word::Hello);
                    }
                    Err(_) => self.refuse(link, end),
                }
            }
            (Word::Hello, _) => match self.ends[end].admit(other, direction) {
                Ok(admission) => {
                    self.links[link].stages[end] = Stage::Live(admission.number);
                    if let Some(number) = admission.replaces {
                        self.close(end, number);
                    }
                    let (outbound, now) = (direction == Direction::Outbound, self.time());
                    self.ends[end].dialer.handle_connected(other, outbound, now);
                }
                Err(_) => self.refuse(link, end),
            },
            (Word::Disconnect, Stage::Live(number)) => {
                self.links[link].stages[end] = Stage::Over;
                self.leave(end, number);
            }
            (Word::Disconnect, _) => self.fail(link, end),
        }
    }

    fn direction(&self, link: usize, end: usize) -> Direction {
        let dialled = self.links[link].dialled_by == end;
        if dialled { Direction::Outbound } else { Direction::Inbound }
    }

    fn refuse(&mut self, link: usize, end: usize) {
        self.say(link, end, Word::Disconnect);
        self.fail(link, end);
    }

    /// The connection comes to nothing at this end.
    fn fail(&mut self, link: usize, end: usize) {
        self.links[link].stages[end] = Stage::Over;
        if self.direction(link, end) == Direction::Outbound {
            let (other, now, jitter) = (self.ends[1 - end].id, self.time(), self.rng.random());
            self.ends[end].dialer.handle_failed(&other, now, jitter);
        }
    }

    /// The connection that had the place before gives way.
    fn close(&mut self, end: usize, number: u64) {
        let place = Stage::Live(number);
        if let Some(link) = self.links.iter().position(|link| link.stages[end] == place) {
            self.links[link].stages[end] = Stage::Over;
            self.say(link, end, Word::Disconnect);
            self.leave(end, number);
        }
    }

    fn leave(&mut self, end: usize, number: u64) {
        let (other, now, jitter) = (self.ends[1 - end].id, self.time(), self.rng.random());
        let this = &mut self.ends[end];
        if this.slots.release(&other, number) {
            this.dialer.handle_disconnected(&other, now, jitter);
        }
    }

    fn time(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }
}
