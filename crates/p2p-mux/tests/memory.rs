//! Connections that share one memory budget: who waits, who goes, and that all comes back.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::Instant;

use common::{
    SECOND, connect_raw_within, connect_within,
    ends::{End, Raw, machine_within, message},
    handed_out, hello_of, idle,
};
use p2p_mux::{
    CloseReason, Config, DisconnectReason, Event, Exit, MemoryBudget, OnOverload, Protocol,
    QueueLimits, QueueLoad, SendError, SlotEndReason, SlotId, SlotSettings, base,
};
use proptest::prelude::*;
use tokio::sync::mpsc;

const A: SlotId = SlotId(0);
const KIB: usize = 1024;

/// What a message of 32 KiB weighs.
const LARGE: usize = 32 * KIB + 64;

/// Two connections that share 400 KiB. The first has been sent messages of 32 KiB, of which nobody
/// takes any, until it was not allowed more.
fn hog_and_neighbour(now: Instant) -> (MemoryBudget, (End, Raw), (End, Raw)) {
    let memory = MemoryBudget::new(400 * KIB);
    let (mut hog, mut its_peer) = machine_within(&memory, &[SlotSettings::default()], now);
    let neighbour = machine_within(&memory, &[SlotSettings::default()], now);
    for _ in 0..20 {
        its_peer.says(&mut hog, 16, &[7; 32 * KIB]);
    }
    let handed_over = hog.messages(now).len();
    // Three quarters of the budget, less the two connections themselves.
    assert_eq!(handed_over, (300 - 32) / 32 + 1);
    assert!(memory.stats().short && hog.machine.is_waiting_for_memory());
    (memory, (hog, its_peer), neighbour)
}

#[test]
fn who_has_more_than_its_share_waits_while_its_neighbour_is_served() {
    let now = Instant::now();
    let (memory, (mut hog, _its_peer), (mut neighbour, mut peer)) = hog_and_neighbour(now);
    assert!(!hog.machine.is_reading());
    assert!(hog.events(now).is_empty());
    assert_eq!(hog.machine.send(A, message(0, "no")), Err(SendError::Full));
    assert_eq!(hog.machine.stats().memory_waits, 1);
    for second in 1..20u8 {
        peer.says(&mut neighbour, 16, &[second; KIB]);
        let later = now + SECOND / 10 * second.into();
        assert_eq!(neighbour.messages(later).len(), 1);
        neighbour.machine.send(A, message(0, "yes")).unwrap();
        assert_eq!(peer.hears(&mut neighbour).len(), 1);
    }
    assert!(neighbour.machine.is_reading() && !neighbour.machine.is_waiting_for_memory());
    // It takes its messages at last, and gets more.
    hog.machine.release(A, QueueLoad { bytes: 9 * LARGE, items: 9 });
    assert!(!memory.stats().short);
    assert_eq!(hog.messages(now).len(), 8);
    assert_eq!(hog.machine.closed(), None);
}

#[test]
fn who_does_not_come_down_to_its_share_is_cut_after_the_stall_limit() {
    let now = Instant::now();
    let (memory, (mut hog, mut its_peer), (neighbour, _peer)) = hog_and_neighbour(now);
    let due = now + 5 * SECOND;
    assert_eq!(hog.machine.poll_timeout(), Some(due));
    hog.machine.handle_timeout(due - SECOND / 1000);
    assert_eq!(hog.machine.closed(), None);
    hog.machine.handle_timeout(due);
    let closed = hog.machine.closed().cloned();
    let Some(CloseReason::ExceededShare { held, share }) = closed else { panic!("{closed:?}") };
    assert!(held >= 9 * LARGE && share == 150 * KIB);
    let last = its_peer.hears(&mut hog).pop().unwrap();
    assert_eq!(
        (last.0, DisconnectReason::decode(&last.1)),
        (base::DISCONNECT, DisconnectReason::TooManyPeers)
    );
    assert_eq!(hog.machine.stats().slots[0].drops.memory, 9);
    // What it had is free at once, though the machine is still there.
    let stats = memory.stats();
    assert!(!stats.short && stats.used <= 48 * KIB, "{stats:?}");
    assert_eq!((stats.disconnected, stats.shortages), (1, 1));
    drop((hog, neighbour));
    assert_eq!(memory.stats().used, 0);
}

