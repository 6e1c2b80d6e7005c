//! The stream over tokio's I/O: deadlines, closed connections, and dropped futures.

use std::time::Duration;

use crate::peers::{buffer, done, key, rng};
use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use p2p_identity::{KeyError, NodeId};
use rlpx_transport::{
    ConnectError, FrameError, HANDSHAKE_LIMIT, HandshakeError, Initiator, MAX_PAYLOAD, Message,
    Parts, Recipient, SecSettings, Stock, StockSize, Stream, StreamError, accept, accept_with,
    connect, connect_with,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, timeout};

/// Two ends that are connected, over a pipe that holds `room` bytes.
async fn pair(room: usize) -> (Stream<DuplexStream>, Stream<DuplexStream>) {
    let (here, there) = duplex(room);
    let (local, remote) = (key(1), key(2));
    let id = remote.id();
    tokio::try_join!(
        connect(here, &local, &id, HANDSHAKE_LIMIT),
        accept(there, &remote, HANDSHAKE_LIMIT)
    )
    .unwrap()
}

fn message(code: u64, payload: &'static [u8]) -> Message {
    Message { code, payload: payload.into() }
}

#[tokio::test]
async fn both_ends_know_each_other_and_talk() {
    for room in [1, 64, 64 * 1024] {
        let (mut a, mut b) = pair(room).await;
        assert_eq!((a.remote(), b.remote()), (key(2).id(), key(1).id()));
        let talk = async {
            a.write(0, b"hello").await?;
            a.flush().await?;
            a.enable_snappy();
            let answer = a.read().await?;
            a.write(300, &[5; 1000]).await?;
            a.close().await?;
            Ok::<_, StreamError>(answer)
        };
        let answer = async {
            assert_eq!(b.read().await?, Some(message(0, b"hello")));
            b.enable_snappy();
            b.write(17, b"").await?;
            b.flush().await?;
            assert_eq!(b.read().await?.unwrap().payload[..], [5; 1000]);
            b.read().await
        };
        let (answered, end) = tokio::try_join!(talk, answer).unwrap();
        assert_eq!((answered, end), (Some(message(17, b"")), None));
    }
}

#[tokio::test]
async fn a_stock_at_either_end_makes_no_difference_to_the_other() {
    let off = SecSettings::off();
    let filled = |byte| {
        let stock = Stock::new(&key(byte), StockSize::default());
        stock.refill(usize::MAX, &mut rng(byte.into()));
        stock
    };
    let (near, far, id) = (filled(1), filled(2), key(2).id());
    let (here, there) = duplex(4096);
    let (mut a, mut b) = tokio::try_join!(
        connect_with(here, &near, &id, &off, HANDSHAKE_LIMIT, rand::rng()),
        accept_with(there, &far, |_| SecSettings::off(), HANDSHAKE_LIMIT, rand::rng())
    )
    .unwrap();
    assert_eq!((a.remote(), b.remote()), (key(2).id(), key(1).id()));
    assert_eq!((near.keys(), far.keys()), (30, 30));
    a.write(1, b"from stock").await.unwrap();
    a.flush().await.unwrap();
    assert_eq!(b.read().await.unwrap(), Some(message(1, b"from stock")));

    let ((here, there), far) = (duplex(4096), key(2));
    tokio::try_join!(
        connect_with(here, &near, &id, &off, HANDSHAKE_LIMIT, rand::rng()),
        accept(there, &far, HANDSHAKE_LIMIT)
    )
    .unwrap();
    let ((here, _there), invalid) = (duplex(4096), NodeId([0x11; 64]));
    let refused = connect_with(here, &near, &invalid, &off, HANDSHAKE_LIMIT, rand::rng()).await;
    assert!(matches!(refused, Err(ConnectError::RemoteKey(KeyError::NotOnCurve))));
    assert_eq!(near.keys(), 28, "nothing was begun");
}

