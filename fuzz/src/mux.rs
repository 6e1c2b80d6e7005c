//! One connection: its Hello, its Disconnect, and the whole state machine with a peer that sends any bytes.

use std::{
    task::Waker,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use p2p_mux::{
    Capability, Chunks, Config, Connection, DisconnectReason, Event, Hello, MemoryBudget, Message,
    Offer, OnExit, QueueLimits, RestartSettings, SlotEndReason, SlotId, SlotSettings,
};
use rlpx_transport::{Sealer, SecSettings};

use crate::handshake::sessions;

/// A decoded Hello, encoded again, decodes to the same value, and is within the limits.
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
        assert_eq!(slot.offset, next, "the ranges are contiguous");
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

/// Any payload of a Disconnect decodes to a reason. Its encoding is a known reason.
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

/// Enough memory for everything that an input can do.
const PLENTY: usize = 16 << 20;

/// A little more memory than an idle connection needs.
const SCARCE: usize = 28 * 1024;

/// More than one piece.
const LARGE: usize = 40_000;

/// The first id of `chunk/1`; those of `echo` and `shh` follow.
const BEGIN: u64 = 16;

/// An id of the two slots, or just below or above.
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

/// As [`settings`], for a sub-protocol that is restarted after its end.
fn restarted() -> SlotSettings {
    SlotSettings { on_exit: OnExit::Restart(RestartSettings::default()), ..settings() }
}

/// The bytes of the slot's budget that a message takes.
fn cost(message: &Message) -> usize {
    (message.payload.len() + 64).min(BUDGET)
}

/// The input is a list of actions of the peer, the slots and the clock. In any order of them, messages are delivered to
/// open slots only and within their ranges, the budgets hold, and nothing happens after the end. This runs without
/// `chunk/1`, with it, and with memory for hardly one message. In the end all memory is free.
pub fn connection(data: &[u8]) {
    for (chunked, limit) in [(false, PLENTY), (true, PLENTY), (true, SCARCE)] {
        let memory = MemoryBudget::new(limit);
        run_script(data, chunked, &memory);
        assert_eq!((memory.stats().used, memory.stats().connections), (0, 0));
    }
}

fn run_script(data: &[u8], chunked: bool, memory: &MemoryBudget) {
    let (near, far) = sessions(&SecSettings::off());
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
    let mut run = ScriptRun {
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

/// A connection, its peer, and the expected state of its slots.
struct ScriptRun {
    connection: Connection,
    memory: MemoryBudget,
    peer: Sealer,
    input: BytesMut,
    now: Instant,
    /// The messages that each slot was given and has not taken.
    waiting: Vec<Vec<Message>>,
    ended: Vec<bool>,
}

impl ScriptRun {
    fn step(&mut self, step: u8, argument: &[u8]) {
        let first = argument.first().copied().unwrap_or_default();
        let slot = usize::from(first) % self.waiting.len();
        match step {
            // A message with any code, in the slots, below and above.
            0..=5 => self.peer_sends(u64::from(first), argument),
            // A message that fills the budget.
            6 => self.peer_sends(16 + u64::from(first % 16), &[first; 300]),
            // Bytes that were not sealed.
            7 => self.input.extend_from_slice(argument),
            8 => self.take(slot),
            9 => self.send(slot, u64::from(first), argument),
            10 => self.end(slot, first),
            11 => self.pass(Duration::from_millis(u64::from(first) * 100)),
            12 if first == 0 => self.connection.close(DisconnectReason::Requested),
            // A message that is sent in pieces, if possible.
            12 => self.send(slot, u64::from(first % 8), &[first; LARGE]),
            // With `chunk/1`: the begin of a message in pieces, a piece, and its cancellation.
            13 => self.peer_sends(BEGIN, &begin(argument)),
            14 => self.peer_sends(BEGIN + 1, &more(argument)),
            _ => self.peer_sends(BEGIN + 2, &rlp_codec::encode(&vec![id(first)])),
        }
        self.poll();
    }

    fn peer_sends(&mut self, code: u64, payload: &[u8]) {
        let sealed = self.peer.seal(code, payload, &mut self.input);
        sealed.unwrap_or_else(|error| panic!("a payload within the limit: {error}"));
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
                    assert!(self.ended[slot.0], "an open slot was opened again");
                    self.ended[slot.0] = false;
                    self.waiting[slot.0].clear();
                }
                other => panic!("unexpected event: {other:?}"),
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

    fn send(&mut self, slot: usize, code: u64, payload: &[u8]) {
        let sent = self
            .connection
            .send(SlotId(slot), Message { code, payload: Bytes::copy_from_slice(payload) });
        if self.ended[slot] || self.connection.closed().is_some() || code >= 8 {
            assert!(sent.is_err());
        }
    }

    fn end(&mut self, slot: usize, choice: u8) {
        const REASONS: [SlotEndReason; 4] = [
            SlotEndReason::Returned,
            SlotEndReason::Failed,
            SlotEndReason::Panicked,
            SlotEndReason::Removed,
        ];
        let reason = REASONS[usize::from(choice / 2) % 4];
        self.connection.end_slot(self.now, SlotId(slot), reason);
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
            assert!(slot.queued_in <= BUDGET as u64, "incomplete messages count too");
        }
        assert_eq!(self.connection.poll_timeout().is_none(), self.connection.closed().is_some());
        if self.connection.closed().is_some() {
            assert!(!self.connection.is_reading());
            return;
        }
        let waiting: usize = self.waiting.iter().flatten().map(|m| m.payload.len() + 64).sum();
        let stats = self.memory.stats();
        assert!(
            waiting <= stats.used,
            "{waiting} bytes are waiting, but only {} are counted",
            stats.used
        );
        assert!(stats.used <= stats.limit, "the limit is exceeded");
    }
}
