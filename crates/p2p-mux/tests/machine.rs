//! The machine alone: two of them in one thread, or one and a raw peer, on a clock of our own.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{collections::VecDeque, time::Instant};

use bytes::{Bytes, BytesMut};
use common::{SECOND, sessions};
use p2p_mux::{
    Capability, Closed, Config, Connection, Ending, Event, Fault, Limits, Load, Message, Offer,
    OnExit, Overload, Reason, SendError, Shared, SlotId, Terms, base, negotiate,
    transport::{FrameError, Opener, Sealer},
};
use proptest::prelude::*;

const A: SlotId = SlotId(0);
const B: SlotId = SlotId(1);

/// Slots `a/1`, `b/1`, ... of 8 codes each, on these terms: ids from 16, 24, ...
fn slots(terms: &[Terms]) -> Vec<(Shared, Terms)> {
    let offer = |(name, &terms): (u8, &Terms)| Offer {
        capability: Capability::new(char::from(name), 1),
        length: 8,
        terms,
    };
    let offers: Vec<Offer> = (b'a'..=b'z').zip(terms).map(offer).collect();
    let all: Vec<_> = offers.iter().map(|offer| offer.capability.clone()).collect();
    negotiate(&offers, &all).into_iter().zip(terms.iter().copied()).collect()
}

fn message(code: u64, payload: impl Into<Bytes>) -> Message {
    Message { code, payload: payload.into() }
}

/// One end: a machine and the bytes that have come for it.
struct End {
    machine: Connection,
    input: BytesMut,
}

impl End {
    fn events(&mut self, now: Instant) -> Vec<Event> {
        std::iter::from_fn(|| self.machine.poll_event(now, &mut self.input)).collect()
    }

    /// The messages that come out for a slot; there must be no other event.
    fn messages(&mut self, now: Instant) -> Vec<(SlotId, Message)> {
        let message = |event| match event {
            Event::Message { slot, message } => (slot, message),
            other => panic!("{other:?}"),
        };
        self.events(now).into_iter().map(message).collect()
    }

    fn transmit(&mut self) -> BytesMut {
        let mut out = BytesMut::new();
        while self.machine.poll_transmit(&mut out).is_some() {}
        out
    }
}

/// The other end as bare frames.
struct Raw {
    sealer: Sealer,
    opener: Opener,
}

impl Raw {
    fn says(&mut self, end: &mut End, code: u64, payload: &[u8]) {
        self.sealer.seal(code, payload, &mut end.input).unwrap();
    }

    /// Everything that the end has to say.
    fn hears(&mut self, end: &mut End) -> Vec<(u64, Bytes)> {
        let mut wire = end.transmit();
        std::iter::from_fn(|| self.opener.open(&mut wire).unwrap())
            .map(|message| (message.code, message.payload))
            .collect()
    }
}

fn machine_and_raw(terms: &[Terms], now: Instant) -> (End, Raw) {
    let (a, b) = sessions();
    let machine = Connection::new(a, &slots(terms), &Config::default(), now);
    (End { machine, input: BytesMut::new() }, Raw { sealer: b.sealer, opener: b.opener })
}

/// A machine whose slot `a` takes two messages and slot `b` many; `a` has got its two, and a third
/// is held.
fn stalled(overload: Overload, now: Instant) -> (End, Raw) {
    let narrow = Terms { inbound: Limits { bytes: 1000, items: 2 }, overload, ..Terms::default() };
    let (mut end, mut raw) = machine_and_raw(&[narrow, Terms::default()], now);
    for code in 0..3 {
        raw.says(&mut end, 16 + code, b"for a");
    }
    raw.says(&mut end, 24, b"for b");
    assert_eq!(end.messages(now).len(), 2);
    assert_eq!(end.machine.held(), Some(A));
    assert!(!end.machine.is_reading());
    assert_eq!(end.machine.poll_timeout(), Some(now + 5 * SECOND));
    (end, raw)
}

#[test]
fn codes_are_local_on_either_side_of_the_wire() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[Terms::default(); 2], now);
    end.machine.send(A, message(7, "a7")).unwrap();
    end.machine.send(B, message(0, "b0")).unwrap();
    assert_eq!(raw.hears(&mut end), [(23, "a7".into()), (24, "b0".into())]);
    raw.says(&mut end, 23, b"a7");
    raw.says(&mut end, 24, b"b0");
    assert_eq!(end.messages(now), [(A, message(7, "a7")), (B, message(0, "b0"))]);
}

