//! A sub-protocol that has ended is restarted, and the other slots are not disturbed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::support::{
    Held, SECOND, connect, connect_over,
    ends::{machine_and_raw, message},
    handed_out, idle,
};
use bytes::Bytes;
use p2p_mux::{
    Config, DisconnectReason, Event, Exit, OnExit, OnOverload, Protocol, QueueLimits,
    RestartSettings, SendError, SlotEndReason, SlotId, SlotSettings,
};

const A: SlotId = SlotId(0);
const B: SlotId = SlotId(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A restart that always happens after `delay`.
fn always_after(delay: Duration) -> OnExit {
    OnExit::Restart(RestartSettings {
        first_delay: delay,
        factor: 1,
        max_delay: delay,
        healthy_after: Duration::MAX,
    })
}

fn restarted() -> SlotSettings {
    SlotSettings { on_exit: always_after(SECOND), ..SlotSettings::default() }
}

#[test]
fn a_slot_reopens_after_the_delay_and_drops_messages_until_then() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[restarted(), SlotSettings::default()], now);
    end.machine.send(A, message(1, "before the end")).unwrap();
    end.machine.end_slot(now, A, SlotEndReason::Panicked);
    assert_eq!(end.machine.send(A, message(1, "")), Err(SendError::Closed));
    assert_eq!(raw.receive(&mut end), [(17, "before the end".into())]);
    assert_eq!(end.machine.poll_timeout(), Some(now + SECOND));
    raw.send(&mut end, 16, b"during the delay");
    raw.send(&mut end, 24, b"for the other");
    assert_eq!(end.messages(now), [(B, message(0, "for the other"))]);

    let due = now + SECOND;
    end.machine.handle_timeout(due);
    raw.send(&mut end, 18, b"reopened");
    let first = Event::Message { slot: A, message: message(2, "reopened") };
    assert_eq!(end.events(due), [Event::Reopened { slot: A }, first]);
    end.machine.send(A, message(3, "yes")).unwrap();
    assert_eq!(raw.receive(&mut end), [(19, "yes".into())]);
    let stats = &end.machine.stats().slots[0];
    assert_eq!((stats.restarts, stats.exits.panicked, stats.drops.closed), (1, 1, 1));
}

#[test]
fn the_connection_does_not_end_while_its_last_slot_waits_for_its_restart() {
    let now = Instant::now();
    let (mut end, _) = machine_and_raw(&[restarted(), SlotSettings::default()], now);
    end.machine.end_slot(now, B, SlotEndReason::Returned);
    end.machine.end_slot(now, A, SlotEndReason::Returned);
    assert_eq!(end.machine.closed(), None);
    end.machine.close(DisconnectReason::Quitting);
    assert_eq!(end.machine.poll_timeout(), None);
    assert!(end.events(now + 2 * SECOND).is_empty(), "a slot reopened after the end");
}

#[test]
fn a_new_run_has_an_empty_inbound_queue_and_the_outbound_queue_of_the_old_run() {
    let now = Instant::now();
    let inbound = QueueLimits { bytes: 1000, items: 2 };
    let settings =
        SlotSettings { inbound, on_overload: OnOverload::DropNewest, outbound: 200, ..restarted() };
    let (mut end, mut raw) = machine_and_raw(&[settings], now);
    end.machine.send(A, message(0, "the old run")).unwrap();
    for _ in 0..3 {
        raw.send(&mut end, 16, b"x");
    }
    assert_eq!(end.messages(now).len(), 2);
    assert_eq!(end.machine.held(), Some(A));
    end.machine.end_slot(now, A, SlotEndReason::Failed);
    assert!(end.machine.is_reading(), "the held message is dropped");

    let due = now + SECOND;
    for _ in 0..2 {
        raw.send(&mut end, 16, b"y");
    }
    assert_eq!(end.events(due).len(), 3, "the reopening and two messages");
    assert_eq!(end.machine.queued_out(A), 75);
    assert_eq!(end.machine.send(A, message(0, Bytes::from(vec![0; 100]))), Err(SendError::Full));
    end.machine.send(A, message(0, Bytes::from(vec![0; 50]))).unwrap();
}

