//! One connection, many sub-protocols: what one of them does is not felt by the others.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{End, Held, SECOND, connect, connect_over, connect_raw, handed_out, hello_of, idle};
use p2p_mux::{
    CloseReason, Config, DisconnectReason, Exit, OnExit, OnOverload, Protocol, SendError, SlotStats,
};
use tokio::{sync::mpsc, time::Instant};

/// Two connected nodes, each with the sub-protocols `bad` and `good` in the hands of the test.
struct Pair {
    here: End,
    there: End,
    bad: (Held, Held),
    good: (Held, Held),
}

/// Connects them, with `change` made to the sub-protocol `bad` of the first.
async fn pair(config: Config, change: impl FnOnce(Protocol) -> Protocol) -> Pair {
    let (bad, mut bad_here) = handed_out("bad");
    let (good, mut good_here) = handed_out("good");
    let (other_bad, mut bad_there) = handed_out("bad");
    let (other_good, mut good_there) = handed_out("good");
    let (here, there) =
        connect_over(16 * 1024, &[change(bad), good], &[other_bad, other_good], config).await;
    let bad = (bad_here.recv().await.unwrap(), bad_there.recv().await.unwrap());
    let good = (good_here.recv().await.unwrap(), good_there.recv().await.unwrap());
    Pair { here, there, bad, good }
}

impl Pair {
    /// The good sub-protocol says something in both directions.
    async fn good_exchange(&mut self) {
        let (here, there) = (&mut self.good.0.channel, &mut self.good.1.channel);
        here.send(1, &42u64).await.unwrap();
        assert_eq!(there.recv().await.unwrap().decode::<u64>(), Ok(42));
        there.send(2, "yes").await.unwrap();
        assert_eq!(here.recv().await.unwrap().decode::<String>(), Ok("yes".into()));
    }

    fn bad_stats(&self) -> SlotStats {
        self.here.peer.stats().slots[0].clone()
    }
}

/// The sub-protocol `bad` ends in this way at one end; everything else goes on.
async fn ends_alone(end: impl FnOnce() -> Result<(), Exit> + Send + 'static) -> SlotStats {
    let mut pair = pair(Config::default(), |bad| bad).await;
    let Held { mut channel, end: give } = std::mem::replace(&mut pair.bad.0, dangling());
    assert!(give.send(Box::new(end)).is_ok());
    assert!(channel.recv().await.is_none(), "its channel is closed");
    assert_eq!(channel.send(0, "").await, Err(SendError::Closed));

    // The other end does not know, and is not disturbed.
    for _ in 0..5 {
        pair.bad.1.channel.send(3, "anybody there?").await.unwrap();
    }
    pair.good_exchange().await;
    while pair.bad_stats().drops.closed < 5 {
        tokio::task::yield_now().await;
    }
    pair.good_exchange().await;
    assert!(!pair.here.peer.is_closed() && !pair.there.peer.is_closed());
    pair.bad_stats()
}

/// A place holder for what was taken out of a pair.
fn dangling() -> Held {
    Held { channel: p2p_mux::Channel::pipe().0, end: tokio::sync::oneshot::channel().0 }
}

#[tokio::test(start_paused = true)]
async fn a_sub_protocol_that_returns_ends_alone() {
    assert_eq!(ends_alone(|| Ok(())).await.exits.returned, 1);
}