#[test]
fn a_full_slot_holds_one_message_until_there_is_room() {
    let now = Instant::now();
    let (mut end, _raw) = stalled(Overload::CloseSlot, now);
    assert!(end.events(now).is_empty());
    end.machine.release(A, Load { bytes: 69, items: 1 });
    assert_eq!(end.messages(now), [(A, message(2, "for a")), (B, message(0, "for b"))]);
    let stats = end.machine.stats();
    assert_eq!((stats.stalls, stats.slots[0].messages_in, stats.slots[0].queued_in), (1, 3, 138));
    assert_eq!(stats.slots[0].drops.overload, 0);
}

#[test]
fn a_slot_that_stays_full_is_closed_alone() {
    let now = Instant::now();
    let (mut end, mut raw) = stalled(Overload::CloseSlot, now);
    let late = now + 5 * SECOND;
    end.machine.handle_timeout(late - SECOND / 100);
    assert_eq!(end.machine.held(), Some(A), "not yet");
    end.machine.handle_timeout(late);
    raw.says(&mut end, 16, b"for a, which is gone");
    let events = end.events(late);
    let for_b = Event::Message { slot: B, message: message(0, "for b") };
    assert_eq!(events, [Event::Evicted { slot: A }, for_b]);
    assert_eq!(end.machine.send(A, message(0, "")), Err(SendError::Closed));
    assert_eq!(end.machine.send(B, message(0, "")), Ok(()));
    let a = &end.machine.stats().slots[0];
    assert_eq!((a.drops.overload, a.drops.closed, a.exits.overloaded), (1, 1, 1));
    assert_eq!(end.machine.closed(), None);
}

#[test]
fn a_slot_that_drops_stalls_the_others_only_once() {
    let now = Instant::now();
    let (mut end, mut raw) = stalled(Overload::DropNewest, now);
    let late = now + 5 * SECOND;
    end.machine.handle_timeout(late);
    for _ in 0..10 {
        raw.says(&mut end, 16, b"for a, which is full");
        raw.says(&mut end, 24, b"for b");
    }
    assert_eq!(end.messages(late).len(), 11, "all of b's, at once");
    assert_eq!(end.machine.stats().slots[0].drops.overload, 11);
    // Only when half of its room is free again does it get messages.
    end.machine.release(A, Load { bytes: 69, items: 1 });
    raw.says(&mut end, 17, b"again");
    assert_eq!(end.messages(late), [(A, message(1, "again"))]);
    assert_eq!(end.machine.stats().stalls, 1);
}

#[test]
fn a_slot_may_ask_to_end_the_connection_rather_than_lose_messages() {
    let now = Instant::now();
    let (mut end, mut raw) = stalled(Overload::Disconnect, now);
    end.machine.handle_timeout(now + 5 * SECOND);
    assert_eq!(end.machine.closed(), Some(&Closed::ByUs(Reason::Subprotocol)));
    assert_eq!(raw.hears(&mut end), [(base::DISCONNECT, [0xc1, 0x10].as_slice().into())]);
}

#[test]
fn a_stall_is_not_the_silence_of_the_peer() {
    let now = Instant::now();
    let wait = Config { stall_limit: 100 * SECOND, ..Config::default() };
    let (a, mut b) = sessions();
    let narrow = Terms { inbound: Limits { bytes: 1000, items: 1 }, ..Terms::default() };
    let machine = Connection::new(a, &slots(&[narrow]), &wait, now);
    let mut end = End { machine, input: BytesMut::new() };
    b.sealer.seal(16, b"", &mut end.input).unwrap();
    b.sealer.seal(16, b"", &mut end.input).unwrap();
    assert_eq!(end.messages(now).len(), 1);
    end.machine.handle_timeout(now + 99 * SECOND);
    assert_eq!(end.machine.closed(), None);
    end.machine.release(A, Load { bytes: 64, items: 1 });
    assert_eq!(end.messages(now + 99 * SECOND).len(), 1);
    end.machine.handle_timeout(now + 128 * SECOND);
    assert_eq!(end.machine.closed(), None);
    end.machine.handle_timeout(now + 129 * SECOND);
    assert_eq!(end.machine.closed(), Some(&Closed::ByUs(Reason::PingTimeout)));
}

#[test]
fn the_connection_ends_with_its_last_slot_and_what_it_had_to_say() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[Terms::default(); 2], now);
    end.machine.end_slot(now, B, Ending::Returned);
    assert_eq!(end.machine.closed(), None);
    end.machine.send(A, message(3, "last words")).unwrap();
    end.machine.end_slot(now, A, Ending::Returned);
    let said = raw.hears(&mut end);
    assert_eq!(said, [(19, "last words".into()), (base::DISCONNECT, [0xc1, 8].as_slice().into())]);
    assert_eq!(end.machine.closed(), Some(&Closed::ByUs(Reason::Quitting)));
    assert!(end.machine.is_flushed());
    assert_eq!(end.machine.poll_timeout(), None);
}