/// Sends consecutive numbers, one every five milliseconds, and checks that those of the other end are
/// consecutive.
fn counter(name: &'static str, sent: Arc<AtomicU64>, heard: Arc<AtomicU64>) -> Protocol {
    Protocol::new(name, 1, 1, move |_, channel| {
        let (sent, heard) = (sent.clone(), heard.clone());
        let (sender, mut receiver) = channel.split();
        async move {
            let speak = async {
                loop {
                    sender.send(0, &sent.load(Relaxed)).await?;
                    sent.fetch_add(1, Relaxed);
                    tokio::time::sleep(5 * MILLISECOND).await;
                }
            };
            let listen = async {
                while let Some(message) = receiver.recv().await {
                    let next = heard.fetch_add(1, Relaxed);
                    assert_eq!(message.decode::<u64>(), Ok(next), "lost or out of order");
                }
                Ok::<(), Exit>(())
            };
            tokio::select! { end = speak => end, end = listen => end }
        }
    })
}

/// Ends at its first message: in turn it returns, fails and panics.
fn mayfly() -> Protocol {
    let runs = AtomicU64::new(0);
    Protocol::new("mayfly", 1, 1, move |_, mut channel| {
        let run = runs.fetch_add(1, Relaxed);
        async move {
            channel.send(0, "I live").await?;
            channel.recv().await;
            match run % 3 {
                0 => Ok(()),
                1 => Err(Exit::unexpected(run)),
                _ => panic!("on purpose, in a test"),
            }
        }
    })
    .on_exit(always_after(MILLISECOND))
}

#[tokio::test(start_paused = true)]
async fn a_thousand_restarts_of_one_do_not_disturb_the_other_seven() {
    const NAMES: [&str; 7] = ["a", "b", "c", "d", "x", "y", "z"];
    let counts: [_; 28] = std::array::from_fn(|_| Arc::new(AtomicU64::new(0)));
    let counters = |here: usize| -> Vec<_> {
        let counter = |(at, name)| {
            let of: &[_; 4] = counts[4 * at..].first_chunk().unwrap();
            counter(name, of[here].clone(), of[2 + here].clone())
        };
        NAMES.into_iter().enumerate().map(counter).collect()
    };
    let hunter = Protocol::new("mayfly", 1, 1, |_, channel| async move {
        // Its messages are dropped, because a dropped receiver does not stall the others.
        let (sender, _) = channel.split();
        loop {
            sender.send(0, "die").await?;
            tokio::time::sleep(MILLISECOND).await;
        }
    });
    let (mut here, mut there) = (counters(0), counters(1));
    here.push(mayfly());
    there.push(hunter);
    let (here, there) = connect(&here, &there).await;
    let mayfly = here.peer.shared().iter().position(|shared| shared.name == "mayfly").unwrap();
    let of_mayfly = || here.peer.stats().slots[mayfly].clone();
    while of_mayfly().restarts < 1000 {
        tokio::time::sleep(MILLISECOND).await;
    }
    let exits = of_mayfly().exits;
    assert!([exits.returned, exits.failed, exits.panicked].iter().all(|&each| each >= 333));
    assert!(!here.peer.is_closed() && !there.peer.is_closed(), "no reconnect");
    for end in [&here, &there] {
        for (slot, shared) in end.peer.stats().slots.iter().zip(end.peer.shared()) {
            if shared.name != "mayfly" {
                assert_eq!(slot.exits.failed + slot.exits.panicked, 0, "{shared}");
                assert_eq!(
                    (slot.drops, slot.restarts),
                    (p2p_mux::DropStats::default(), 0),
                    "{shared}"
                );
            }
        }
    }
    // Every message of the others has arrived, except the last ones, which are still on their way.
    tokio::time::sleep(2 * MILLISECOND).await;
    for of in counts.chunks(4) {
        let [sent_here, sent_there, heard_here, heard_there] =
            [0, 1, 2, 3].map(|index| of[index].load(Relaxed));
        assert!(sent_here > 100 && sent_there > 100);
        assert!(heard_here.abs_diff(sent_there) <= 1, "{heard_here} of {sent_there}");
        assert!(heard_there.abs_diff(sent_here) <= 1, "{heard_there} of {sent_here}");
    }
}

