//! A network in memory between servers: streams with random delays, on the clock of the runtime.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use p2p_server::{NodeDialer, Server, identity::NodeId};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    time::sleep,
};

/// Number of bytes that pass at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// The network. Clones share it. It keeps the added servers alive.
#[derive(Clone)]
pub(crate) struct Net {
    servers: Arc<Mutex<HashMap<NodeId, Server>>>,
    rng: Arc<Mutex<StdRng>>,
    /// Maximum delay of a chunk, in milliseconds.
    max_delay: u64,
    begun: Arc<AtomicU64>,
    open: Arc<AtomicU64>,
}

impl Net {
    pub(crate) fn new(seed: u64, max_delay: u64) -> Self {
        Self {
            servers: Arc::default(),
            rng: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))),
            max_delay,
            begun: Arc::default(),
            open: Arc::default(),
        }
    }

    /// Makes a server reachable.
    pub(crate) fn add(&self, server: &Server) {
        self.servers.lock().unwrap().insert(server.id(), server.clone());
    }

    /// A dialer over this network. It does not keep the servers alive.
    pub(crate) fn dialer(&self) -> NodeDialer {
        let net = self.clone();
        let servers = Arc::downgrade(&net.servers);
        let net = Self { servers: Arc::default(), ..net };
        NodeDialer::new(move |enode| {
            let server =
                servers.upgrade().and_then(|all| all.lock().unwrap().get(&enode.id).cloned());
            let net = net.clone();
            async move {
                server.map(|to| net.connect(&to)).ok_or(io::ErrorKind::ConnectionRefused.into())
            }
        })
    }

    /// Number of streams that were opened.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// Number of open streams.
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::SeqCst)
    }

    fn connect(&self, to: &Server) -> DuplexStream {
        let ((ours, near), (far, theirs)) = (duplex(CHUNK_BYTES), duplex(CHUNK_BYTES));
        let (net, number) = (self.clone(), self.begun.fetch_add(1, Ordering::SeqCst));
        tokio::spawn(async move {
            net.open.fetch_add(1, Ordering::SeqCst);
            let ((from_us, to_us), (from_them, to_them)) = (split(near), split(far));
            tokio::join!(net.pass(from_us, to_them), net.pass(from_them, to_us));
            net.open.fetch_sub(1, Ordering::SeqCst);
        });
        let port = 1 + u16::try_from(number % 60_000).unwrap();
        to.accept(theirs, ([127, 0, 0, 1], port).into());
        ours
    }

    /// Copies one direction, in order. Each chunk is delayed, and so is the end of the stream.
    async fn pass(&self, mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let length = from.read(&mut buffer).await.unwrap_or(0);
            let delay = self.rng.lock().unwrap().random_range(0..=self.max_delay);
            sleep(Duration::from_millis(delay)).await;
            if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
                // An error means that the other end has closed its stream; it sees the end when it reads.
                let _ = to.shutdown().await;
                return;
            }
        }
    }
}