#[test]
fn the_last_slot_to_end_badly_gives_the_reason() {
    for ending in [Ending::Failed, Ending::Panicked] {
        let now = Instant::now();
        let (mut end, _) = machine_and_raw(&[Terms::default(); 2], now);
        end.machine.end_slot(now, A, ending);
        end.machine.end_slot(now, A, Ending::Returned); // counts once
        end.machine.end_slot(now, B, Ending::Returned);
        assert_eq!(end.machine.closed(), Some(&Closed::ByUs(Reason::Subprotocol)));
        let exits = end.machine.stats().slots[0].exits;
        assert_eq!((exits.returned, exits.failed + exits.panicked), (0, 1));
    }
}

#[test]
fn on_exit_disconnect_is_the_classic_behaviour() {
    let now = Instant::now();
    let on_exit = OnExit::Disconnect(Reason::UselessPeer);
    let (mut end, mut raw) =
        machine_and_raw(&[Terms { on_exit, ..Terms::default() }, Terms::default()], now);
    end.machine.send(B, message(0, "never sent")).unwrap();
    end.machine.end_slot(now, A, Ending::Returned);
    assert_eq!(end.machine.closed(), Some(&Closed::ByUs(Reason::UselessPeer)));
    assert_eq!(raw.hears(&mut end), [(base::DISCONNECT, [0xc1, 3].as_slice().into())]);
    assert_eq!(end.machine.stats().slots[1].drops.unsent, 1);
    assert_eq!(end.machine.send(B, message(0, "")), Err(SendError::Closed));
}

#[test]
fn a_code_beyond_every_slot_is_a_fault_and_the_peer_is_told() {
    let now = Instant::now();
    for code in [32, 0xffff_ffff_ffff_ffff] {
        let (mut end, mut raw) = machine_and_raw(&[Terms::default(); 2], now);
        raw.says(&mut end, 31, b"the last one");
        raw.says(&mut end, code, b"one too far");
        raw.says(&mut end, 16, b"not heard any more");
        assert_eq!(end.messages(now), [(B, message(7, "the last one"))]);
        let fault = Fault::UnknownCode { code };
        assert_eq!(end.machine.closed(), Some(&Closed::Fault(fault)));
        assert_eq!(raw.hears(&mut end), [(base::DISCONNECT, [0xc1, 2].as_slice().into())]);
    }
}

#[test]
fn base_codes_without_a_meaning_are_ignored_and_counted() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[Terms::default()], now);
    for code in [0, 4, 5, 15] {
        raw.says(&mut end, code, b"whatever");
    }
    raw.says(&mut end, 16, b"");
    assert_eq!(end.messages(now).len(), 1);
    assert_eq!(end.machine.stats().base_ignored, 4);
}

#[test]
fn pings_are_answered_asked_and_timed() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[Terms::default()], now);
    raw.says(&mut end, base::PING, &[0xc0]);
    assert!(end.events(now).is_empty());
    assert_eq!(raw.hears(&mut end), [(base::PONG, [0xc0].as_slice().into())]);

    let asked = end.machine.poll_timeout().unwrap();
    assert_eq!(asked, now + 15 * SECOND);
    end.machine.handle_timeout(asked);
    assert_eq!(raw.hears(&mut end), [(base::PING, [0xc0].as_slice().into())]);
    raw.says(&mut end, base::PONG, &[0xc0]);
    assert!(end.events(asked + SECOND).is_empty());
    let stats = end.machine.stats();
    assert_eq!((stats.pings_in, stats.pongs_in, stats.round_trip), (1, 1, Some(SECOND)));
}

#[test]
fn silence_ends_the_connection_after_half_a_minute() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[Terms::default()], now);
    let mut clock = now;
    while end.machine.closed().is_none() {
        clock = end.machine.poll_timeout().unwrap();
        end.machine.handle_timeout(clock);
    }
    assert_eq!(clock, now + 30 * SECOND);
    assert_eq!(end.machine.closed(), Some(&Closed::ByUs(Reason::PingTimeout)));
    let last = raw.hears(&mut end).pop();
    assert_eq!(last, Some((base::DISCONNECT, [0xc1, 0x0b].as_slice().into())));
}