#[tokio::test]
async fn it_works_over_tcp() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = tokio::spawn(async move {
        let io = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut stream = connect(io, &key(1), &key(2).id(), HANDSHAKE_LIMIT).await.unwrap();
        stream.write(16, &vec![7; 300_000]).await.unwrap();
        stream.flush().await.unwrap();
        stream.read().await.unwrap().unwrap()
    });
    let (io, _) = listener.accept().await.unwrap();
    let mut stream = accept(io, &key(2), HANDSHAKE_LIMIT).await.unwrap();
    let received = stream.read().await.unwrap().unwrap();
    stream.write(received.code, &received.payload[..5]).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(client.await.unwrap(), message(16, &[7; 5]));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_dropped_at_the_deadline() {
    let limit = Duration::from_secs(3);
    let (here, _silent) = duplex(4096);
    let started = Instant::now();
    let refused = accept(here, &key(2), limit).await.unwrap_err();
    assert!(matches!(refused, ConnectError::TimedOut(after) if after == limit));
    assert_eq!(started.elapsed().as_secs(), 3);

    let (here, _silent) = duplex(4096);
    let refused = connect(here, &key(1), &key(2).id(), limit).await.unwrap_err();
    assert!(matches!(refused, ConnectError::TimedOut(_)));
    assert_eq!(started.elapsed().as_secs(), 6);

    // Not even room for our packet.
    let (here, _deaf) = duplex(16);
    let refused = connect(here, &key(1), &key(2).id(), limit).await.unwrap_err();
    assert!(matches!(refused, ConnectError::TimedOut(_)));
    assert_eq!(started.elapsed().as_secs(), 9);
}

/// The deadline is for the whole handshake: single bytes do not extend it.
#[tokio::test(start_paused = true)]
async fn a_peer_that_trickles_is_dropped_at_the_same_deadline() {
    let (here, mut there) = duplex(4096);
    let trickle = tokio::spawn(async move {
        let (_, auth) = Initiator::start(&key(1), &key(2).public_key(), &mut rng(1));
        for byte in auth {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if there.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    });
    let started = Instant::now();
    let refused = accept(here, &key(2), HANDSHAKE_LIMIT).await.unwrap_err();
    assert!(matches!(refused, ConnectError::TimedOut(_)));
    assert_eq!(started.elapsed().as_secs(), 5);
    trickle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_endless_ack_is_dropped_at_the_deadline_and_an_oversized_one_at_once() {
    let (here, mut there) = duplex(4096);
    there.write_all(&[0x02, 0x00, 0xaa, 0xaa]).await.unwrap();
    let refused = connect(here, &key(1), &key(2).id(), HANDSHAKE_LIMIT).await.unwrap_err();
    assert!(matches!(refused, ConnectError::TimedOut(_)));

    let (here, mut there) = duplex(4096);
    there.write_all(&[0xff; 4]).await.unwrap();
    let started = Instant::now();
    let refused = connect(here, &key(1), &key(2).id(), HANDSHAKE_LIMIT).await.unwrap_err();
    let oversized = HandshakeError::Oversized { size: 0xffff, limit: 2048 };
    assert!(matches!(refused, ConnectError::Handshake(cause) if cause == oversized));
    assert_eq!(started.elapsed(), Duration::ZERO);
}

/// The peer learns from a refused handshake that the connection ends, and nothing else.
#[tokio::test]
async fn a_handshake_for_another_node_ends_silently() {
    let (here, there) = duplex(4096);
    let (local, wrong) = (key(1), key(3).id());
    let (connected, accepted) =
        tokio::join!(connect(here, &local, &wrong, HANDSHAKE_LIMIT), async {
            accept(there, &key(2), HANDSHAKE_LIMIT).await
        });
    assert!(matches!(accepted, Err(ConnectError::Handshake(HandshakeError::Sealed(_)))));
    assert!(matches!(connected, Err(ConnectError::Unanswered)));

    for garbage in [&[0x00; 100][..], &[0xff; 100], &[0x01; 400]] {
        let (here, mut there) = duplex(4096);
        there.write_all(garbage).await.unwrap();
        let refused = accept(here, &key(2), HANDSHAKE_LIMIT).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Handshake(_)));
        let mut answer = Vec::new();
        there.read_to_end(&mut answer).await.unwrap();
        assert!(answer.is_empty());
    }
}

