//! The machine alone: two of them in one thread, doing anything, with their bytes cut anywhere.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{collections::VecDeque, time::Instant};

use bytes::BytesMut;
use common::{
    ends::{End, chunks, machine_and_raw, message, slots},
    sessions,
};
use p2p_mux::{
    CloseReason, Config, Connection, Event, Message, OnOverload, QueueLimits, QueueLoad,
    SlotEndReason, SlotId, SlotSettings,
};
use proptest::prelude::*;

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
        2 => (0..3usize, 30_000..70_000usize).prop_map(|(slot, length)| Step::Send { slot, length }),
        8 => (1..700usize).prop_map(Step::Move),
        6 => (1..40_000usize).prop_map(Step::Move),
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
    fn new(session: p2p_mux::transport::Session, chunked: bool, now: Instant) -> Self {
        let settings = SlotSettings {
            inbound: QueueLimits { bytes: 1500, items: 4 },
            outbound: 1500,
            on_overload: OnOverload::DropNewest,
            ..SlotSettings::default()
        };
        let slots = slots(&[settings; 3]);
        let machine = Connection::new(session, &slots, &Config::default(), now)
            .with_chunks(chunks(&slots).filter(|_| chunked));
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
        self.end.machine.release(SlotId(slot), QueueLoad { bytes, items: taken });
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
        chunked in any::<bool>(), steps in proptest::collection::vec(step(), 0..200)
    ) {
        let mut now = Instant::now();
        let (a, b) = sessions();
        let (mut a, mut b) = (Side::new(a, chunked, now), Side::new(b, chunked, now));
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
                    this.end.machine.end_slot(now, SlotId(slot), SlotEndReason::Returned);
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
                let blamed = matches!(side.end.machine.closed(), Some(CloseReason::Breach(_)));
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
        let (mut end, _) = machine_and_raw(&[SlotSettings::default()], now);
        end.input.extend_from_slice(&bytes);
        end.events(now);
    }

    #[test]
    fn sound_frames_of_arbitrary_content_never_panic(
        frames in proptest::collection::vec((0..40u64, proptest::collection::vec(any::<u8>(), 0..20)), 0..30)
    ) {
        let now = Instant::now();
        let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default(); 2], now);
        for (code, payload) in frames {
            raw.says(&mut end, code, &payload);
        }
        end.events(now);
        raw.hears(&mut end);
    }
}
