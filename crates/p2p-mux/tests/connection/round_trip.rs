//! The round trips that the owner of a connection is told.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use p2p_mux::{
    Config, NegotiatedConnection, Origin, exchange_hello,
    transport::{self, HANDSHAKE_LIMIT},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::support::{SECOND, idle, key, local};

type Reported = Arc<Mutex<Vec<Duration>>>;

/// A stream with what was reported about it.
struct Reporting {
    stream: DuplexStream,
    reported: Reported,
}

impl Reporting {
    fn report(&self, round_trip: Duration) {
        self.reported.lock().unwrap().push(round_trip);
    }
}

impl AsyncRead for Reporting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Reporting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Two ends of a line that delays each chunk by `millis`.
fn line(millis: &Arc<AtomicU64>) -> [Reporting; 2] {
    let ((here, near), (far, there)) = (tokio::io::duplex(1 << 16), tokio::io::duplex(1 << 16));
    let ((near_out, near_in), (far_out, far_in)) = (tokio::io::split(near), tokio::io::split(far));
    tokio::spawn(delay(Arc::clone(millis), near_out, far_in));
    tokio::spawn(delay(Arc::clone(millis), far_out, near_in));
    [here, there].map(|stream| Reporting { stream, reported: Reported::default() })
}

async fn delay(
    millis: Arc<AtomicU64>,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) {
    let mut chunk = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        sleep(Duration::from_millis(millis.load(SeqCst))).await;
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

/// Runs both ends of a line.
async fn run_both([here, there]: [Reporting; 2]) {
    let end = |node: u8| (local(node, &[idle("a", 1)]), Config::default());
    let bob = key(2).id();
    let (here, there) = tokio::join!(
        async {
            let (local, config) = end(1);
            let stream = transport::connect(here, &key(1), &bob, HANDSHAKE_LIMIT).await.unwrap();
            exchange_hello(stream, &local, &config).await.unwrap()
        },
        async {
            let (local, config) = end(2);
            let stream = transport::accept(there, &key(2), HANDSHAKE_LIMIT).await.unwrap();
            exchange_hello(stream, &local, &config).await.unwrap()
        },
    );
    let run = |negotiated: NegotiatedConnection<Reporting>, inbound| {
        let origin = Origin { inbound, ..Origin::default() };
        let (_, running) =
            negotiated.on_round_trip(Reporting::report).run(origin, CancellationToken::new());
        tokio::spawn(running);
    };
    run(here, false);
    run(there, true);
}

#[tokio::test(start_paused = true)]
async fn the_hello_and_then_each_shorter_ping_are_reported() {
    let millis = Arc::new(AtomicU64::new(50));
    let ends = line(&millis);
    let [dialed, accepted] = [&ends[0], &ends[1]].map(|end| Arc::clone(&end.reported));
    let reported = || [&dialed, &accepted].map(|end| end.lock().unwrap().clone());
    let ms = Duration::from_millis;
    run_both(ends).await;
    sleep(SECOND).await;
    assert_eq!(reported(), [vec![], vec![ms(100)]], "only the end that accepted waits for Hello");
    millis.store(20, SeqCst);
    sleep(100 * SECOND).await;
    assert_eq!(reported(), [vec![ms(40)], vec![ms(100), ms(40)]]);
    millis.store(30, SeqCst);
    sleep(100 * SECOND).await;
    assert_eq!(reported(), [vec![ms(40)], vec![ms(100), ms(40)]], "only shorter ones are reported");
    millis.store(10, SeqCst);
    sleep(100 * SECOND).await;
    assert_eq!(reported(), [vec![ms(40), ms(20)], vec![ms(100), ms(40), ms(20)]]);
}
