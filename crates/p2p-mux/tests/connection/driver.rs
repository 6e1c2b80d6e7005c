//! Two nodes over a pipe: the messages that they exchange.

use crate::support::{
    self, SECOND, connect, connect_over, connect_raw, handed_out, hello_of, idle, local, streams,
};
use bytes::Bytes;
use p2p_mux::{Config, DisconnectReason, Exit, Hello, Protocol, SendError, base};
use tokio::{sync::mpsc, time::timeout};

const PING: u64 = 0;
const PONG: u64 = 1;

/// Answers pings, and sends the version and the content of each pong to `heard`.
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
async fn a_ping_is_answered() {
    let (heard, mut hear) = mpsc::channel(4);
    let (_here, _there) = connect(&[echo(1, heard.clone())], &[echo(1, heard)]).await;
    assert_eq!(hear.recv().await, Some((1, 7)));
    assert_eq!(hear.recv().await, Some((1, 7)));
}

#[tokio::test(start_paused = true)]
async fn the_highest_common_version_runs() {
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
    assert_eq!(a.peer.capabilities().len(), 4, "the announced ones");
    assert_eq!((a.peer.client(), a.peer.id()), ("node-2/test", support::key(2).id()));
}

#[tokio::test(start_paused = true)]
async fn messages_of_every_size_arrive_in_both_directions() {
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
async fn messages_to_a_version_4_peer_are_not_compressed() {
    let (protocol, mut given) = handed_out("old");
    let hello = Hello { version: 4, ..hello_of(std::slice::from_ref(&protocol)) };
    let (_here, mut raw) = connect_raw(&[protocol], &hello, Config::default()).await;
    let held = given.recv().await.unwrap();
    held.channel.send_raw(2, vec![9; 5000]).await.unwrap();
    let message = raw.read().await.unwrap().unwrap();
    assert_eq!((message.code, message.payload.len()), (18, 5000));
}

#[tokio::test(start_paused = true)]
async fn two_ends_that_flood_each_other_do_not_deadlock() {
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
            // The other end may still be receiving.
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
async fn messages_of_a_peer_that_does_not_read_are_received() {
    let (protocol, mut given) = handed_out("a");
    let hello = hello_of(std::slice::from_ref(&protocol));
    let (_here, mut raw) = connect_raw(&[protocol], &hello, Config::default()).await;
    let held = given.recv().await.unwrap();
    let (sender, mut receiver) = held.channel.split();
    let flood =
        tokio::spawn(
            async move { while sender.send_raw(0, support::noise(30_000)).await.is_ok() {} },
        );
    // The paused clock advances only when every task waits: all queues to the peer are full.
    tokio::time::sleep(SECOND).await;
    for number in 0..100u8 {
        raw.write(17, &[number]).await.unwrap();
        raw.flush().await.unwrap();
        let message = receiver.recv().await.unwrap();
        assert_eq!((message.code, &message.payload[..]), (1, &[number][..]));
    }
    assert!(!flood.is_finished(), "it still waits");
    drop(held.end);
}

#[tokio::test(start_paused = true)]
async fn two_idle_ends_keep_the_connection_alive_and_measure_the_round_trip() {
    let (here, there) = connect(&[idle("a", 1)], &[idle("a", 1)]).await;
    tokio::time::sleep(3601 * SECOND).await;
    assert!(!here.peer.is_closed() && !there.peer.is_closed());
    // They take turns to ping.
    for end in [&here, &there] {
        let stats = end.peer.stats();
        assert!(stats.round_trip.is_some());
        assert_eq!((stats.pings_in, stats.pongs_in), (120, 120));
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_refuses_what_cannot_be_sent() {
    let (here, mut given) = handed_out("a");
    let hello = hello_of(std::slice::from_ref(&here));
    let (_here, _raw) = connect_raw(&[here.outbound(1000)], &hello, Config::default()).await;
    let held = given.recv().await.unwrap();
    let sender = held.channel.sender();
    let beyond = SendError::NoSuchCode { code: 8, length: 8 };
    assert_eq!(sender.send(8, "").await, Err(beyond));
    let huge = vec![0; p2p_mux::MAX_MESSAGE + 1];
    assert!(matches!(sender.send_raw(0, huge).await, Err(SendError::TooLarge { .. })));
    // The driver does not run in between, so the queue fills.
    let refused = (0..100).map(|_| sender.try_send_raw(0, vec![0; 100])).find(Result::is_err);
    assert_eq!(refused, Some(Err(SendError::Full)));
    // A message larger than the queue waits until the queue is empty.
    timeout(SECOND, sender.send_raw(0, vec![0; 10_000])).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pipe_is_bounded_and_closes_when_one_end_is_dropped() {
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
async fn bytes_that_a_stream_has_not_flushed_are_sent() {
    // The stream has encrypted bytes that are not written yet.
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
