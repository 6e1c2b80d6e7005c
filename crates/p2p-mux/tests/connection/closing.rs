//! The end of a connection: which end closes it, why, and how long that takes.

use crate::support::{
    self, SECOND, connect, connect_over, connect_raw, handed_out, hello_of, idle, local, streams,
};
use p2p_mux::{
    CloseReason, Config, DisconnectReason, LostReason, Origin, Protocol, ProtocolBreach, SendError,
    base, transport::FrameError,
};
use tokio::time::{Duration, Instant, timeout};
use tokio_util::sync::CancellationToken;

#[tokio::test(start_paused = true)]
async fn two_ends_that_do_not_read_are_closed_by_a_timer() {
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
async fn stopping_delivers_what_has_arrived_and_tells_the_peer() {
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
    assert_eq!(asked.elapsed(), Duration::ZERO, "it waited");
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
    assert_ne!(peer.stats().slots[0].drops.unsent, 0, "unsent messages are counted");
}

#[tokio::test(start_paused = true)]
async fn a_connection_to_a_peer_that_never_reads_is_lost() {
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
async fn a_silent_peer_is_pinged_and_then_disconnected() {
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
async fn an_unknown_message_id_ends_the_connection_with_a_reason() {
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
    // The peer announces version 5 but does not compress.
    let hello = hello_of(&[idle("a", 1)]);
    let (stream, mut raw) = support::plain_streams(64 * 1024).await;
    let here = local(1, &[idle("a", 1)]);
    let config = Config::default();
    let (greeted, ()) = tokio::join!(p2p_mux::exchange_hello(stream, &here, &config), async {
        support::send_hello(&mut raw, &hello).await;
        raw.write(16, &[0xff; 40]).await.unwrap();
        raw.flush().await.unwrap();
    });
    let here = support::run(greeted.unwrap());
    drop(raw.close().await);
    drop(raw);
    let closed = here.closed().await;
    let snappy =
        matches!(closed, CloseReason::Breach(ProtocolBreach::Frame(FrameError::Snappy { .. })));
    assert!(snappy, "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_that_crosses_hello_is_decoded_compressed_or_not() {
    for snappy in [false, true] {
        let hello = hello_of(&[idle("a", 1)]);
        let (stream, mut raw) = support::plain_streams(64 * 1024).await;
        let here = local(1, &[idle("a", 1)]);
        let config = Config::default();
        let (greeted, ()) = tokio::join!(p2p_mux::exchange_hello(stream, &here, &config), async {
            support::send_hello(&mut raw, &hello).await;
            if snappy {
                raw.enable_snappy();
            }
            raw.write(base::DISCONNECT, &[0xc1, 0x04]).await.unwrap();
            raw.flush().await.unwrap();
        });
        let here = support::run(greeted.unwrap());
        assert_eq!(
            here.closed().await,
            CloseReason::ByPeer(DisconnectReason::TooManyPeers),
            "snappy {snappy}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_lost_if_the_peer_closes_the_stream() {
    let hello = hello_of(&[idle("a", 1)]);
    let (here, raw) = connect_raw(&[idle("a", 1)], &hello, Config::default()).await;
    drop(raw);
    assert_eq!(here.closed().await, CloseReason::Lost(LostReason::Eof));
}

#[tokio::test(start_paused = true)]
async fn the_owner_can_end_a_connection_with_a_reason() {
    let (here, there) = connect(&[idle("a", 1)], &[idle("a", 1)]).await;
    here.peer.disconnect(DisconnectReason::Requested);
    here.peer.disconnect(DisconnectReason::Quitting); // only the first one counts
    assert_eq!(there.closed().await, CloseReason::ByPeer(DisconnectReason::Requested));
    assert_eq!(here.closed().await, CloseReason::ByUs(DisconnectReason::Requested));
}

#[tokio::test(start_paused = true)]
async fn the_close_reason_is_set_before_a_channel_closes() {
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
    let there = support::run_inbound(b.unwrap());
    a.unwrap().refuse(DisconnectReason::AlreadyConnected).await;
    assert_eq!(there.closed().await, CloseReason::ByPeer(DisconnectReason::AlreadyConnected));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_of_a_connection_ends_it() {
    let (protocol, mut given) = handed_out("a");
    let (a, b) = streams(64 * 1024).await;
    let (here, there) = (local(1, &[protocol]), local(2, &[idle("a", 1)]));
    let config = Config::default();
    let (a, b) = tokio::join!(
        p2p_mux::exchange_hello(a, &here, &config),
        p2p_mux::exchange_hello(b, &there, &config)
    );
    let there = support::run_inbound(b.unwrap());
    let (peer, running) = a.unwrap().run(Origin::default(), CancellationToken::new());
    let result = timeout(SECOND, running).await;
    assert!(result.is_err(), "it ended by itself");
    let mut held = given.recv().await.unwrap();
    assert!(held.channel.recv().await.is_none());
    assert_eq!(held.channel.send(0, "").await, Err(SendError::Closed));
    assert!(peer.is_closed());
    assert_eq!(there.closed().await, CloseReason::Lost(LostReason::Eof));
}
