//! A network in memory between servers: streams that take their time, on the clock of the runtime.

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

/// What comes at once.
const CHUNK: usize = 16 * 1024;

/// Clones are the same network. It holds the servers that were added to it.
#[derive(Clone)]
pub(crate) struct Net {
    servers: Arc<Mutex<HashMap<NodeId, Server>>>,
    rng: Arc<Mutex<StdRng>>,
    /// The longest that a word takes, in milliseconds.
    delay: u64,
    begun: Arc<AtomicU64>,
    open: Arc<AtomicU64>,
}

impl Net {
    pub(crate) fn new(seed: u64, delay: u64) -> Self {
        Self {
            servers: Arc::default(),
            rng: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))),
            delay,
            begun: Arc::default(),
            open: Arc::default(),
        }
    }

    /// From here on the server can be reached.
    pub(crate) fn add(&self, server: &Server) {
        self.servers.lock().unwrap().insert(server.id(), server.clone());
    }

    /// Dials over this network. It does not hold the servers.
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

    /// How many streams were opened.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// How many are open.
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::SeqCst)
    }

    fn connect(&self, to: &Server) -> DuplexStream {
        let ((ours, near), (far, theirs)) = (duplex(CHUNK), duplex(CHUNK));
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

    /// One direction: nothing overtakes, all takes its time, the end too.
    async fn pass(&self, mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) {
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = from.read(&mut buffer).await.unwrap_or(0);
            let delay = self.rng.lock().unwrap().random_range(0..=self.delay);
            sleep(Duration::from_millis(delay)).await;
            if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
                // The other end may be gone: it hears of it when it reads.
                let _ = to.shutdown().await;
                return;
            }
        }
    }
}