#[tokio::test(start_paused = true)]
async fn a_sub_protocol_that_fails_ends_alone() {
    assert_eq!(ends_alone(|| Err(Exit::unexpected(9))).await.exits.failed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_sub_protocol_that_panics_ends_alone() {
    assert_eq!(ends_alone(|| panic!("on purpose, in a test")).await.exits.panicked, 1);
}

#[tokio::test(start_paused = true)]
async fn a_sub_protocol_that_panics_before_its_first_await_ends_alone() {
    let (good, mut given) = handed_out("good");
    let bad = Protocol::new("bad", 1, 1, |_, _| {
        assert!(std::hint::black_box(false), "on purpose, in a test");
        async { Ok(()) }
    });
    let (here, _there) = connect(&[good, bad], &[idle("good", 1), idle("bad", 1)]).await;
    let held = given.recv().await.unwrap();
    while here.peer.stats().slots[0].exits.panicked == 0 {
        tokio::task::yield_now().await;
    }
    held.channel.send(0, "still there").await.unwrap();
    assert!(!here.peer.is_closed());
}

#[tokio::test(start_paused = true)]
async fn what_is_said_before_the_end_arrives() {
    let talker = Protocol::new("talk", 1, 1, |_, channel| async move {
        for number in 0..1000u64 {
            channel.send(0, &number).await?;
        }
        Ok(())
    });
    let (heard, mut hear) = mpsc::channel(2000);
    let listener = Protocol::new("talk", 1, 1, move |_, mut channel| {
        let heard = heard.clone();
        async move {
            while let Some(message) = channel.recv().await {
                heard.send(message.decode::<u64>()?).await?;
            }
            Ok(())
        }
    });
    let (here, there) = connect_over(512, &[talker], &[listener], Config::default()).await;
    // The only slot has ended, so the connection has; but not before all was said.
    assert_eq!(here.closed().await, CloseReason::ByUs(DisconnectReason::Quitting));
    assert_eq!(there.closed().await, CloseReason::ByPeer(DisconnectReason::Quitting));
    for number in 0..1000 {
        assert_eq!(hear.recv().await, Some(number));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sub_protocol_may_end_the_whole_connection() {
    let mut pair = pair(Config::default(), |bad| bad).await;
    let end = || Err(Exit::Disconnect(DisconnectReason::Subprotocol));
    assert!(pair.bad.0.end.send(Box::new(end)).is_ok());
    assert!(pair.good.0.channel.recv().await.is_none());
    assert!(pair.good.1.channel.recv().await.is_none());
    drop((pair.bad.1, pair.good));
    assert_eq!(pair.here.closed().await, CloseReason::ByUs(DisconnectReason::Subprotocol));
    assert_eq!(pair.there.closed().await, CloseReason::ByPeer(DisconnectReason::Subprotocol));
}

#[tokio::test(start_paused = true)]
async fn the_classic_behaviour_is_to_be_had() {
    let on_exit = OnExit::Disconnect(DisconnectReason::UselessPeer);
    let pair = pair(Config::default(), |bad| bad.on_exit(on_exit)).await;
    drop(pair.bad.0);
    assert_eq!(pair.here.closed().await, CloseReason::ByUs(DisconnectReason::UselessPeer));
    assert_eq!(pair.there.closed().await, CloseReason::ByPeer(DisconnectReason::UselessPeer));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_loses_its_slot_and_nothing_else() {
    let mut pair = pair(Config::default(), |bad| bad.inbound(10_000, 8)).await;
    let flood = pair.bad.1.channel.sender();
    tokio::spawn(async move { while flood.send(0, [7u8; 1000].as_slice()).await.is_ok() {} });
    while pair.here.peer.stats().stalls == 0 {
        tokio::task::yield_now().await;
    }
    let stalled = Instant::now();
    pair.good_exchange().await;
    assert_eq!(stalled.elapsed(), 5 * SECOND, "one stall, and not more than that");
    pair.good_exchange().await;
    assert_eq!(stalled.elapsed(), 5 * SECOND);
    let bad = pair.bad_stats();
    assert_eq!(bad.exits.overloaded, 1);
    // What it had got before is still its own.
    let mut left = 0;
    while pair.bad.0.channel.recv().await.is_some() {
        left += 1;
    }
    assert_eq!(left, 8);
    assert!(!pair.here.peer.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_drops_stalls_the_others_once() {
    let mut pair =
        pair(Config::default(), |bad| bad.inbound(10_000, 8).on_overload(OnOverload::DropNewest))
            .await;
    let flood = pair.bad.1.channel.sender();
    let sent = tokio::spawn(async move {
        for number in 0..500u64 {
            flood.send(0, &number).await.unwrap();
        }
    });
    sent.await.unwrap();
    let started = Instant::now();
    pair.good_exchange().await;
    assert_eq!(started.elapsed(), 5 * SECOND);
    let bad = pair.bad_stats();
    assert_eq!((bad.traffic.messages_in, bad.drops.overload, bad.exits.overloaded), (500, 492, 0));
    for number in 0..8 {
        assert_eq!(pair.bad.0.channel.recv().await.unwrap().decode::<u64>(), Ok(number));
    }
    // It reads again, so it gets messages again.
    pair.bad.1.channel.send(1, &8u64).await.unwrap();
    assert_eq!(pair.bad.0.channel.recv().await.unwrap().decode::<u64>(), Ok(8));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_everything_in_order() {
    let mut pair = pair(Config::default(), |bad| bad.inbound(10_000, 8)).await;
    let flood = pair.bad.1.channel.sender();
    tokio::spawn(async move {
        for number in 0..200u64 {
            flood.send(0, &number).await.unwrap();
        }
    });
    for number in 0..200 {
        tokio::time::sleep(SECOND / 20).await;
        assert_eq!(pair.bad.0.channel.recv().await.unwrap().decode::<u64>(), Ok(number));
    }
    assert_eq!(pair.bad_stats().drops.overload, 0);
    pair.good_exchange().await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_dropped_does_not_stall_the_others() {
    let mut pair = pair(Config::default(), |bad| bad.inbound(10_000, 8)).await;
    let Held { channel, end } = std::mem::replace(&mut pair.bad.0, dangling());
    let (sender, receiver) = channel.split();
    // Some messages are inside when it goes.
    for number in 0..4u64 {
        pair.bad.1.channel.send(0, &number).await.unwrap();
    }
    while pair.bad_stats().traffic.messages_in < 4 {
        tokio::task::yield_now().await;
    }
    drop(receiver);
    let started = Instant::now();
    for number in 0..100u64 {
        pair.bad.1.channel.send(0, &number).await.unwrap();
    }
    pair.good_exchange().await;
    assert_eq!(started.elapsed(), std::time::Duration::ZERO, "nothing stalled");
    assert_eq!(pair.bad_stats().drops.closed, 100);
    // It can still send.
    sender.send(5, "heard?").await.unwrap();
    assert_eq!(pair.bad.1.channel.recv().await.unwrap().code, 5);
    drop(end);
}

#[tokio::test(start_paused = true)]
async fn a_flooding_slot_lets_the_others_in_between() {
    let (bad, mut bad_given) = handed_out("bad");
    let (good, mut good_given) = handed_out("good");
    let hello = hello_of(&[idle("bad", 1), idle("good", 1)]);
    let (_here, mut raw) = connect_raw(&[bad, good], &hello, Config::default()).await;
    let (bad, good) = (bad_given.recv().await.unwrap(), good_given.recv().await.unwrap());
    let flood = bad.channel.sender();
    let noise = common::noise(4000);
    tokio::spawn(async move { while flood.send_raw(0, noise.clone()).await.is_ok() {} });
    for _ in 0..20 {
        for _ in 0..20 {
            raw.read().await.unwrap().unwrap();
        }
        good.channel.send(3, "let me through").await.unwrap();
        let mut flooded = 0;
        loop {
            let message = raw.read().await.unwrap().unwrap();
            if message.code == 24 + 3 {
                break;
            }
            flooded += message.payload.len();
        }
        // What is in the pipe (64 KiB), what is sealed (64 KiB and a message), one turn (16 KiB)
        // and what the raw end has read ahead; not the 1 MiB that wait in the slot's queue.
        assert!(flooded < 256 * 1024, "{flooded} bytes of the flood went first");
    }
}

/// How much of a second's worth of messages the good sub-protocol got through in each second, while
/// the bad one is flooded by its peer and does `bad_does`.
async fn seconds_of_good(
    change: impl FnOnce(Protocol) -> Protocol,
    bad_does: impl AsyncFnOnce(Held) + 'static,
) -> Vec<u32> {
    const RATE: u32 = 100;
    let Pair { here: _here, there: _there, bad, good } = pair(Config::default(), change).await;
    let flood = bad.1.channel.sender();
    let local = tokio::task::LocalSet::new();
    local.spawn_local(bad_does(bad.0));
    local.spawn_local(async move {
        while flood.send(0, [7u8; 1000].as_slice()).await.is_ok() {
            tokio::time::sleep(SECOND / 50).await;
        }
    });
    let (from, mut to) = (good.1.channel.sender(), good.0.channel);
    local.spawn_local(async move {
        while from.send(0, "tick").await.is_ok() {
            tokio::time::sleep(SECOND / RATE).await;
        }
    });
    let counted = local.run_until(async move {
        let start = Instant::now();
        let mut seconds = vec![0; 120];
        while let Some(message) = to.recv().await {
            assert_eq!(message.decode::<String>(), Ok("tick".into()));
            match seconds.get_mut(usize::try_from(start.elapsed().as_secs()).unwrap()) {
                Some(second) => *second += 1,
                None => break,
            }
        }
        seconds
    });
    counted.await
}

/// The others lose the stall limit once, and at most a twentieth of the time after that.
fn assert_lost_once(seconds: &[u32]) {
    let idle = seconds.iter().filter(|&&ticks| ticks < 90).count();
    let allowed = 5 + 2 + seconds.len() / 20;
    assert!(idle <= allowed, "{idle} seconds were disturbed: {seconds:?}");
    let all: u32 = seconds.iter().sum();
    // What was held up comes later, as the sender has not stopped.
    assert!(all >= 100 * (120 - 5) * 95 / 100, "{all} ticks in all");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_never_reads_costs_the_others_one_stall_and_no_throughput_after() {
    for overload in [OnOverload::CloseSlot, OnOverload::DropNewest] {
        let change = |bad: Protocol| bad.inbound(10_000, 8).on_overload(overload);
        let never = async |held: Held| {
            let _held = held;
            std::future::pending::<()>().await;
        };
        let seconds = seconds_of_good(change, never).await;
        assert_lost_once(&seconds);
        let after = &seconds[7..];
        assert!(after.iter().all(|&ticks| ticks >= 95), "undisturbed for the rest: {seconds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_crawls_does_not_stall_the_others_again_and_again() {
    for overload in [OnOverload::CloseSlot, OnOverload::DropNewest] {
        let change = |bad: Protocol| bad.inbound(10_000, 8).on_overload(overload);
        let crawl = async |mut held: Held| {
            while held.channel.recv().await.is_some() {
                tokio::time::sleep(SECOND * 2).await;
            }
        };
        assert_lost_once(&seconds_of_good(change, crawl).await);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_started_again_does_not_stall_the_others_again_and_again() {
    let (good, mut good_here) = handed_out("good");
    let (other_good, mut good_there) = handed_out("good");
    let deaf = Protocol::new("bad", 1, 8, |_, channel| async move {
        let _channel = channel;
        std::future::pending().await
    });
    let deaf =
        deaf.inbound(10_000, 8).on_exit(OnExit::Restart(p2p_mux::RestartSettings::default()));
    let flood = Protocol::new("bad", 1, 8, |_, channel| async move {
        loop {
            channel.send(0, [7u8; 1000].as_slice()).await?;
            tokio::time::sleep(SECOND / 50).await;
        }
    });
    let config = Config::default();
    let (here, _there) = connect_over(16 * 1024, &[deaf, good], &[flood, other_good], config).await;
    let (mut to, from) = (good_here.recv().await.unwrap(), good_there.recv().await.unwrap());
    let mut longest = std::time::Duration::ZERO;
    let mut stalled = std::time::Duration::ZERO;
    let sender = from.channel.sender();
    tokio::spawn(async move {
        while sender.send(0, "tick").await.is_ok() {
            tokio::time::sleep(SECOND / 100).await;
        }
    });
    let start = Instant::now();
    while start.elapsed() < 300 * SECOND {
        let waited = Instant::now();
        to.channel.recv().await.unwrap();
        let gap = waited.elapsed();
        longest = longest.max(gap);
        stalled += gap.saturating_sub(SECOND / 50);
    }
    assert!(longest <= 5 * SECOND + SECOND / 10, "{longest:?}");
    assert!(stalled <= 5 * SECOND + 300 * SECOND / 20, "{stalled:?}");
    assert!(here.peer.stats().slots[0].exits.overloaded > 3, "it was started again, and closed");
    drop(from);
}
