//! One connection: its Hello, its Disconnect, and the whole machine under a peer that sends anything.

use std::{
    task::Waker,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use p2p_mux::{
    Capability, Chunks, Config, Connection, DisconnectReason, Event, Hello, MemoryBudget, Message,
    Offer, OnExit, QueueLimits, RestartSettings, SlotEndReason, SlotId, SlotSettings,
};
use rlpx_transport::Sealer;

use crate::rlpx::sessions;

/// What decodes, encoded by us, decodes to the same; and it is never more than a Hello may be.
pub fn hello(data: &[u8]) {
    let Ok(hello) = Hello::decode(data) else { return };
    let encoded = hello.encode();
    if encoded.len() <= p2p_mux::MAX_HELLO {
        assert_eq!(Hello::decode(&encoded), Ok(hello.clone()));
    }
    let offers: Vec<Offer> = ["echo/1", "shh/5", "shh/6"].iter().map(|name| offer(name)).collect();
    let shared = p2p_mux::negotiate(&offers, &hello.capabilities);
    let mut next = 16;
    for slot in &shared {
        assert_eq!(slot.offset, next, "the ranges follow one another");
        assert!(hello.capabilities.contains(&slot.capability));
        next += slot.length;
    }
    assert!(shared.windows(2).all(|pair| pair[0].capability.name < pair[1].capability.name));
}

fn offer(name: &str) -> Offer {
    let (name, version) = name.split_once('/').unwrap_or_default();
    let version = version.parse().unwrap_or_default();
    Offer { capability: Capability::new(name, version), length: 8, settings: settings() }
}

/// Any payload of a Disconnect is some reason, and what we would pass on is one that everybody knows.
pub fn reason(data: &[u8]) {
    let reason = DisconnectReason::decode(data);
    assert!(reason.code() <= 16);
    let sent = DisconnectReason::decode(&reason.encode());
    assert_eq!(sent.code(), reason.code());
    if !matches!(reason, DisconnectReason::Unknown(_) | DisconnectReason::Unreadable) {
        assert_eq!(sent, reason);
    }
}

/// Small budgets, so that a short input fills them.
fn settings() -> SlotSettings {
    SlotSettings {
        inbound: QueueLimits { bytes: BUDGET, items: 4 },
        outbound: 512,
        ..SlotSettings::default()
    }
}

const BUDGET: usize = 256;

/// MemoryBudget for everything that an input can do.
const PLENTY: usize = 16 << 20;

/// A little more than a connection costs by itself.
const SCARCE: usize = 28 * 1024;

/// More than goes in one piece.
const LARGE: usize = 40_000;

/// The first id of `chunk/1`, beside `echo` and `shh`, which follow it.
const BEGIN: u64 = 16;

/// An id of the two slots, or just below or beyond.
fn id(byte: u8) -> u64 {
    18 + u64::from(byte % 18)
}

/// `[id, length, data]`
fn begin(argument: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (id, rest) = (id(argument.first().copied().unwrap_or_default()), argument.get(1..));
    let (length, data) = rest.unwrap_or_default().split_first().unwrap_or((&0, &[]));
    rlp_codec::encode_list(&mut out, &[&id, &(u64::from(*length) * 2), &data]);
    out
}

/// `[id, data]`
fn more(argument: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (id, data) = argument.split_first().unwrap_or((&0, &[]));
    rlp_codec::encode_list(&mut out, &[&self::id(*id), &data]);
    out
}

/// The same, for a sub-protocol that is started again when it has ended.
fn restarted() -> SlotSettings {
    SlotSettings { on_exit: OnExit::Restart(RestartSettings::default()), ..settings() }
}

/// What a message weighs on its slot's budget.
fn cost(message: &Message) -> usize {
    (message.payload.len() + 64).min(BUDGET)
}

/// The input is a list of things to do: by the peer, by the slots, by the clock. Whatever their order, what is
/// delivered is for an open slot and in its range, the budget holds, and after the end nothing happens any more.
/// Once with `chunk/1`, once without, and once with so little memory that there is hardly enough for one message. In the
/// end all memory has been given back.
pub fn connection(data: &[u8]) {
    for (chunked, limit) in [(false, PLENTY), (true, PLENTY), (true, SCARCE)] {
        let memory = MemoryBudget::new(limit);
        follow(data, chunked, &memory);
        assert_eq!((memory.stats().used, memory.stats().connections), (0, 0));
    }
}

fn follow(data: &[u8], chunked: bool, memory: &MemoryBudget) {
    let (near, far) = sessions();
    let mut offers = vec![offer("echo/1"), offer("shh/6")];
    offers.extend(chunked.then(Chunks::offer));
    let remote: Vec<Capability> = offers.iter().map(|offer| offer.capability.clone()).collect();
    let mut shared = p2p_mux::negotiate(&offers, &remote);
    let chunks = Chunks::take(&mut shared);
    assert_eq!(chunks.is_some(), chunked);
    let slots: Vec<_> = shared.into_iter().zip([settings(), restarted()]).collect();
    let now = Instant::now();
    let connection = Connection::new(near, &slots, &Config::default(), now)
        .with_memory(memory, Waker::noop().clone());
    let mut run = Run {
        connection: connection.with_chunks(chunks),
        memory: memory.clone(),
        peer: far.sealer,
        input: BytesMut::new(),
        now,
        waiting: vec![Vec::new(); slots.len()],
        ended: vec![false; slots.len()],
    };
    let mut script = data;
    while let Some((step, rest)) = script.split_first() {
        let (argument, rest) = rest.split_at(rest.len().min(usize::from(*step >> 4)));
        script = rest;
        run.step(*step & 0xf, argument);
        run.check();
    }
}

/// A connection, the peer's end of its wire, and what we believe about its slots.
struct Run {
    connection: Connection,
    memory: MemoryBudget,
    peer: Sealer,
    input: BytesMut,
    now: Instant,
    /// What each slot was given and has not taken.
    waiting: Vec<Vec<Message>>,
    ended: Vec<bool>,
}

impl Run {
    fn step(&mut self, step: u8, argument: &[u8]) {
        let first = argument.first().copied().unwrap_or_default();
        let slot = usize::from(first) % self.waiting.len();
        match step {
            // A message for any code, below and beyond the slots.
            0..=5 => self.peer_says(u64::from(first), argument),
            // One that fills the budget.
            6 => self.peer_says(16 + u64::from(first % 16), &[first; 300]),
            // Bytes that nobody sealed.
            7 => self.input.extend_from_slice(argument),
            8 => self.take(slot),
            9 => self.say(slot, u64::from(first), argument),
            10 => self.end(slot, first),
            11 => self.pass(Duration::from_millis(u64::from(first) * 100)),
            12 if first == 0 => self.connection.close(DisconnectReason::Requested),
            // One that goes in pieces where it can.
            12 => self.say(slot, u64::from(first % 8), &[first; LARGE]),
            // A message in pieces, if these are the ids of chunk/1: it begins, goes on, is given up.
            13 => self.peer_says(BEGIN, &begin(argument)),
            14 => self.peer_says(BEGIN + 1, &more(argument)),
            _ => self.peer_says(BEGIN + 2, &rlp_codec::encode(&vec![id(first)])),
        }
        self.poll();
    }

    fn peer_says(&mut self, code: u64, payload: &[u8]) {
        let sealed = self.peer.seal(code, payload, &mut self.input);
        sealed.unwrap_or_else(|error| panic!("it fits, but {error}"));
    }

    fn poll(&mut self) {
        self.connection.set_buffers(self.input.len());
        while let Some(event) = self.connection.poll_event(self.now, &mut self.input) {
            match event {
                Event::Message { slot, message } => {
                    let SlotId(index) = slot;
                    assert!(!self.ended[index], "a message for a slot that has ended");
                    assert!(message.code < 8, "a code of another slot");
                    self.waiting[index].push(message);
                }
                Event::Evicted { slot } => {
                    self.ended[slot.0] = true;
                    self.waiting[slot.0].clear();
                }
                Event::Reopened { slot } => {
                    assert!(self.ended[slot.0], "a slot opens that was open");
                    self.ended[slot.0] = false;
                    self.waiting[slot.0].clear();
                }
                other => panic!("an event that this body does not know: {other:?}"),
            }
        }
        let mut out = BytesMut::new();
        while self.connection.poll_transmit(&mut out).is_some() {}
        assert!(self.connection.is_flushed());
    }

    fn take(&mut self, slot: usize) {
        let Some(message) = self.waiting[slot].pop() else { return };
        self.connection
            .release(SlotId(slot), p2p_mux::QueueLoad { bytes: cost(&message), items: 1 });
    }

    fn say(&mut self, slot: usize, code: u64, payload: &[u8]) {
        let sent = self
            .connection
            .send(SlotId(slot), Message { code, payload: Bytes::copy_from_slice(payload) });
        if self.ended[slot] || self.connection.closed().is_some() || code >= 8 {
            assert!(sent.is_err());
        }
    }

    fn end(&mut self, slot: usize, how: u8) {
        const ENDINGS: [SlotEndReason; 4] = [
            SlotEndReason::Returned,
            SlotEndReason::Failed,
            SlotEndReason::Panicked,
            SlotEndReason::Removed,
        ];
        let ending = ENDINGS[usize::from(how / 2) % 4];
        self.connection.end_slot(self.now, SlotId(slot), ending);
        self.ended[slot] = true;
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.connection.handle_timeout(self.now);
    }

    fn check(&self) {
        for (index, waiting) in self.waiting.iter().enumerate() {
            let bytes: usize = waiting.iter().map(cost).sum();
            assert!(
                waiting.len() <= 4 && bytes <= BUDGET,
                "slot {index} was given more than its budget"
            );
        }
        for slot in self.connection.stats().slots {
            assert!(slot.queued_in <= BUDGET as u64, "what has arrived in part counts");
        }
        assert_eq!(self.connection.poll_timeout().is_none(), self.connection.closed().is_some());
        if self.connection.closed().is_some() {
            assert!(!self.connection.is_reading());
            return;
        }
        let waiting: usize = self.waiting.iter().flatten().map(|m| m.payload.len() + 64).sum();
        let stats = self.memory.stats();
        assert!(waiting <= stats.used, "{waiting} bytes wait, and {} are counted", stats.used);
        assert!(stats.used <= stats.limit, "whoever goes beyond the limit goes");
    }
}
