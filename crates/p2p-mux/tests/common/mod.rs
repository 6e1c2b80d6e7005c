//! What the tests of this crate share: two ends in one thread, over a duplex, or one raw peer.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

pub mod ends;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use p2p_mux::{
    Channel, CloseReason, Config, Exit, Hello, LocalNode, MemoryBudget, NegotiatedConnection,
    Origin, Peer, Protocol, base,
    identity::SecretKey,
    transport::{self, HANDSHAKE_LIMIT, Initiator, Recipient, Session, Step, Stream},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    io::DuplexStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub const SECOND: Duration = Duration::from_secs(1);

/// The key of node number `node`.
pub fn key(node: u8) -> SecretKey {
    SecretKey::from_bytes(&[node; 32]).unwrap()
}

/// Both ends of one transport session, made without I/O; the first is node 1, the other node 2.
pub fn sessions() -> (Session, Session) {
    let mut rng = StdRng::seed_from_u64(1);
    let (initiator, auth) = Initiator::start(&key(1), &key(2).public_key(), &mut rng);
    let mut wire = BytesMut::from(&auth[..]);
    let Step::Done(accepted) = Recipient::new(&key(2)).handle(&mut wire, &mut rng).unwrap() else {
        panic!("auth is whole")
    };
    let mut wire = BytesMut::from(&accepted.ack[..]);
    let Step::Done(session) = initiator.handle(&mut wire).unwrap() else { panic!("ack is whole") };
    (session, accepted.session)
}

/// Both ends of a transport stream over a pipe that holds `buffer` bytes, before Hello.
pub async fn streams(buffer: usize) -> (Stream<DuplexStream>, Stream<DuplexStream>) {
    let (here, there) = tokio::io::duplex(buffer);
    let (alice, bob) = (key(1), key(2));
    let bob_id = bob.id();
    tokio::join!(
        async { transport::connect(here, &alice, &bob_id, HANDSHAKE_LIMIT).await.unwrap() },
        async { transport::accept(there, &bob, HANDSHAKE_LIMIT).await.unwrap() },
    )
}

/// Node number `node` with these sub-protocols.
pub fn local(node: u8, protocols: &[Protocol]) -> LocalNode {
    LocalNode {
        client: format!("node-{node}/test"),
        protocols: protocols.to_vec(),
        port: 0,
        id: key(node).id(),
    }
}

/// One end of a running connection.
pub struct End {
    pub peer: Peer,
    pub stop: CancellationToken,
    pub life: JoinHandle<CloseReason>,
}

impl End {
    pub async fn closed(self) -> CloseReason {
        self.life.await.unwrap()
    }
}

/// Runs what has been greeted, at the end that called.
pub fn run(greeted: NegotiatedConnection<DuplexStream>) -> End {
    run_from(Origin::default(), greeted)
}

/// The same at the end that was called.
pub fn run_called(greeted: NegotiatedConnection<DuplexStream>) -> End {
    run_from(Origin { inbound: true, ..Origin::default() }, greeted)
}

fn run_from(origin: Origin, greeted: NegotiatedConnection<DuplexStream>) -> End {
    let stop = CancellationToken::new();
    let (peer, life) = greeted.run(origin, stop.clone());
    End { peer, stop, life: tokio::spawn(life) }
}

/// Two nodes connected over a pipe that holds `buffer` bytes.
pub async fn connect_over(
    buffer: usize,
    here: &[Protocol],
    there: &[Protocol],
    config: Config,
) -> (End, End) {
    let (a, b) = streams(buffer).await;
    let (a, b) = tokio::join!(
        async { p2p_mux::exchange_hello(a, &local(1, here), &config).await.unwrap() },
        async { p2p_mux::exchange_hello(b, &local(2, there), &config).await.unwrap() },
    );
    (run(a), run_called(b))
}

/// The same over a pipe of 64 KiB with default limits, where the connection of the first has its part
/// in `memory`.
pub async fn connect_within(
    memory: &MemoryBudget,
    here: &[Protocol],
    there: &[Protocol],
) -> (End, End) {
    let (a, b) = streams(64 * 1024).await;
    let (here, there) = (local(1, here), local(2, there));
    let config = Config::default();
    let (a, b) = tokio::join!(
        p2p_mux::exchange_hello(a, &here, &config),
        p2p_mux::exchange_hello(b, &there, &config)
    );
    (run(a.unwrap().with_memory(memory)), run_called(b.unwrap()))
}

/// Two nodes connected over a pipe of 64 KiB, with default limits.
pub async fn connect(here: &[Protocol], there: &[Protocol]) -> (End, End) {
    connect_over(64 * 1024, here, there, Config::default()).await
}

/// Node 1 with these sub-protocols, connected to a raw peer that is node 2 and has said `hello`.
pub async fn connect_raw(
    here: &[Protocol],
    hello: &Hello,
    config: Config,
) -> (End, Stream<DuplexStream>) {
    connect_raw_within(&MemoryBudget::unlimited(), here, hello, config).await
}

/// The same, where the connection has its part in `memory`.
pub async fn connect_raw_within(
    memory: &MemoryBudget,
    here: &[Protocol],
    hello: &Hello,
    config: Config,
) -> (End, Stream<DuplexStream>) {
    let (a, mut raw) = streams(64 * 1024).await;
    let (a, ()) = tokio::join!(
        async { p2p_mux::exchange_hello(a, &local(1, here), &config).await.unwrap() },
        async {
            say_hello(&mut raw, hello).await;
            hear_hello(&mut raw).await;
            if hello.has_snappy() {
                raw.enable_snappy();
            }
        },
    );
    (run(a.with_memory(memory)), raw)
}

/// That many bytes that Snappy cannot make fewer.
pub fn noise(length: usize) -> Bytes {
    StdRng::seed_from_u64(1).random_iter::<u8>().take(length).collect()
}

pub async fn say_hello(raw: &mut Stream<DuplexStream>, hello: &Hello) {
    raw.write(base::HELLO, &hello.encode()).await.unwrap();
    raw.flush().await.unwrap();
}

pub async fn hear_hello(raw: &mut Stream<DuplexStream>) -> Hello {
    let first = raw.read().await.unwrap().unwrap();
    assert_eq!(first.code, base::HELLO);
    Hello::decode(&first.payload).unwrap()
}

/// What node 2 says that can do what `protocols` can.
pub fn hello_of(protocols: &[Protocol]) -> Hello {
    local(2, protocols).hello(&Config { chunk: false, ..Config::default() })
}

/// A running sub-protocol in the hands of a test.
pub struct Held {
    pub channel: Channel,
    /// What the sub-protocol's task is to do in the end; dropped, it returns.
    pub end: oneshot::Sender<Box<dyn FnOnce() -> Result<(), Exit> + Send>>,
}

/// A sub-protocol of 8 codes that hands its channel to the test.
pub fn handed_out(name: &'static str) -> (Protocol, mpsc::Receiver<Held>) {
    let (give, take) = mpsc::channel(4);
    let protocol = Protocol::new(name, 1, 8, move |_, channel| {
        let give = give.clone();
        async move {
            let (end, ended) = oneshot::channel();
            give.send(Held { channel, end }).await?;
            ended.await.map_or(Ok(()), |end: Box<dyn FnOnce() -> _ + Send>| end())
        }
    });
    (protocol, take)
}

/// A sub-protocol that never does anything.
pub fn idle(name: &'static str, version: u64) -> Protocol {
    Protocol::new(name, version, 8, |_, mut channel| async move {
        while channel.recv().await.is_some() {}
        Ok(())
    })
}