#[test]
fn of_several_only_as_many_as_must_are_cut_the_largest_first() {
    let now = Instant::now();
    let memory = MemoryBudget::new(1000 * KIB);
    let mut ends: Vec<_> =
        (0..4).map(|_| machine_within(&memory, &[SlotSettings::default()], now)).collect();
    // 320, 352 and 32 KiB, and the last one brings the budget to three quarters.
    for ((end, raw), count) in ends.iter_mut().zip([10, 11, 1]) {
        for _ in 0..count {
            raw.says(end, 16, &[1; 32 * KIB]);
        }
        assert_eq!(end.messages(now).len(), count);
    }
    assert!(memory.stats().short);
    let late = now + 5 * SECOND;
    for (end, _) in &mut ends {
        end.machine.handle_timeout(now);
    }
    for (end, _) in &mut ends {
        end.machine.handle_timeout(late);
    }
    let closed: Vec<bool> = ends.iter().map(|(end, _)| end.machine.closed().is_some()).collect();
    assert_eq!(closed, [false, true, false, false]);
    assert!(!memory.stats().short);
    // The other goes on where it was.
    let (end, raw) = &mut ends[0];
    raw.says(end, 16, b"more");
    assert_eq!(end.messages(late).len(), 1);
}

#[test]
fn who_takes_what_comes_is_served_however_little_there_is() {
    let now = Instant::now();
    // With a single message it has more than its share.
    let memory = MemoryBudget::new(24 * KIB);
    let (mut end, mut raw) = machine_within(&memory, &[SlotSettings::default()], now);
    for number in 0..200u8 {
        raw.says(&mut end, 16, &[number; 100]);
    }
    for number in 0..200 {
        let now = now + SECOND * number / 10;
        let event = end.machine.poll_event(now, &mut end.input);
        let Some(Event::Message { slot, message }) = event else { panic!("{number}: {event:?}") };
        assert_eq!(message.payload[0], u8::try_from(number).unwrap());
        assert!(end.events(now).is_empty(), "one at a time");
        assert!(end.machine.is_waiting_for_memory());
        end.machine.release(slot, QueueLoad { bytes: 164, items: 1 });
    }
}

#[test]
fn a_message_under_way_is_charged_as_it_comes_and_not_as_it_claims() {
    let now = Instant::now();
    let memory = MemoryBudget::new(64 << 20);
    let (mut end, mut raw) = machine_within(&memory, &[SlotSettings::default()], now);
    let mut wire = bytes::BytesMut::new();
    raw.sealer.seal(16, &[0; 8 << 20], &mut wire).unwrap();
    for part in wire.chunks(256 * KIB) {
        end.input.extend_from_slice(part);
        end.machine.set_buffers(end.input.capacity());
        let held = memory.stats().used;
        assert!(held >= end.input.len() && held <= 2 * end.input.len() + 64 * KIB, "{held}");
        if end.events(now).len() == 1 {
            end.machine.set_buffers(0);
            assert!(memory.stats().used >= 8 << 20, "now it waits in the slot, beyond its budget");
            end.machine.release(A, QueueLoad { bytes: 2 << 20, items: 1 });
            assert!(memory.stats().used <= 32 * KIB);
            return;
        }
    }
    panic!("the message never came");
}

/// What somebody does to one of several connections that share a budget.
#[derive(Clone, Debug)]
enum Step {
    Arrive { slot: usize, length: usize },
    Take { slot: usize },
    Send { slot: usize, length: usize },
    Transmit,
    EndSlot { slot: usize },
    Buffers(usize),
    Wait(u64),
    Drop,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        8 => (0..2usize, 0..20_000usize).prop_map(|(slot, length)| Step::Arrive { slot, length }),
        5 => (0..2usize).prop_map(|slot| Step::Take { slot }),
        5 => (0..2usize, 0..20_000usize).prop_map(|(slot, length)| Step::Send { slot, length }),
        3 => Just(Step::Transmit),
        1 => (0..2usize).prop_map(|slot| Step::EndSlot { slot }),
        2 => (0..60_000usize).prop_map(Step::Buffers),
        2 => (0..7000u64).prop_map(Step::Wait),
        1 => Just(Step::Drop),
    ];
    (0..3usize, step)
}

/// A connection, the peer's end, and what each of its slots has not taken.
struct Party {
    end: End,
    raw: Raw,
    waiting: [Vec<usize>; 2],
}

