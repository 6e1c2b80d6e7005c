//! Two state machines that do random things, with the bytes between them split at random places.

use std::{collections::VecDeque, time::Instant};

use crate::support::{
    ends::{End, chunks, machine_and_raw, message, slots},
    sessions,
};
use bytes::BytesMut;
use p2p_mux::{
    CloseReason, Config, Connection, Event, Message, OnOverload, QueueLimits, QueueLoad,
    SlotEndReason, SlotId, SlotSettings,
};
use proptest::prelude::*;

/// A random action of one of two ends.
#[derive(Clone, Debug)]
enum Action {
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

fn action() -> impl Strategy<Value = (bool, Action)> {
    let action = prop_oneof![
        6 => (0..3usize, 0..600usize).prop_map(|(slot, length)| Action::Send { slot, length }),
        2 => (0..3usize, 30_000..70_000usize).prop_map(|(slot, length)| Action::Send { slot, length }),
        8 => (1..700usize).prop_map(Action::Move),
        6 => (1..40_000usize).prop_map(Action::Move),
        4 => (0..3usize).prop_map(|slot| Action::Take { slot }),
        1 => (0..3usize).prop_map(|slot| Action::EndSlot { slot }),
        1 => (0..4000u64).prop_map(Action::Wait),
    ];
    (any::<bool>(), action)
}

/// One end with its expected state.
struct Side {
    end: End,
    wire: BytesMut,
    /// Sent messages that have not arrived, by slot.
    under_way: [VecDeque<Message>; 3],
    /// Messages that have arrived and were not taken, by slot.
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

    /// Receives the messages of `other`, and checks that they were sent in this order. Some may be
    /// missing, because a full slot drops them.
    fn receive(&mut self, other: &mut Self, now: Instant) {
        for event in self.end.events(now) {
            let Event::Message { slot, message } = event else { panic!("{event:?}") };
            assert!(self.open[slot.0], "a message for a closed slot");
            let sent = &mut other.under_way[slot.0];
            let index =
                sent.iter().position(|sent| *sent == message).expect("a message that was sent");
            sent.drain(..=index);
            self.arrived[slot.0].push(message);
            assert!(self.arrived[slot.0].len() <= 4, "more than the budget");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn messages_arrive_in_order_for_all_actions_and_all_splits(
        chunked in any::<bool>(), actions in proptest::collection::vec(action(), 0..200)
    ) {
        let mut now = Instant::now();
        let (a, b) = sessions();
        let (mut a, mut b) = (Side::new(a, chunked, now), Side::new(b, chunked, now));
        for (first, action) in actions {
            let (this, other) = if first { (&mut a, &mut b) } else { (&mut b, &mut a) };
            match action {
                Action::Send { slot, length } => this.send(slot, length),
                Action::Move(limit) => {
                    while this.wire.len() < limit
                        && this.end.machine.poll_transmit(&mut this.wire).is_some() {}
                    let moved = this.wire.split_to(limit.min(this.wire.len()));
                    other.end.input.extend_from_slice(&moved);
                    other.receive(this, now);
                }
                Action::Take { slot } => {
                    this.take(slot);
                    this.receive(other, now);
                }
                Action::EndSlot { slot } => {
                    this.open[slot] = false;
                    this.end.machine.end_slot(now, SlotId(slot), SlotEndReason::Returned);
                }
                Action::Wait(millis) => {
                    now += std::time::Duration::from_millis(millis);
                    this.end.machine.handle_timeout(now);
                    other.end.machine.handle_timeout(now);
                    this.receive(other, now);
                    other.receive(this, now);
                }
            }
            for side in [&a, &b] {
                let breach = matches!(side.end.machine.closed(), Some(CloseReason::Breach(_)));
                prop_assert!(!breach, "{:?}", side.end.machine.closed());
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
    fn valid_frames_with_arbitrary_content_never_panic(
        frames in proptest::collection::vec((0..40u64, proptest::collection::vec(any::<u8>(), 0..20)), 0..30)
    ) {
        let now = Instant::now();
        let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default(); 2], now);
        for (code, payload) in frames {
            raw.send(&mut end, code, &payload);
        }
        end.events(now);
        raw.receive(&mut end);
    }
}
