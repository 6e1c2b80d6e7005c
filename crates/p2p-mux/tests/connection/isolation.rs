//! Many sub-protocols on one connection: none is disturbed by another.

use crate::support::{
    self, End, Held, SECOND, connect, connect_over, connect_raw, handed_out, hello_of, idle,
};
use p2p_mux::{
    CloseReason, Config, DisconnectReason, Exit, OnExit, OnOverload, Protocol, SendError, SlotStats,
};
use tokio::{sync::mpsc, time::Instant};

/// Two connected nodes with the sub-protocols `bad` and `good`, whose channels the test controls.
struct Pair {
    here: End,
    there: End,
    bad: (Held, Held),
    good: (Held, Held),
}

/// Connects them. `change` is applied to the sub-protocol `bad` of the first node.
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
    /// The sub-protocol `good` sends and receives a message in both directions.
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

/// Ends the sub-protocol `bad` of one node with `end`, and checks that everything else continues.
async fn ends_alone(end: impl FnOnce() -> Result<(), Exit> + Send + 'static) -> SlotStats {
    let mut pair = pair(Config::default(), |bad| bad).await;
    let Held { mut channel, end: ending } = std::mem::replace(&mut pair.bad.0, dangling());
    assert!(ending.send(Box::new(end)).is_ok());
    assert!(channel.recv().await.is_none(), "its channel is closed");
    assert_eq!(channel.send(0, "").await, Err(SendError::Closed));

    // The other node is not told, and continues to send.
    for _ in 0..5 {
        pair.bad.1.channel.send(3, "still there?").await.unwrap();
    }
    pair.good_exchange().await;
    while pair.bad_stats().drops.closed < 5 {
        tokio::task::yield_now().await;
    }
    pair.good_exchange().await;
    assert!(!pair.here.peer.is_closed() && !pair.there.peer.is_closed());
    pair.bad_stats()
}

/// A placeholder for a value that was taken out of a pair.
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
async fn messages_sent_before_the_end_arrive() {
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
    // The connection ends with its only slot, after all messages were sent.
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
async fn a_sub_protocol_can_end_the_connection_with_itself() {
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
    assert_eq!(stalled.elapsed(), 5 * SECOND, "exactly one stall");
    pair.good_exchange().await;
    assert_eq!(stalled.elapsed(), 5 * SECOND);
    let bad = pair.bad_stats();
    assert_eq!(bad.exits.overloaded, 1);
    // Messages in its queue can still be received.
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
    // It receives again, so it gets new messages.
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
    // The queue has some messages when the receiver is dropped.
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
async fn other_slots_send_while_one_floods() {
    let (bad, mut bad_given) = handed_out("bad");
    let (good, mut good_given) = handed_out("good");
    let hello = hello_of(&[idle("bad", 1), idle("good", 1)]);
    let (_here, mut raw) = connect_raw(&[bad, good], &hello, Config::default()).await;
    let (bad, good) = (bad_given.recv().await.unwrap(), good_given.recv().await.unwrap());
    let flood = bad.channel.sender();
    let noise = support::noise(4000);
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
        // The pipe (64 KiB), the encrypted bytes (64 KiB and a message), one round (16 KiB) and what
        // the raw peer has read ahead; but not the 1 MiB in the slot's queue.
        assert!(flooded < 256 * 1024, "{flooded} bytes of the flood went first");
    }
}

/// Number of messages of `good` that arrive in each second, of 100 sent. Meanwhile `bad` is flooded by
/// its peer and does `bad_does`.
async fn good_per_second(
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

/// Asserts that the other slots lose at most the stall limit plus a twentieth of the time.
fn assert_lost_once(seconds: &[u32]) {
    let idle = seconds.iter().filter(|&&ticks| ticks < 90).count();
    let allowed = 5 + 2 + seconds.len() / 20;
    assert!(idle <= allowed, "{idle} seconds were disturbed: {seconds:?}");
    let all: u32 = seconds.iter().sum();
    // Delayed messages arrive later, because the sender has not stopped.
    assert!(all >= 100 * (120 - 5) * 95 / 100, "{all} ticks in all");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_never_reads_stalls_the_others_once() {
    for overload in [OnOverload::CloseSlot, OnOverload::DropNewest] {
        let change = |bad: Protocol| bad.inbound(10_000, 8).on_overload(overload);
        let never = async |held: Held| {
            let _held = held;
            std::future::pending::<()>().await;
        };
        let seconds = good_per_second(change, never).await;
        assert_lost_once(&seconds);
        let after = &seconds[7..];
        assert!(after.iter().all(|&ticks| ticks >= 95), "undisturbed for the rest: {seconds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_very_slow_reader_does_not_stall_the_others_repeatedly() {
    for overload in [OnOverload::CloseSlot, OnOverload::DropNewest] {
        let change = |bad: Protocol| bad.inbound(10_000, 8).on_overload(overload);
        let slow = async |mut held: Held| {
            while held.channel.recv().await.is_some() {
                tokio::time::sleep(SECOND * 2).await;
            }
        };
        assert_lost_once(&good_per_second(change, slow).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_restarted_reader_does_not_stall_the_others_repeatedly() {
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
    assert!(
        here.peer.stats().slots[0].exits.overloaded > 3,
        "it was restarted and closed several times"
    );
    drop(from);
}