#[tokio::test]
async fn an_id_that_is_no_key_is_refused_before_anything_is_sent() {
    let (here, mut there) = duplex(4096);
    let invalid = NodeId([0x11; 64]);
    let refused = connect(here, &key(1), &invalid, HANDSHAKE_LIMIT).await.unwrap_err();
    assert!(matches!(refused, ConnectError::RemoteKey(KeyError::NotOnCurve)));
    assert_eq!(there.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn the_end_inside_a_frame_is_told_from_the_end_between_two() {
    for cut in [1, 31, 32, 33, 60] {
        let (here, mut there) = duplex(4096);
        let accepting = tokio::spawn(async move { accept(here, &key(2), HANDSHAKE_LIMIT).await });
        let mut session = raw_session(&mut there).await;
        let mut wire = BytesMut::new();
        session.sealer.seal(1, b"whole", &mut wire).unwrap();
        let whole = wire.len();
        session.sealer.seal(1, b"cut short", &mut wire).unwrap();
        there.write_all(&wire[..whole + cut]).await.unwrap();
        drop(there);

        let mut stream = accepting.await.unwrap().unwrap();
        assert_eq!(stream.read().await.unwrap(), Some(message(1, b"whole")));
        assert!(matches!(stream.read().await, Err(StreamError::Truncated)), "{cut}");
    }
}

/// The session of an initiator without a [`Stream`].
async fn raw_session(io: &mut DuplexStream) -> rlpx_transport::Session {
    let (initiator, auth) = Initiator::start(&key(1), &key(2).public_key(), &mut rng(1));
    io.write_all(&auth).await.unwrap();
    let mut size = [0; 2];
    io.read_exact(&mut size).await.unwrap();
    let mut ack = vec![0; u16::from_be_bytes(size).into()];
    io.read_exact(&mut ack).await.unwrap();
    done(initiator.handle(&mut buffer(&[&size[..], &ack].concat())).unwrap())
}

#[tokio::test]
async fn a_wrong_mac_ends_the_stream() {
    let (here, mut there) = duplex(4096);
    let accepting = tokio::spawn(async move { accept(here, &key(2), HANDSHAKE_LIMIT).await });
    let mut session = raw_session(&mut there).await;
    let mut wire = BytesMut::new();
    session.sealer.seal(1, b"first", &mut wire).unwrap();
    wire[40] ^= 1;
    session.sealer.seal(1, b"second", &mut wire).unwrap();
    there.write_all(&wire).await.unwrap();

    let mut stream = accepting.await.unwrap().unwrap();
    assert!(matches!(stream.read().await, Err(StreamError::Frame(FrameError::BodyMac))));
    assert!(matches!(stream.read().await, Err(StreamError::Frame(FrameError::Failed))));
    assert!(stream.next().await.is_none(), "as a futures stream it ends");
}

#[tokio::test]
async fn the_limit_holds_for_what_is_received() {
    let (mut a, mut b) = pair(64 * 1024).await;
    b.set_limit(100);
    a.write(1, &[0; 200]).await.unwrap();
    a.flush().await.unwrap();
    let refused = b.read().await.unwrap_err();
    assert!(matches!(refused, StreamError::Frame(FrameError::Oversized { size: 200, limit: 100 })));
}

#[tokio::test]
async fn a_message_too_large_leaves_the_stream_as_it_was() {
    let (mut a, mut b) = pair(64 * 1024).await;
    let refused = a.write(1, &vec![0; MAX_PAYLOAD + 1]).await.unwrap_err();
    assert!(matches!(refused, StreamError::Frame(FrameError::TooLarge { .. })));
    a.write(1, b"small").await.unwrap();
    a.flush().await.unwrap();
    assert_eq!(b.read().await.unwrap(), Some(message(1, b"small")));
}

#[tokio::test(start_paused = true)]
async fn dropped_futures_lose_nothing() {
    let (mut a, mut b) = pair(100).await;
    let moment = Duration::from_millis(1);
    // Reads that are cancelled, before and within a frame.
    assert!(timeout(moment, b.read()).await.is_err());
    a.write(1, &[1; 200_000]).await.unwrap();
    assert!(timeout(moment, a.flush()).await.is_err());
    assert!(timeout(moment, b.read()).await.is_err());
    // A write that is cancelled while it waits for room was not sealed.
    assert!(timeout(moment, a.write(2, b"given up")).await.is_err());
    let (written, read) = tokio::join!(
        async {
            a.write(3, b"not given up").await?;
            a.flush().await
        },
        async { (b.read().await.unwrap().unwrap(), b.read().await.unwrap().unwrap()) }
    );
    written.unwrap();
    assert_eq!((read.0.code, &read.0.payload[..]), (1, &[1; 200_000][..]));
    assert_eq!(read.1, message(3, b"not given up"));
}

#[tokio::test]
async fn taken_apart_nothing_is_lost() {
    let (mut a, b) = pair(64 * 1024).await;
    a.write(1, b"sealed, not written").await.unwrap();
    let Parts { mut io, mut session, mut unsent, .. } = a.into_parts();
    session.sealer.seal(2, b"sealed after", &mut unsent).unwrap();
    io.write_all(&unsent).await.unwrap();

    let mut b = b;
    assert_eq!(b.read().await.unwrap().unwrap().code, 1);
    // The second message came with the first and is still to be opened.
    let Parts { mut session, mut received, .. } = b.into_parts();
    let opened = session.opener.open(&mut received).unwrap();
    assert_eq!(opened, Some(message(2, b"sealed after")));
}

#[tokio::test]
async fn it_is_a_stream_and_a_sink() {
    let (a, b) = pair(1000).await;
    let (mut sink, mut back) = a.split();
    let (mut echo, received) = b.split();
    let server = tokio::spawn(async move {
        let mut received = received.take(50);
        while let Some(message) = received.next().await {
            echo.send(message?).await?;
        }
        echo.close().await
    });
    let client = tokio::spawn(async move {
        for code in 0..50 {
            sink.feed(Message { code, payload: vec![9; 3000].into() }).await?;
        }
        SinkExt::flush(&mut sink).await
    });
    let mut codes = Vec::new();
    while let Some(message) = back.next().await {
        codes.push(message.unwrap().code);
    }
    assert_eq!(codes, (0..50).collect::<Vec<u64>>());
    client.await.unwrap().unwrap();
    server.await.unwrap().unwrap();
}

/// The machines and the stream are compatible.
#[tokio::test]
async fn a_bare_recipient_answers_a_stream() {
    let (here, mut there) = duplex(4096);
    let connecting =
        tokio::spawn(async { connect(here, &key(1), &key(2).id(), HANDSHAKE_LIMIT).await });
    let mut input = BytesMut::new();
    let mut recipient = Recipient::new(&key(2));
    let accepted = loop {
        there.read_buf(&mut input).await.unwrap();
        recipient = match recipient.handle(&mut input, &mut rng(1)).unwrap() {
            rlpx_transport::HandshakeStep::NeedMore(recipient) => recipient,
            rlpx_transport::HandshakeStep::Done(accepted) => break accepted,
        };
    };
    let (mut session, mut wire) = (accepted.session, buffer(&accepted.ack));
    session.sealer.seal(0, b"right behind the ack", &mut wire).unwrap();
    there.write_all(&wire).await.unwrap();
    let mut stream = connecting.await.unwrap().unwrap();
    assert_eq!(stream.read().await.unwrap(), Some(message(0, b"right behind the ack")));
}