#[tokio::test(start_paused = true)]
async fn senders_of_an_earlier_run_are_closed() {
    let (flaky, mut given) = handed_out("flaky");
    let (steady, mut given_there) = handed_out("flaky");
    let flaky = flaky.outbound(10_000).on_exit(always_after(SECOND));
    let (_here, _there) = connect(&[flaky], &[steady]).await;
    let mut other = given_there.recv().await.unwrap();
    let Held { channel, end } = given.recv().await.unwrap();
    let old = channel.sender();
    old.send(1, "first run").await.unwrap();
    drop((channel, end));
    let new = given.recv().await.unwrap();
    assert_eq!(old.send(2, "old sender").await, Err(SendError::Closed));
    assert!(old.is_closed());
    new.channel.send(3, "second run").await.unwrap();
    let codes =
        [other.channel.recv().await.unwrap().code, other.channel.recv().await.unwrap().code];
    assert_eq!(codes, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn no_message_is_lost_if_a_run_ends_with_a_full_queue() {
    let (heard, mut hear) = tokio::sync::mpsc::channel(1000);
    let runs = AtomicU8::new(0);
    let talker = Protocol::new("talk", 1, 1, move |_, channel| {
        let run = runs.fetch_add(1, Relaxed);
        async move {
            if run == 5 {
                std::future::pending::<()>().await;
            }
            for number in 10 * run..10 * run + 10 {
                channel.send(0, [number; 900].as_slice()).await?;
            }
            Ok(())
        }
    });
    let talker = talker.outbound(4000).on_exit(always_after(MILLISECOND));
    let listener = Protocol::new("talk", 1, 1, move |_, mut channel| {
        let heard = heard.clone();
        async move {
            while let Some(message) = channel.recv().await {
                // Slower than the sender, over a pipe that has less room than a message.
                tokio::time::sleep(3 * MILLISECOND).await;
                heard.send(message.payload.last().copied()).await?;
            }
            Ok(())
        }
    });
    let listener = listener.inbound(2000, 2);
    let (here, _there) = connect_over(512, &[talker], &[listener], Config::default()).await;
    for number in 0..50 {
        assert_eq!(hear.recv().await, Some(Some(number)));
    }
    assert_eq!(here.peer.stats().slots[0].drops.unsent, 0);
}

#[tokio::test(start_paused = true)]
async fn a_sub_protocol_can_end_the_connection_in_spite_of_its_restart() {
    let resolute = Protocol::new("bad", 1, 8, |_, _| async {
        Err(Exit::Disconnect(DisconnectReason::Subprotocol))
    });
    let resolute = resolute.on_exit(always_after(SECOND));
    let (here, there) = connect(&[resolute], &[idle("bad", 1)]).await;
    assert_eq!(here.closed().await.reason(), Some(DisconnectReason::Subprotocol));
    assert_eq!(there.closed().await.reason(), Some(DisconnectReason::Subprotocol));
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_run_is_closed_and_restarted() {
    let (bad, mut given) = handed_out("bad");
    let (flood, mut given_there) = handed_out("bad");
    let bad = bad.inbound(10_000, 8).on_exit(always_after(SECOND));
    let (here, _there) = connect(&[bad], &[flood]).await;
    let first = given.recv().await.unwrap();
    let there = given_there.recv().await.unwrap();
    let flood = there.channel.sender();
    tokio::spawn(async move {
        for number in 0..u64::MAX {
            if flood.send(0, &number).await.is_err() {
                return;
            }
            tokio::time::sleep(100 * MILLISECOND).await;
        }
    });
    let started = tokio::time::Instant::now();
    let mut second = given.recv().await.unwrap();
    assert!(started.elapsed() >= 6 * SECOND, "the stall limit and the delay");
    let next = second.channel.recv().await.unwrap().decode::<u64>().unwrap();
    for number in next + 1..next + 50 {
        assert_eq!(second.channel.recv().await.unwrap().decode::<u64>(), Ok(number));
    }
    let slot = &here.peer.stats().slots[0];
    assert_eq!((slot.exits.overloaded, slot.exits.returned, slot.restarts), (1, 0, 1));
    assert_eq!(
        slot.drops.overload + slot.drops.closed,
        next - 8,
        "every missing message is counted"
    );
    drop((first, there.end));
}
