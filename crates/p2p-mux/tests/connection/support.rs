//! Helpers of the tests: two connected nodes in one thread, or a node and a raw peer.

pub(crate) mod ends;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use p2p_mux::{
    Channel, CloseReason, Config, Exit, Hello, LocalNode, MemoryBudget, NegotiatedConnection,
    Origin, Peer, Protocol, base,
    identity::SecretKey,
    transport::{
        self, HANDSHAKE_LIMIT, HandshakeStep, Initiator, Recipient, SecPolicy, SecSettings,
        Session, Stock, StockSize, Stream,
    },
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    io::DuplexStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The key of node `node`.
pub(crate) fn key(node: u8) -> SecretKey {
    SecretKey::from_bytes(&[node; 32]).unwrap()
}

/// Both ends of a transport session, made without I/O: node 1 and node 2.
pub(crate) fn sessions() -> (Session, Session) {
    let mut rng = StdRng::seed_from_u64(1);
    let (initiator, auth) = Initiator::start(&key(1), &key(2).public_key(), &mut rng);
    let mut wire = BytesMut::from(&auth[..]);
    let HandshakeStep::Done(accepted) =
        Recipient::new(&key(2)).handle(&mut wire, &mut rng).unwrap()
    else {
        panic!("auth is incomplete")
    };
    let mut wire = BytesMut::from(&accepted.ack[..]);
    let HandshakeStep::Done(session) = initiator.handle(&mut wire).unwrap() else {
        panic!("ack is incomplete")
    };
    (session, accepted.session)
}

/// As [`sessions`], over `sec/1`.
pub(crate) fn sec_sessions() -> (Session, Session) {
    let mut rng = StdRng::seed_from_u64(1);
    let (stock, sec) =
        (Stock::new(&key(1), StockSize::default()), SecSettings::new(SecPolicy::Require));
    let (initiator, auth) =
        Initiator::start_with(&stock, &key(2).public_key(), &sec, &mut rng).unwrap();
    let recipient = Recipient::with_sec(&key(2), &sec);
    let HandshakeStep::Done(accepted) =
        recipient.handle(&mut BytesMut::from(&auth[..]), &mut rng).unwrap()
    else {
        panic!("auth is incomplete")
    };
    let HandshakeStep::Done(session) =
        initiator.handle(&mut BytesMut::from(&accepted.ack[..])).unwrap()
    else {
        panic!("ack is incomplete")
    };
    (session, accepted.session)
}

/// Both ends of a transport stream over a pipe with room for `buffer` bytes, before Hello.
pub(crate) async fn streams(buffer: usize) -> (Stream<DuplexStream>, Stream<DuplexStream>) {
    let (here, there) = tokio::io::duplex(buffer);
    let (alice, bob) = (key(1), key(2));
    let bob_id = bob.id();
    tokio::join!(
        async { transport::connect(here, &alice, &bob_id, HANDSHAKE_LIMIT).await.unwrap() },
        async { transport::accept(there, &bob, HANDSHAKE_LIMIT).await.unwrap() },
    )
}

/// As [`streams`], over plain RLPx.
pub(crate) async fn plain_streams(buffer: usize) -> (Stream<DuplexStream>, Stream<DuplexStream>) {
    let (here, there) = tokio::io::duplex(buffer);
    let (alice, bob) = (key(1), key(2));
    let (stock, bob_id) = (Stock::new(&alice, StockSize::default()), bob.id());
    let off = SecSettings::off();
    tokio::join!(
        async {
            let rng = StdRng::seed_from_u64(1);
            let limit = HANDSHAKE_LIMIT;
            transport::connect_with(here, &stock, &bob_id, &off, limit, rng).await.unwrap()
        },
        async { transport::accept(there, &bob, HANDSHAKE_LIMIT).await.unwrap() },
    )
}

/// Node `node` with these sub-protocols.
pub(crate) fn local(node: u8, protocols: &[Protocol]) -> LocalNode {
    LocalNode {
        client: format!("node-{node}/test"),
        protocols: protocols.to_vec(),
        port: 0,
        id: key(node).id(),
    }
}

/// One end of a running connection.
pub(crate) struct End {
    pub(crate) peer: Peer,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<CloseReason>,
}

impl End {
    pub(crate) async fn closed(self) -> CloseReason {
        self.running.await.unwrap()
    }
}

/// Runs a connection at the end that opened it.
pub(crate) fn run(negotiated: NegotiatedConnection<DuplexStream>) -> End {
    run_from(Origin::default(), negotiated)
}

/// Runs a connection at the end that accepted it.
pub(crate) fn run_inbound(negotiated: NegotiatedConnection<DuplexStream>) -> End {
    run_from(Origin { inbound: true, ..Origin::default() }, negotiated)
}

fn run_from(origin: Origin, negotiated: NegotiatedConnection<DuplexStream>) -> End {
    let stop = CancellationToken::new();
    let (peer, running) = negotiated.run(origin, stop.clone());
    End { peer, stop, running: tokio::spawn(running) }
}

/// Two nodes, connected over a pipe with room for `buffer` bytes.
pub(crate) async fn connect_over(
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
    (run(a), run_inbound(b))
}

/// Two nodes, connected over a pipe of 64 KiB with the default configuration. The connection of the first
/// shares `memory`.
pub(crate) async fn connect_within(
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
    (run(a.unwrap().with_memory(memory)), run_inbound(b.unwrap()))
}

/// Two nodes, connected over a pipe of 64 KiB with the default configuration.
pub(crate) async fn connect(here: &[Protocol], there: &[Protocol]) -> (End, End) {
    connect_over(64 * 1024, here, there, Config::default()).await
}

/// Node 1 with these sub-protocols, connected to a raw peer that is node 2 and has sent `hello`.
pub(crate) async fn connect_raw(
    here: &[Protocol],
    hello: &Hello,
    config: Config,
) -> (End, Stream<DuplexStream>) {
    connect_raw_within(&MemoryBudget::unlimited(), here, hello, config).await
}

/// Same as [`connect_raw`], with a connection that shares `memory`.
pub(crate) async fn connect_raw_within(
    memory: &MemoryBudget,
    here: &[Protocol],
    hello: &Hello,
    config: Config,
) -> (End, Stream<DuplexStream>) {
    let (a, mut raw) = streams(64 * 1024).await;
    let (a, ()) = tokio::join!(
        async { p2p_mux::exchange_hello(a, &local(1, here), &config).await.unwrap() },
        async {
            send_hello(&mut raw, hello).await;
            receive_hello(&mut raw).await;
            if hello.has_snappy() {
                raw.enable_snappy();
            }
        },
    );
    (run(a.with_memory(memory)), raw)
}

/// `length` bytes that Snappy cannot compress.
pub(crate) fn noise(length: usize) -> Bytes {
    StdRng::seed_from_u64(1).random_iter::<u8>().take(length).collect()
}

pub(crate) async fn send_hello(raw: &mut Stream<DuplexStream>, hello: &Hello) {
    raw.write(base::HELLO, &hello.encode()).await.unwrap();
    raw.flush().await.unwrap();
}

pub(crate) async fn receive_hello(raw: &mut Stream<DuplexStream>) -> Hello {
    let first = raw.read().await.unwrap().unwrap();
    assert_eq!(first.code, base::HELLO);
    Hello::decode(&first.payload).unwrap()
}

/// The Hello of node 2 with these sub-protocols, without `chunk/1`.
pub(crate) fn hello_of(protocols: &[Protocol]) -> Hello {
    local(2, protocols).hello(&Config { chunk: false, ..Config::default() })
}

/// A running sub-protocol that a test controls.
pub(crate) struct Held {
    pub(crate) channel: Channel,
    /// How the task of the sub-protocol ends. If this is dropped, it returns.
    pub(crate) end: oneshot::Sender<Box<dyn FnOnce() -> Result<(), Exit> + Send>>,
}

/// A sub-protocol of 8 codes that passes its channel to the test.
pub(crate) fn handed_out(name: &'static str) -> (Protocol, mpsc::Receiver<Held>) {
    let (sender, given) = mpsc::channel(4);
    let protocol = Protocol::new(name, 1, 8, move |_, channel| {
        let sender = sender.clone();
        async move {
            let (end, ended) = oneshot::channel();
            sender.send(Held { channel, end }).await?;
            ended.await.map_or(Ok(()), |end: Box<dyn FnOnce() -> _ + Send>| end())
        }
    });
    (protocol, given)
}

/// A sub-protocol that only discards its messages.
pub(crate) fn idle(name: &'static str, version: u64) -> Protocol {
    Protocol::new(name, version, 8, |_, mut channel| async move {
        while channel.recv().await.is_some() {}
        Ok(())
    })
}