#[test]
fn a_ping_flood_is_a_fault_and_cannot_fill_the_memory_before() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[Terms::default()], now);
    for _ in 0..64 {
        raw.says(&mut end, base::PING, &[0xc0]);
    }
    assert!(end.events(now).is_empty());
    assert_eq!(end.machine.closed(), None);
    assert_eq!(raw.hears(&mut end).len(), 16, "a peer that does not read gets 16 pongs at most");
    assert_eq!(end.machine.stats().pongs_dropped, 48);
    raw.says(&mut end, base::PING, &[0xc0]);
    assert!(end.events(now).is_empty());
    assert_eq!(end.machine.closed(), Some(&Closed::Fault(Fault::PingFlood)));
}

#[test]
fn disconnect_in_every_encoding_with_and_without_snappy() {
    let bodies = [&[0xc1, 0x04][..], &[0x04], &[0x82, 0xc1, 0x04], &[0xc2, 0x04, 0x01]];
    for (snappy_there, snappy_here) in [(false, false), (true, true), (false, true)] {
        for body in bodies {
            let now = Instant::now();
            let (mut a, mut b) = sessions();
            if snappy_here {
                a.opener.enable_snappy();
            }
            if snappy_there {
                b.sealer.enable_snappy();
            }
            let slots = slots(&[Terms::default()]);
            let machine = Connection::new(a, &slots, &Config::default(), now);
            let mut end = End { machine, input: BytesMut::new() };
            b.sealer.seal(base::DISCONNECT, body, &mut end.input).unwrap();
            assert!(end.events(now).is_empty());
            let closed = end.machine.closed();
            assert_eq!(closed, Some(&Closed::ByPeer(Reason::TooManyPeers)), "{body:02x?}");
            assert!(end.transmit().is_empty(), "nothing is left to say");
        }
    }
}

#[test]
fn bad_snappy_and_bad_frames_are_faults() {
    let now = Instant::now();
    let (mut a, mut b) = sessions();
    a.opener.enable_snappy();
    let machine = Connection::new(a, &slots(&[Terms::default()]), &Config::default(), now);
    let mut end = End { machine, input: BytesMut::new() };
    b.sealer.seal(16, b"\xff\xff\xff\x7f bomb", &mut end.input).unwrap();
    assert!(end.events(now).is_empty());
    let closed = end.machine.closed();
    assert!(
        matches!(closed, Some(Closed::Fault(Fault::Frame(FrameError::Snappy { .. })))),
        "{closed:?}"
    );

    let (mut end, mut raw) = machine_and_raw(&[Terms::default()], now);
    raw.says(&mut end, 16, b"to be broken");
    *end.input.last_mut().unwrap() ^= 1;
    assert!(end.events(now).is_empty());
    assert_eq!(end.machine.closed(), Some(&Closed::Fault(Fault::Frame(FrameError::BodyMac))));
    assert_eq!(raw.hears(&mut end), [(base::DISCONNECT, [0xc1, 2].as_slice().into())]);
}

#[test]
fn what_cannot_be_sent_is_refused_with_a_reason() {
    let now = Instant::now();
    let terms = Terms { outbound: 100, ..Terms::default() };
    let (mut end, _) = machine_and_raw(&[terms], now);
    let beyond = SendError::NoSuchCode { code: 8, length: 8 };
    assert_eq!(end.machine.send(A, message(8, "")), Err(beyond));
    let huge = Bytes::from(vec![0; p2p_mux::MAX_MESSAGE + 1]);
    let too_large = SendError::TooLarge { length: huge.len() };
    assert_eq!(end.machine.send(A, message(0, huge)), Err(too_large));
    assert_eq!(end.machine.send(A, message(0, "x")), Ok(()));
    assert_eq!(end.machine.send(A, message(0, "x")), Err(SendError::Full));
    assert_eq!(end.machine.send(B, message(0, "")), Err(SendError::Closed), "no such slot");
}

/// What one of two ends does next.
#[derive(Clone, Debug)]
enum Step {
    Send {
        slot: usize,
        length: usize,
    },
    /// Moves this many bytes from here to there.
    Move(usize),
    Take {
        slot: usize,
    },
    EndSlot {
        slot: usize,
    },
    Wait(u64),
}

fn step() -> impl Strategy<Value = (bool, Step)> {
    let step = prop_oneof![
        6 => (0..3usize, 0..600usize).prop_map(|(slot, length)| Step::Send { slot, length }),
        8 => (1..700usize).prop_map(Step::Move),
        4 => (0..3usize).prop_map(|slot| Step::Take { slot }),
        1 => (0..3usize).prop_map(|slot| Step::EndSlot { slot }),
        1 => (0..4000u64).prop_map(Step::Wait),
    ];
    (any::<bool>(), step)
}

