//! Connections that share a memory budget: which of them wait, which are closed, and that all memory is
//! returned.

use std::time::Instant;

use crate::support::{
    self, SECOND, connect_raw_within, connect_within,
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

/// Queue size of a message of 32 KiB.
const LARGE: usize = 32 * KIB + 64;

/// Two connections that share 400 KiB. Messages of 32 KiB have arrived for the first one until it was not
/// allowed more. None was taken.
fn hog_and_neighbour(now: Instant) -> (MemoryBudget, (End, Raw), (End, Raw)) {
    let memory = MemoryBudget::new(400 * KIB);
    let (mut hog, mut its_peer) = machine_within(&memory, &[SlotSettings::default()], now);
    let neighbour = machine_within(&memory, &[SlotSettings::default()], now);
    for _ in 0..20 {
        its_peer.send(&mut hog, 16, &[7; 32 * KIB]);
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
        peer.send(&mut neighbour, 16, &[second; KIB]);
        let later = now + SECOND / 10 * second.into();
        assert_eq!(neighbour.messages(later).len(), 1);
        neighbour.machine.send(A, message(0, "yes")).unwrap();
        assert_eq!(peer.receive(&mut neighbour).len(), 1);
    }
    assert!(neighbour.machine.is_reading() && !neighbour.machine.is_waiting_for_memory());
    // It takes its messages and gets more.
    hog.machine.release(A, QueueLoad { bytes: 9 * LARGE, items: 9 });
    assert!(!memory.stats().short);
    assert_eq!(hog.messages(now).len(), 8);
    assert_eq!(hog.machine.closed(), None);
}

#[test]
fn a_connection_that_exceeds_its_share_is_closed_after_the_stall_limit() {
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
    let last = its_peer.receive(&mut hog).pop().unwrap();
    assert_eq!(
        (last.0, DisconnectReason::decode(&last.1)),
        (base::DISCONNECT, DisconnectReason::TooManyPeers)
    );
    assert_eq!(hog.machine.stats().slots[0].drops.memory, 9);
    // Its memory is free at once, although the state machine still exists.
    let stats = memory.stats();
    assert!(!stats.short && stats.used <= 48 * KIB, "{stats:?}");
    assert_eq!((stats.disconnected, stats.shortages), (1, 1));
    drop((hog, neighbour));
    assert_eq!(memory.stats().used, 0);
}

#[test]
fn as_few_connections_as_necessary_are_closed_the_largest_first() {
    let now = Instant::now();
    let memory = MemoryBudget::new(1000 * KIB);
    let mut ends: Vec<_> =
        (0..4).map(|_| machine_within(&memory, &[SlotSettings::default()], now)).collect();
    // 320, 352 and 32 KiB, and the last one brings the budget to three quarters.
    for ((end, raw), count) in ends.iter_mut().zip([10, 11, 1]) {
        for _ in 0..count {
            raw.send(end, 16, &[1; 32 * KIB]);
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
    // The other connection continues.
    let (end, raw) = &mut ends[0];
    raw.send(end, 16, b"more");
    assert_eq!(end.messages(late).len(), 1);
}

#[test]
fn a_connection_that_takes_its_messages_is_served_with_any_budget() {
    let now = Instant::now();
    // With a single message it exceeds its share.
    let memory = MemoryBudget::new(24 * KIB);
    let (mut end, mut raw) = machine_within(&memory, &[SlotSettings::default()], now);
    for number in 0..200u8 {
        raw.send(&mut end, 16, &[number; 100]);
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
fn an_incomplete_frame_is_charged_for_the_bytes_that_have_arrived() {
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
            assert!(
                memory.stats().used >= 8 << 20,
                "now it is in the queue of the slot and exceeds its budget"
            );
            end.machine.release(A, QueueLoad { bytes: 2 << 20, items: 1 });
            assert!(memory.stats().used <= 32 * KIB);
            return;
        }
    }
    panic!("the message never came");
}

/// A random action on one of several connections that share a budget.
#[derive(Clone, Debug)]
enum Action {
    Arrive { slot: usize, length: usize },
    Take { slot: usize },
    Send { slot: usize, length: usize },
    Transmit,
    EndSlot { slot: usize },
    Buffers(usize),
    Wait(u64),
    Drop,
}

fn action() -> impl Strategy<Value = (usize, Action)> {
    let action = prop_oneof![
        8 => (0..2usize, 0..20_000usize).prop_map(|(slot, length)| Action::Arrive { slot, length }),
        5 => (0..2usize).prop_map(|slot| Action::Take { slot }),
        5 => (0..2usize, 0..20_000usize).prop_map(|(slot, length)| Action::Send { slot, length }),
        3 => Just(Action::Transmit),
        1 => (0..2usize).prop_map(|slot| Action::EndSlot { slot }),
        2 => (0..60_000usize).prop_map(Action::Buffers),
        2 => (0..7000u64).prop_map(Action::Wait),
        1 => Just(Action::Drop),
    ];
    (0..3usize, action)
}

/// A connection, its raw peer, and the messages that each slot has not taken.
struct Node {
    end: End,
    raw: Raw,
    waiting: [Vec<usize>; 2],
}

impl Node {
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

    /// The least number of bytes that must be charged.
    fn minimum(&self) -> usize {
        if self.end.machine.closed().is_some() {
            return 0;
        }
        self.waiting.iter().flatten().map(|length| length + 64).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn all_memory_is_returned_after_any_actions(
        actions in proptest::collection::vec(action(), 0..150)
    ) {
        let mut now = Instant::now();
        let memory = MemoryBudget::new(150_000);
        let mut nodes: Vec<_> = (0..3).map(|_| Some(Node::new(&memory, now))).collect();
        for (index, action) in actions {
            let Some(this) = &mut nodes[index] else { continue };
            match action {
                Action::Arrive { slot, length } => {
                    this.raw.send(&mut this.end, 16 + 8 * slot as u64, &vec![1; length]);
                }
                Action::Take { slot } => this.take(slot),
                Action::Send { slot, length } => {
                    let _ = this.end.machine.send(SlotId(slot), message(0, vec![2; length]));
                }
                Action::Transmit => drop(this.end.transmit()),
                Action::EndSlot { slot } => {
                    this.end.machine.end_slot(now, SlotId(slot), SlotEndReason::Returned);
                    this.waiting[slot].clear();
                }
                Action::Buffers(bytes) => this.end.machine.set_buffers(bytes),
                Action::Wait(millis) => now += SECOND * u32::try_from(millis).unwrap() / 1000,
                Action::Drop => nodes[index] = None,
            }
            for node in nodes.iter_mut().flatten() {
                node.end.machine.handle_timeout(now);
                node.poll(now);
            }
            let stats = memory.stats();
            let minimum: usize = nodes.iter().flatten().map(Node::minimum).sum();
            prop_assert!(stats.used >= minimum, "{stats:?}, at least {minimum}");
            prop_assert_eq!(stats.connections, nodes.iter().flatten().count());
            let closed = nodes.iter().flatten().any(|p| p.end.machine.closed().is_some());
            prop_assert!(closed || stats.used <= 150_000 + 2 * 20_064, "{stats:?}");
        }
        drop(nodes);
        prop_assert_eq!(memory.stats().used, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn senders_wait_while_memory_is_short() {
    let memory = MemoryBudget::new(256 * KIB);
    let (protocol, mut given) = handed_out("a");
    let hello = hello_of(std::slice::from_ref(&protocol));
    let (_here, mut raw) =
        connect_raw_within(&memory, &[protocol], &hello, Config::default()).await;
    let held = given.recv().await.unwrap();
    // The peer reads nothing, so the queue fills until the connection has its share, 96 KiB.
    let other = memory_taken(&memory, 100 * KIB);
    let payload = support::noise(8 * KIB);
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

/// Another connection, which is charged with `bytes`.
fn memory_taken(memory: &MemoryBudget, bytes: usize) -> End {
    let (mut end, _raw) = machine_within(memory, &[SlotSettings::default()], Instant::now());
    end.machine.set_buffers(bytes);
    end
}

#[tokio::test(start_paused = true)]
async fn only_the_connection_that_exceeds_its_share_is_closed() {
    let memory = MemoryBudget::new(600 * KIB);
    let (deaf, mut given) = handed_out("a");
    let (flood, mut flooding) = handed_out("a");
    let (here, there) = connect_within(&memory, &[deaf], &[flood]).await;
    let (good, quiet) = connect_within(&memory, &[echo()], &[idle("echo", 1)]).await;
    let (held, flooding) = (given.recv().await.unwrap(), flooding.recv().await.unwrap());
    let payload = support::noise(16 * KIB);
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
async fn hostile_peers_stay_within_the_budget_and_an_honest_one_is_served() {
    const BUDGET: usize = 4 << 20;
    const HOSTILE: u64 = 20;
    let memory = MemoryBudget::new(BUDGET);
    let (heard, mut hear) = mpsc::channel(64);
    for _ in 0..HOSTILE {
        tokio::spawn(floods_and_reads_nothing(memory.clone()));
    }
    let (_here, _there) = connect_within(&memory, &[echo()], &[requester(heard)]).await;
    for number in 0..150u64 {
        assert_eq!(hear.recv().await, Some(number));
        let used = memory.stats().used;
        assert!(used <= BUDGET + BUDGET / 10, "{used} bytes at request {number}");
    }
    let stats = memory.stats();
    assert!(stats.disconnected > HOSTILE, "{stats:?}");
}

/// A peer of an echo that sends as fast as it can, reads nothing, and connects again when it is closed.
async fn floods_and_reads_nothing(memory: MemoryBudget) {
    let hello = hello_of(&[echo()]);
    let payload = support::noise(4 * KIB);
    loop {
        let (here, config) = ([echo()], Config::default());
        let connected = connect_raw_within(&memory, &here, &hello, config);
        let (_here, mut raw) = connected.await;
        while raw.write(16, &payload).await.is_ok() && raw.flush().await.is_ok() {}
        tokio::time::sleep(SECOND).await;
    }
}

/// Sends ten numbers a second to an echo, and passes the responses to `heard`.
fn requester(heard: mpsc::Sender<u64>) -> Protocol {
    Protocol::new("echo", 1, 8, move |_, mut channel| {
        let heard = heard.clone();
        async move {
            for number in 0u64.. {
                tokio::time::sleep(SECOND / 10).await;
                channel.send(0, &number).await?;
                let Some(response) = channel.recv().await else { break };
                heard.send(response.decode()?).await?;
            }
            Ok(())
        }
    })
}

#[test]
fn a_budget_of_resident_memory_leaves_room_for_the_allocator() {
    assert_eq!(MemoryBudget::resident(256 << 20).stats().limit, 224 << 20);
}
