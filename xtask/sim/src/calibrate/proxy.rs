//! Lines with a latency: a proxy on loopback that holds each byte back.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Parts of a stream that are held back at most.
const HELD: usize = 4096;

/// Lines with the same latency, the bytes on all of them, and how long these really took.
#[derive(Debug)]
pub(super) struct Proxy {
    latency: Duration,
    bytes: AtomicU64,
    took: Mutex<Vec<Duration>>,
}

impl Proxy {
    pub(super) fn new(latency: Duration) -> Self {
        Self { latency, bytes: AtomicU64::new(0), took: Mutex::default() }
    }

    /// Bytes in both directions so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How long the lines really took (median): a timer fires late, the more so on a busy machine.
    pub(super) fn took(&self) -> Duration {
        let mut took = self.took.lock().unwrap_or_else(PoisonError::into_inner).clone();
        took.sort_unstable();
        took.get(took.len() / 2).copied().unwrap_or(self.latency)
    }

    /// Opens an address that leads to `addr`.
    pub(super) async fn before(self: Arc<Self>, addr: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let opened = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(addr).await else { return };
                if near.set_nodelay(true).and(far.set_nodelay(true)).is_err() {
                    return;
                }
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(Arc::clone(&self).carry(near_in, far_out));
                tokio::spawn(Arc::clone(&self).carry(far_in, near_out));
            }
        });
        Ok(opened)
    }

    /// One direction of a connection. It ends when one of its ends does.
    async fn carry(self: Arc<Self>, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let (held, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(HELD);
        let latency = self.latency;
        let line = Arc::clone(&self);
        tokio::spawn(async move {
            while let Some((read, bytes)) = due.recv().await {
                sleep_until(read + latency).await;
                // Without the time to write: only the lateness of the timer belongs to the line.
                line.took.lock().unwrap_or_else(PoisonError::into_inner).push(read.elapsed());
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        });
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            self.bytes.fetch_add(length as u64, Ordering::Relaxed);
            let part = (Instant::now(), buffer[..length].to_vec());
            if held.send(part).await.is_err() {
                return;
            }
        }
    }
}