/// One end with everything that the property has to know about it.
struct Side {
    end: End,
    wire: BytesMut,
    /// What was sent and has not arrived, by slot.
    under_way: [VecDeque<Message>; 3],
    /// What has arrived and was not taken, by slot.
    arrived: [Vec<Message>; 3],
    open: [bool; 3],
    sent: u64,
}

impl Side {
    fn new(session: p2p_mux::transport::Session, now: Instant) -> Self {
        let terms = Terms {
            inbound: Limits { bytes: 1500, items: 4 },
            outbound: 1500,
            overload: Overload::DropNewest,
            ..Terms::default()
        };
        let machine = Connection::new(session, &slots(&[terms; 3]), &Config::default(), now);
        Self {
            end: End { machine, input: BytesMut::new() },
            wire: BytesMut::new(),
            under_way: Default::default(),
            arrived: Default::default(),
            open: [true; 3],
            sent: 0,
        }
    }

    fn send(&mut self, slot: usize, length: usize) {
        self.sent += 1;
        let mut payload = vec![0xaa; length + 8];
        payload[..8].copy_from_slice(&self.sent.to_be_bytes());
        let message = message(self.sent % 8, payload);
        if self.end.machine.send(SlotId(slot), message.clone()).is_ok() {
            self.under_way[slot].push_back(message);
        }
    }

    fn take(&mut self, slot: usize) {
        let taken = self.arrived[slot].len();
        let bytes = self.arrived[slot].drain(..).map(|message| message.payload.len() + 64).sum();
        self.end.machine.release(SlotId(slot), Load { bytes, items: taken });
    }

    /// Lets in what has come from `other`, and checks that it is what was sent, in order; a slot
    /// that drops may miss some.
    fn receive(&mut self, other: &mut Self, now: Instant) {
        for event in self.end.events(now) {
            let Event::Message { slot, message } = event else { panic!("{event:?}") };
            assert!(self.open[slot.0], "a message for a closed slot");
            let sent = &mut other.under_way[slot.0];
            let place = sent.iter().position(|sent| *sent == message).expect("was sent, once");
            sent.drain(..=place);
            self.arrived[slot.0].push(message);
            assert!(self.arrived[slot.0].len() <= 4, "more than the budget");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn two_ends_agree_whatever_they_do_and_however_the_bytes_are_cut(
        steps in proptest::collection::vec(step(), 0..200)
    ) {
        let mut now = Instant::now();
        let (a, b) = sessions();
        let (mut a, mut b) = (Side::new(a, now), Side::new(b, now));
        for (first, step) in steps {
            let (this, other) = if first { (&mut a, &mut b) } else { (&mut b, &mut a) };
            match step {
                Step::Send { slot, length } => this.send(slot, length),
                Step::Move(most) => {
                    while this.wire.len() < most
                        && this.end.machine.poll_transmit(&mut this.wire).is_some() {}
                    let moved = this.wire.split_to(most.min(this.wire.len()));
                    other.end.input.extend_from_slice(&moved);
                    other.receive(this, now);
                }
                Step::Take { slot } => {
                    this.take(slot);
                    this.receive(other, now);
                }
                Step::EndSlot { slot } => {
                    this.open[slot] = false;
                    this.end.machine.end_slot(now, SlotId(slot), Ending::Returned);
                }
                Step::Wait(millis) => {
                    now += std::time::Duration::from_millis(millis);
                    this.end.machine.handle_timeout(now);
                    other.end.machine.handle_timeout(now);
                    this.receive(other, now);
                    other.receive(this, now);
                }
            }
            for side in [&a, &b] {
                let blamed = matches!(side.end.machine.closed(), Some(Closed::Fault(_)));
                prop_assert!(!blamed, "{:?}", side.end.machine.closed());
                for slot in side.end.machine.stats().slots {
                    prop_assert!(slot.queued_in <= 1500 && slot.queued_out <= 1500);
                }
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let now = Instant::now();
        let (mut end, _) = machine_and_raw(&[Terms::default()], now);
        end.input.extend_from_slice(&bytes);
        end.events(now);
    }

    #[test]
    fn sound_frames_of_arbitrary_content_never_panic(
        frames in proptest::collection::vec((0..40u64, proptest::collection::vec(any::<u8>(), 0..20)), 0..30)
    ) {
        let now = Instant::now();
        let (mut end, mut raw) = machine_and_raw(&[Terms::default(); 2], now);
        for (code, payload) in frames {
            raw.says(&mut end, code, &payload);
        }
        end.events(now);
        raw.hears(&mut end);
    }
}