impl Party {
    fn new(memory: &MemoryBudget, now: Instant) -> Self {
        let settings = |on_overload| SlotSettings {
            inbound: QueueLimits { bytes: 30_000, items: 5 },
            outbound: 10_000,
            on_overload,
            ..SlotSettings::default()
        };
        let settings = [settings(OnOverload::DropNewest), settings(OnOverload::CloseSlot)];
        let (end, raw) = machine_within(memory, &settings, now);
        Self { end, raw, waiting: Default::default() }
    }

    fn poll(&mut self, now: Instant) {
        for event in self.end.events(now) {
            match event {
                Event::Message { slot, message } => {
                    self.waiting[slot.0].push(message.payload.len());
                }
                Event::Evicted { slot } => self.waiting[slot.0].clear(),
                other => panic!("{other:?}"),
            }
        }
    }

    fn take(&mut self, slot: usize) {
        let waiting = std::mem::take(&mut self.waiting[slot]);
        let bytes = waiting.iter().map(|length| (length + 64).min(30_000)).sum();
        self.end.machine.release(SlotId(slot), QueueLoad { bytes, items: waiting.len() });
    }

    /// What must be on the books, at least.
    fn known(&self) -> usize {
        if self.end.machine.closed().is_some() {
            return 0;
        }
        self.waiting.iter().flatten().map(|length| length + 64).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn all_comes_back_whatever_the_connections_do(
        steps in proptest::collection::vec(step(), 0..150)
    ) {
        let mut now = Instant::now();
        let memory = MemoryBudget::new(150_000);
        let mut parties: Vec<_> = (0..3).map(|_| Some(Party::new(&memory, now))).collect();
        for (party, step) in steps {
            let Some(this) = &mut parties[party] else { continue };
            match step {
                Step::Arrive { slot, length } => {
                    this.raw.says(&mut this.end, 16 + 8 * slot as u64, &vec![1; length]);
                }
                Step::Take { slot } => this.take(slot),
                Step::Send { slot, length } => {
                    let _ = this.end.machine.send(SlotId(slot), message(0, vec![2; length]));
                }
                Step::Transmit => drop(this.end.transmit()),
                Step::EndSlot { slot } => {
                    this.end.machine.end_slot(now, SlotId(slot), SlotEndReason::Returned);
                    this.waiting[slot].clear();
                }
                Step::Buffers(bytes) => this.end.machine.set_buffers(bytes),
                Step::Wait(millis) => now += SECOND * u32::try_from(millis).unwrap() / 1000,
                Step::Drop => parties[party] = None,
            }
            for party in parties.iter_mut().flatten() {
                party.end.machine.handle_timeout(now);
                party.poll(now);
            }
            let stats = memory.stats();
            let known: usize = parties.iter().flatten().map(Party::known).sum();
            prop_assert!(stats.used >= known, "{stats:?}, {known} known");
            prop_assert_eq!(stats.connections, parties.iter().flatten().count());
            let condemned = parties.iter().flatten().any(|p| p.end.machine.closed().is_some());
            prop_assert!(condemned || stats.used <= 150_000 + 2 * 20_064, "{stats:?}");
        }
        drop(parties);
        prop_assert_eq!(memory.stats().used, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn senders_wait_while_memory_is_short_and_go_on_when_it_is_not() {
    let memory = MemoryBudget::new(256 * KIB);
    let (protocol, mut given) = handed_out("a");
    let hello = hello_of(std::slice::from_ref(&protocol));
    let (_here, mut raw) =
        connect_raw_within(&memory, &[protocol], &hello, Config::default()).await;
    let held = given.recv().await.unwrap();
    // The peer reads nothing, so the queue fills until the connection has its share, 96 KiB.
    let other = memory_taken(&memory, 100 * KIB);
    let payload = common::noise(8 * KIB);
    let sender = held.channel.sender();
    let sending = tokio::spawn(async move {
        for _ in 0..64 {
            sender.send_raw(0, payload.clone()).await?;
        }
        Ok::<_, SendError>(())
    });
    tokio::time::sleep(SECOND).await;
    assert!(memory.stats().short && !sending.is_finished());
    let refused = held.channel.sender().try_send_raw(0, vec![0; 10]);
    assert_eq!(refused, Err(SendError::Full));
    assert!(memory.stats().used <= 256 * KIB);
    // The peer reads again.
    drop(other);
    for _ in 0..64 {
        assert_eq!(raw.read().await.unwrap().unwrap().payload.len(), 8 * KIB);
    }
    sending.await.unwrap().unwrap();
}

/// Somebody else's connection, on the books of which are so many bytes.
fn memory_taken(memory: &MemoryBudget, bytes: usize) -> End {
    let (mut end, _raw) = machine_within(memory, &[SlotSettings::default()], Instant::now());
    end.machine.set_buffers(bytes);
    end
}

#[tokio::test(start_paused = true)]
async fn a_sub_protocol_that_does_not_take_its_messages_is_cut_for_memory_alone() {
    let memory = MemoryBudget::new(600 * KIB);
    let (deaf, mut given) = handed_out("a");
    let (flood, mut flooding) = handed_out("a");
    let (here, there) = connect_within(&memory, &[deaf], &[flood]).await;
    let (good, quiet) = connect_within(&memory, &[echo()], &[idle("echo", 1)]).await;
    let (held, flooding) = (given.recv().await.unwrap(), flooding.recv().await.unwrap());
    let payload = common::noise(16 * KIB);
    let start = tokio::time::Instant::now();
    tokio::spawn(
        async move { while flooding.channel.send_raw(0, payload.clone()).await.is_ok() {} },
    );
    let closed = here.closed().await;
    assert!(matches!(closed, CloseReason::ExceededShare { .. }), "{closed:?}");
    assert_eq!(closed.reason(), Some(DisconnectReason::TooManyPeers));
    assert!(start.elapsed() >= 5 * SECOND && start.elapsed() < 8 * SECOND);
    assert_eq!(there.closed().await, CloseReason::ByPeer(DisconnectReason::TooManyPeers));
    assert!(!good.peer.is_closed() && !quiet.peer.is_closed());
    let stats = memory.stats();
    assert_eq!((stats.disconnected, stats.connections), (1, 1));
    drop(held);
    good.stop.cancel();
    good.closed().await;
    assert_eq!(memory.stats().used, 0);
}

fn echo() -> Protocol {
    Protocol::new("echo", 1, 8, |_, mut channel| async move {
        while let Some(message) = channel.recv().await {
            channel.send_raw(message.code, message.payload).await?;
        }
        Ok::<_, Exit>(())
    })
}

#[tokio::test(start_paused = true)]
async fn peers_that_flood_and_read_nothing_keep_within_the_budget_and_honest_ones_are_served() {
    const BUDGET: usize = 4 << 20;
    const HOSTILE: u64 = 20;
    let memory = MemoryBudget::new(BUDGET);
    let (heard, mut hear) = mpsc::channel(64);
    for _ in 0..HOSTILE {
        tokio::spawn(floods_and_reads_nothing(memory.clone()));
    }
    let (_here, _there) = connect_within(&memory, &[echo()], &[asker(heard)]).await;
    for number in 0..150u64 {
        assert_eq!(hear.recv().await, Some(number));
        let used = memory.stats().used;
        assert!(used <= BUDGET + BUDGET / 10, "{used} bytes at question {number}");
    }
    let stats = memory.stats();
    assert!(stats.disconnected > HOSTILE, "{stats:?}");
}

/// A peer of an echo that sends as fast as it can, reads nothing, and comes again when it is cut.
async fn floods_and_reads_nothing(memory: MemoryBudget) {
    let hello = hello_of(&[echo()]);
    let payload = common::noise(4 * KIB);
    loop {
        let (here, config) = ([echo()], Config::default());
        let connected = connect_raw_within(&memory, &here, &hello, config);
        let (_here, mut raw) = connected.await;
        while raw.write(16, &payload).await.is_ok() && raw.flush().await.is_ok() {}
        tokio::time::sleep(SECOND).await;
    }
}

/// Asks an echo one number after the other, ten a second, and tells what came back.
fn asker(heard: mpsc::Sender<u64>) -> Protocol {
    Protocol::new("echo", 1, 8, move |_, mut channel| {
        let heard = heard.clone();
        async move {
            for number in 0u64.. {
                tokio::time::sleep(SECOND / 10).await;
                channel.send(0, &number).await?;
                let Some(answer) = channel.recv().await else { break };
                heard.send(answer.decode()?).await?;
            }
            Ok(())
        }
    })
}

#[test]
fn a_budget_of_resident_memory_leaves_room_for_the_allocator() {
    assert_eq!(MemoryBudget::resident(256 << 20).stats().limit, 224 << 20);
}
