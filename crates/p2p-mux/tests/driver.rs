//! One connection over a pipe, on a clock that is stopped: what is exchanged, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use bytes::Bytes;
use common::{
    SECOND, connect, connect_over, connect_raw, handed_out, hello_of, idle, local, streams,
};
use p2p_mux::{
    CloseReason, Config, DisconnectReason, Exit, Hello, LostReason, Origin, Protocol,
    ProtocolBreach, SendError, base, transport::FrameError,
};
use tokio::{
    sync::mpsc,
    time::{Duration, Instant, timeout},
};
use tokio_util::sync::CancellationToken;

const PING: u64 = 0;
const PONG: u64 = 1;

/// Responses pings, and says what it heard.
fn echo(version: u64, heard: mpsc::Sender<(u64, u64)>) -> Protocol {
    Protocol::new("echo", version, 2, move |_peer, mut channel| {
        let heard = heard.clone();
        async move {
            channel.send(PING, &7u64).await?;
            while let Some(message) = channel.recv().await {
                match message.code {
                    PING => channel.send(PONG, &message.decode::<u64>()?).await?,
                    PONG => heard.send((channel.version(), message.decode()?)).await?,
                    code => return Err(Exit::unexpected(code)),
                }
            }
            Ok(())
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_ping_comes_back() {
    let (heard, mut hear) = mpsc::channel(4);
    let (_here, _there) = connect(&[echo(1, heard.clone())], &[echo(1, heard)]).await;
    assert_eq!(hear.recv().await, Some((1, 7)));
    assert_eq!(hear.recv().await, Some((1, 7)));
}

#[tokio::test(start_paused = true)]
async fn of_several_versions_the_highest_common_one_runs() {
    let (heard, mut hear) = mpsc::channel(4);
    let versions = |list: &[u64]| -> Vec<_> {
        list.iter().map(|&version| echo(version, heard.clone())).collect()
    };
    let mut here = versions(&[1, 3, 2]);
    here.push(idle("other", 1));
    let mut there = versions(&[2, 1, 5]);
    there.insert(0, idle("other", 1));
    let (a, b) = connect(&here, &there).await;
    assert_eq!(hear.recv().await, Some((2, 7)));
    assert_eq!(hear.recv().await, Some((2, 7)));
    for end in [&a, &b] {
        let running: Vec<_> = end.peer.shared().iter().map(ToString::to_string).collect();
        assert_eq!(running, ["echo/2", "other/1"]);
    }
    assert_eq!(a.peer.capabilities().len(), 5, "all that was announced, and chunk/1");
    assert_eq!((a.peer.client(), a.peer.id()), ("node-2/test", common::key(2).id()));
}

#[tokio::test(start_paused = true)]
async fn messages_of_every_size_cross_in_both_directions() {
    let sizes = [0, 1, 15, 16, 1000, 65_536, 300_000, 3_000_000];
    let (here, mut given_here) = handed_out("big");
    let (there, mut given_there) = handed_out("big");
    let (_a, _b) = connect(&[here], &[there]).await;
    let (a, b) = (given_here.recv().await.unwrap(), given_there.recv().await.unwrap());
    let (to_b, mut from_b) = a.channel.split();
    let (to_a, mut from_a) = b.channel.split();
    let body = |size: usize| -> Bytes { (0..=250u8).cycle().take(size).collect() };
    for to in [to_a, to_b] {
        tokio::spawn(async move {
            for size in sizes {
                to.send_raw(3, body(size)).await.unwrap();
            }
        });
    }
    for from in [&mut from_a, &mut from_b] {
        for size in sizes {
            assert!(from.recv().await.unwrap().payload == body(size), "{size} bytes");
        }
    }
    drop((a.end, b.end));
}

#[tokio::test(start_paused = true)]
async fn a_version_4_peer_is_spoken_to_without_snappy() {
    let (protocol, mut given) = handed_out("old");
    let hello = Hello { version: 4, ..hello_of(std::slice::from_ref(&protocol)) };
    let (_here, mut raw) = connect_raw(&[protocol], &hello, Config::default()).await;
    let held = given.recv().await.unwrap();
    held.channel.send_raw(2, vec![9; 5000]).await.unwrap();
    let message = raw.read().await.unwrap().unwrap();
    assert_eq!((message.code, message.payload.len()), (18, 5000));
}

#[tokio::test(start_paused = true)]
async fn two_ends_that_flood_each_other_do_not_lock_up() {
    let flooder = || {
        Protocol::new("flood", 1, 1, |_, channel| async move {
            let (sender, mut receiver) = channel.split();
            let flood = async {
                for _ in 0..200 {
                    sender.send_raw(0, vec![1; 20_000]).await?;
                }
                Ok::<_, Exit>(())
            };
            let drain = async {
                for _ in 0..200 {
                    receiver.recv().await.ok_or(SendError::Closed)?;
                }
                Ok(())
            };
            tokio::try_join!(flood, drain)?;
            // The other one may still need us.
            receiver.recv().await;
            Ok(())
        })
    };
    let (here, there) = connect_over(1000, &[flooder()], &[flooder()], Config::default()).await;
    while [&here, &there].iter().any(|end| end.peer.stats().slots[0].traffic.messages_in < 200) {
        tokio::task::yield_now().await;
    }
    assert!(!here.peer.is_closed());
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_says_is_heard_while_it_does_not_read() {
    let (protocol, mut given) = handed_out("a");
    let hello = hello_of(std::slice::from_ref(&protocol));
    let (_here, mut raw) = connect_raw(&[protocol], &hello, Config::default()).await;
    let held = given.recv().await.unwrap();
    let (sender, mut receiver) = held.channel.split();
    let flood =
        tokio::spawn(
            async move { while sender.send_raw(0, common::noise(30_000)).await.is_ok() {} },
        );
    // Time only passes when all queues towards the peer are full.
    tokio::time::sleep(SECOND).await;
    for number in 0..100u8 {
        raw.write(17, &[number]).await.unwrap();
        raw.flush().await.unwrap();
        let message = receiver.recv().await.unwrap();
        assert_eq!((message.code, &message.payload[..]), (1, &[number][..]));
    }
    assert!(!flood.is_finished(), "it waits still");
    drop(held.end);
}

#[tokio::test(start_paused = true)]
async fn two_ends_that_do_not_read_are_cut_by_a_timer() {
    let deaf = || {
        Protocol::new("deaf", 1, 1, |_, channel| async move {
            loop {
                channel.send_raw(0, vec![1; 20_000]).await?;
            }
        })
        .inbound(10_000, 4)
    };
    let started = Instant::now();
    let (here, there) = connect_over(1000, &[deaf()], &[deaf()], Config::default()).await;
    let (here, there) = (here.closed().await, there.closed().await);
    assert!(
        here == CloseReason::ByUs(DisconnectReason::Subprotocol)
            || there == CloseReason::ByUs(DisconnectReason::Subprotocol)
    );
    assert!(started.elapsed() < 10 * SECOND, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn stopping_is_orderly() {
    let (here, mut given_here) = handed_out("a");
    let (there, mut given_there) = handed_out("a");
    let (a, b) = connect(&[here], &[there]).await;
    let (mut here, mut there) =
        (given_here.recv().await.unwrap(), given_there.recv().await.unwrap());
    there.channel.send(1, "before").await.unwrap();
    while a.peer.stats().slots[0].traffic.messages_in == 0 {
        tokio::task::yield_now().await;
    }
    let asked = Instant::now();
    a.stop.cancel();
    assert_eq!(here.channel.recv().await.map(|message| message.code), Some(1));
    assert!(here.channel.recv().await.is_none());
    assert!(there.channel.recv().await.is_none());
    assert_eq!(there.channel.send(0, "").await, Err(SendError::Closed));
    drop((here, there));
    assert_eq!(b.closed().await, CloseReason::ByPeer(DisconnectReason::Quitting));
    assert!(a.peer.is_closed());
    assert_eq!(a.closed().await, CloseReason::ByUs(DisconnectReason::Quitting));
    assert_eq!(asked.elapsed(), Duration::ZERO, "nobody was waited for");
}

#[tokio::test(start_paused = true)]
async fn stopping_is_bounded_against_a_peer_that_never_reads_and_a_task_that_never_ends() {
    let stubborn = Protocol::new("stubborn", 1, 1, |_, channel| async move {
        while channel.send_raw(0, vec![0; 30_000]).await.is_ok() {}
        std::future::pending().await
    });
    let hello = hello_of(std::slice::from_ref(&stubborn));
    let (here, _raw) = connect_raw(&[stubborn], &hello, Config::default()).await;
    tokio::time::sleep(SECOND).await;
    let (asked, peer) = (Instant::now(), here.peer.clone());
    here.stop.cancel();
    assert_eq!(here.closed().await, CloseReason::ByUs(DisconnectReason::Quitting));
    assert_eq!(asked.elapsed(), 2 * SECOND);
    assert_ne!(peer.stats().slots[0].drops.unsent, 0, "what was not sent is counted");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_given_up() {
    let (protocol, mut given) = handed_out("a");
    let hello = hello_of(std::slice::from_ref(&protocol));
    let config = Config { silence_limit: 1000 * SECOND, ..Config::default() };
    let (here, _raw) = connect_raw(&[protocol], &hello, config).await;
    let held = given.recv().await.unwrap();
    let started = Instant::now();
    while held.channel.send_raw(0, vec![0; 30_000]).await.is_ok() {}
    drop(held);
    assert_eq!(here.closed().await, CloseReason::Lost(LostReason::WriteStalled));
    assert_eq!(started.elapsed(), 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_then_told() {
    let hello = hello_of(&[idle("a", 1)]);
    let (here, mut raw) = connect_raw(&[idle("a", 1)], &hello, Config::default()).await;
    let started = Instant::now();
    let ping = raw.read().await.unwrap().unwrap();
    assert_eq!((ping.code, &ping.payload[..]), (base::PING, &[0xc0][..]));
    assert_eq!(started.elapsed(), 15 * SECOND);
    let last = raw.read().await.unwrap().unwrap();
    assert_eq!(
        (last.code, DisconnectReason::decode(&last.payload)),
        (base::DISCONNECT, DisconnectReason::PingTimeout)
    );
    assert_eq!(started.elapsed(), 30 * SECOND);
    assert!(raw.read().await.unwrap().is_none());
    drop(raw);
    assert_eq!(here.closed().await, CloseReason::ByUs(DisconnectReason::PingTimeout));
}

#[tokio::test(start_paused = true)]
async fn two_quiet_ends_keep_each_other_alive_and_measure_the_way() {
    let (here, there) = connect(&[idle("a", 1)], &[idle("a", 1)]).await;
    tokio::time::sleep(3601 * SECOND).await;
    assert!(!here.peer.is_closed() && !there.peer.is_closed());
    // They take turns.
    for end in [&here, &there] {
        let stats = end.peer.stats();
        assert!(stats.round_trip.is_some());
        assert_eq!((stats.pings_in, stats.pongs_in), (120, 120));
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_flood_ends_the_connection() {
    let hello = hello_of(&[idle("a", 1)]);
    let (here, mut raw) = connect_raw(&[idle("a", 1)], &hello, Config::default()).await;
    for _ in 0..65 {
        raw.write(base::PING, &[0xc0]).await.unwrap();
    }
    raw.flush().await.unwrap();
    raw.close().await.unwrap();
    assert_eq!(here.closed().await, CloseReason::Breach(ProtocolBreach::PingFlood));
}

#[tokio::test(start_paused = true)]
async fn a_code_beyond_every_slot_ends_the_connection_with_a_reason() {
    let hello = hello_of(&[idle("a", 1)]);
    let (here, mut raw) = connect_raw(&[idle("a", 1)], &hello, Config::default()).await;
    raw.write(24, b"one too far").await.unwrap();
    raw.flush().await.unwrap();
    let last = raw.read().await.unwrap().unwrap();
    assert_eq!(last.code, base::DISCONNECT);
    assert_eq!(DisconnectReason::decode(&last.payload), DisconnectReason::ProtocolBreach);
    drop(raw);
    assert_eq!(here.closed().await, CloseReason::Breach(ProtocolBreach::UnknownCode { code: 24 }));
}

#[tokio::test(start_paused = true)]
async fn bad_snappy_ends_the_connection_with_a_reason() {
    // The peer says version 5 but compresses nothing.
    let hello = hello_of(&[idle("a", 1)]);
    let (stream, mut raw) = streams(64 * 1024).await;
    let here = local(1, &[idle("a", 1)]);
    let config = Config::default();
    let (greeted, ()) = tokio::join!(p2p_mux::exchange_hello(stream, &here, &config), async {
        common::say_hello(&mut raw, &hello).await;
        raw.write(16, &[0xff; 40]).await.unwrap();
        raw.flush().await.unwrap();
    });
    let here = common::run(greeted.unwrap());
    drop(raw.close().await);
    drop(raw);
    let closed = here.closed().await;
    let snappy =
        matches!(closed, CloseReason::Breach(ProtocolBreach::Frame(FrameError::Snappy { .. })));
    assert!(snappy, "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_that_crosses_hello_is_heard_compressed_or_not() {
    for snappy in [false, true] {
        let hello = hello_of(&[idle("a", 1)]);
        let (stream, mut raw) = streams(64 * 1024).await;
        let here = local(1, &[idle("a", 1)]);
        let config = Config::default();
        let (greeted, ()) = tokio::join!(p2p_mux::exchange_hello(stream, &here, &config), async {
            common::say_hello(&mut raw, &hello).await;
            if snappy {
                raw.enable_snappy();
            }
            raw.write(base::DISCONNECT, &[0xc1, 0x04]).await.unwrap();
            raw.flush().await.unwrap();
        });
        let here = common::run(greeted.unwrap());
        assert_eq!(
            here.closed().await,
            CloseReason::ByPeer(DisconnectReason::TooManyPeers),
            "snappy {snappy}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanishes_is_lost() {
    let hello = hello_of(&[idle("a", 1)]);
    let (here, raw) = connect_raw(&[idle("a", 1)], &hello, Config::default()).await;
    drop(raw);
    assert_eq!(here.closed().await, CloseReason::Lost(LostReason::Eof));
}

#[tokio::test(start_paused = true)]
async fn the_owner_can_end_a_connection_with_a_reason() {
    let (here, there) = connect(&[idle("a", 1)], &[idle("a", 1)]).await;
    here.peer.disconnect(DisconnectReason::Requested);
    here.peer.disconnect(DisconnectReason::Quitting); // the first one counts
    assert_eq!(there.closed().await, CloseReason::ByPeer(DisconnectReason::Requested));
    assert_eq!(here.closed().await, CloseReason::ByUs(DisconnectReason::Requested));
}

#[tokio::test(start_paused = true)]
async fn a_sub_protocol_learns_how_the_connection_ended_when_its_channel_closes() {
    let (protocol, mut given) = handed_out("a");
    let (here, there) = connect(&[protocol], &[idle("a", 1)]).await;
    let mut held = given.recv().await.unwrap();
    assert_eq!(here.peer.closed(), None);
    there.peer.disconnect(DisconnectReason::Subprotocol);
    assert!(held.channel.recv().await.is_none());
    assert_eq!(here.peer.closed(), Some(&CloseReason::ByPeer(DisconnectReason::Subprotocol)));
}

#[tokio::test(start_paused = true)]
async fn a_greeted_peer_can_still_be_refused() {
    let (a, b) = streams(64 * 1024).await;
    let (here, there) = (local(1, &[idle("a", 1)]), local(2, &[idle("a", 1)]));
    let config = Config::default();
    let (a, b) = tokio::join!(
        p2p_mux::exchange_hello(a, &here, &config),
        p2p_mux::exchange_hello(b, &there, &config)
    );
    let there = common::run_called(b.unwrap());
    a.unwrap().refuse(DisconnectReason::AlreadyConnected).await;
    assert_eq!(there.closed().await, CloseReason::ByPeer(DisconnectReason::AlreadyConnected));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_life_of_a_connection_ends_everything() {
    let (protocol, mut given) = handed_out("a");
    let (a, b) = streams(64 * 1024).await;
    let (here, there) = (local(1, &[protocol]), local(2, &[idle("a", 1)]));
    let config = Config::default();
    let (a, b) = tokio::join!(
        p2p_mux::exchange_hello(a, &here, &config),
        p2p_mux::exchange_hello(b, &there, &config)
    );
    let there = common::run_called(b.unwrap());
    let (peer, life) = a.unwrap().run(Origin::default(), CancellationToken::new());
    let running = timeout(SECOND, life).await;
    assert!(running.is_err(), "it was cut in the middle of its life");
    let mut held = given.recv().await.unwrap();
    assert!(held.channel.recv().await.is_none());
    assert_eq!(held.channel.send(0, "").await, Err(SendError::Closed));
    assert!(peer.is_closed());
    assert_eq!(there.closed().await, CloseReason::Lost(LostReason::Eof));
}

#[tokio::test(start_paused = true)]
async fn a_channel_says_what_cannot_be_sent() {
    let (here, mut given) = handed_out("a");
    let hello = hello_of(std::slice::from_ref(&here));
    let (_here, _raw) = connect_raw(&[here.outbound(1000)], &hello, Config::default()).await;
    let held = given.recv().await.unwrap();
    let sender = held.channel.sender();
    let beyond = SendError::NoSuchCode { code: 8, length: 8 };
    assert_eq!(sender.send(8, "").await, Err(beyond));
    let huge = vec![0; p2p_mux::MAX_MESSAGE + 1];
    assert!(matches!(sender.send_raw(0, huge).await, Err(SendError::TooLarge { .. })));
    // The driver does not run in between, so that the queue fills.
    let refused = (0..100).map(|_| sender.try_send_raw(0, vec![0; 100])).find(Result::is_err);
    assert_eq!(refused, Some(Err(SendError::Full)));
    // A message larger than the queue waits for all of it, and then goes.
    timeout(SECOND, sender.send_raw(0, vec![0; 10_000])).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pipe_is_bounded_and_notices_its_end() {
    let (here, mut there) = p2p_mux::Channel::pipe_of(3, 2);
    assert_eq!((here.version(), there.version()), (3, 3));
    assert_eq!(here.send(2, "").await, Err(SendError::NoSuchCode { code: 2, length: 2 }));
    let mut fitted = 0u64;
    while here.sender().try_send_raw(0, vec![0; 1000]).is_ok() {
        fitted += 1;
    }
    assert_eq!(fitted, 65_536 / 1064);
    there.recv().await.unwrap();
    here.send_raw(1, vec![0; 1000]).await.unwrap();
    for _ in 0..fitted {
        there.recv().await.unwrap();
    }
    drop(there);
    assert_eq!(here.send(0, "").await, Err(SendError::Closed));
}

#[tokio::test(start_paused = true)]
async fn an_unflushed_stream_loses_nothing() {
    // A handshake whose stream holds sealed bytes when it is handed over.
    let (mut a, b) = streams(64 * 1024).await;
    a.write(base::DISCONNECT, &[0xc1, 0x08]).await.unwrap();
    let (here, there) = (local(1, &[idle("a", 1)]), local(2, &[idle("a", 1)]));
    let config = Config::default();
    let (_, heard) = tokio::join!(
        timeout(SECOND, p2p_mux::exchange_hello(a, &here, &config)),
        p2p_mux::exchange_hello(b, &there, &config)
    );
    let error = heard.map(|_| ()).unwrap_err();
    assert_eq!(error, p2p_mux::HelloExchangeError::Refused(DisconnectReason::Quitting));
}
