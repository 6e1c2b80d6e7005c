//! The exchange of Hello, which turns a transport stream into a connection.

use std::{collections::BTreeSet, future::pending, sync::Arc, task::Waker, time::Duration};

use bytes::BytesMut;
use p2p_identity::NodeId;
use rlpx_transport::{FrameError, Link, Message as Frame, Opener, Parts, Session, Stream};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Capability, Chunks, CloseReason, Config, Connection, DisconnectReason, Hello, HelloError,
    LostReason, MAX_HELLO, MemoryBudget, Offer, Origin, P2P_VERSION, Peer, Protocol,
    SharedCapability, SlotSettings, base,
    driver::{Driver, Outbox, RoundTrips, SlotTasks, hang_up},
    negotiate,
};

/// Maximum time to send a Disconnect in place of Hello.
const REFUSAL_LIMIT: Duration = Duration::from_secs(2);

/// What this end announces in Hello, and the sub-protocols that it can run.
#[derive(Clone, Debug)]
pub struct LocalNode {
    /// Client name, as `name/version/system`.
    pub client: String,
    /// The sub-protocols, with any number of versions of each name.
    pub protocols: Vec<Protocol>,
    /// Listening port, or 0. Other nodes ignore it.
    pub port: u16,
    /// Node id. It must be the one of the key used in the handshake.
    pub id: NodeId,
}

/// A stream on which both ends have sent Hello and share at least one sub-protocol.
///
/// No sub-protocol runs yet: the owner either [runs](Self::run) or [refuses](Self::refuse) it. No
/// time limit applies until then, so decide soon.
#[derive(Debug)]
pub struct NegotiatedConnection<Io> {
    wire: Wire<Io>,
    hello: Hello,
    capabilities: Vec<Capability>,
    slots: Vec<(SharedCapability, Protocol)>,
    chunks: Option<Chunks>,
    config: Config,
    memory: MemoryBudget,
    round_trips: RoundTrips<Io>,
}

/// The result of an exchange of Hello.
struct Negotiated {
    hello: Hello,
    slots: Vec<(SharedCapability, Protocol)>,
    chunks: Option<Chunks>,
}

/// Why the exchange of Hello failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HelloExchangeError {
    /// It took longer than [`Config::hello_limit`].
    #[error("no Hello in time")]
    Timeout,
    /// The peer sent a Disconnect in place of Hello.
    #[error("refused by the peer: {0}")]
    Refused(DisconnectReason),
    /// The first message was something else.
    #[error("message {code:#x} instead of Hello")]
    Unexpected {
        /// The message id.
        code: u64,
    },
    /// The Hello of the peer was not accepted.
    #[error(transparent)]
    Hello(#[from] HelloError),
    /// No sub-protocol in common. The peer has these.
    #[error("no sub-protocol in common, the peer has {}", list(.0))]
    Useless(Vec<Capability>),
    /// Both ends have `sec/1` ([`Config::announce_sec`]), but the handshake was one of plain RLPx.
    #[error("both ends have sec/1, but the handshake was one without it")]
    Downgraded,
    /// The first frame was invalid.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The network failed.
    #[error(transparent)]
    Lost(#[from] LostReason),
    /// Our own Hello is longer than [`MAX_HELLO`], because of too many capabilities or a long client
    /// name. Other clients would refuse it.
    #[error("our own Hello has {0} bytes, the maximum is {MAX_HELLO}")]
    OwnHello(usize),
}

/// The parts of a transport stream.
#[derive(Debug)]
struct Wire<Io> {
    io: Io,
    session: Session,
    input: BytesMut,
    output: BytesMut,
    /// Time from the start of the exchange to the first bytes of the peer's Hello.
    hello_delay: Option<Duration>,
}

impl LocalNode {
    /// The Hello that this end sends. Capabilities are sorted and unique. They include `chunk/1` if
    /// [`Config::chunk`] is set, unless a sub-protocol has that name, and `sec/1` if [`Config::announce_sec`] is.
    #[must_use]
    pub fn hello(&self, config: &Config) -> Hello {
        let offers = self.offers(config).into_iter();
        let sec = config.announce_sec.then(sec_capability);
        let capabilities: BTreeSet<_> = offers.map(|offer| offer.capability).chain(sec).collect();
        Hello {
            version: P2P_VERSION,
            client: self.client.clone(),
            capabilities: capabilities.into_iter().collect(),
            port: self.port,
            id: self.id,
        }
    }

    /// The offers of the sub-protocols, then the one of `chunk/1`.
    fn offers(&self, config: &Config) -> Vec<Offer> {
        let mut offers: Vec<Offer> =
            self.protocols.iter().map(|local| local.offer().clone()).collect();
        let replaced = |offer: &Offer| Chunks::is_replaced_by(&offer.capability);
        if config.chunk && !offers.iter().any(replaced) {
            offers.push(Chunks::offer());
        }
        offers
    }
}

impl HelloExchangeError {
    /// The reason that the peer was told; `None` if it was told nothing.
    #[must_use]
    pub const fn reason(&self) -> Option<DisconnectReason> {
        match self {
            Self::Hello(error) => Some(error.reason()),
            Self::Useless(_) => Some(DisconnectReason::UselessPeer),
            Self::Unexpected { .. } | Self::Frame(_) | Self::Downgraded => {
                Some(DisconnectReason::ProtocolBreach)
            }
            Self::Timeout | Self::Refused(_) | Self::Lost(_) | Self::OwnHello(_) => None,
        }
    }
}

/// Sends and receives Hello within [`Config::hello_limit`], and negotiates the shared sub-protocols.
/// Enables Snappy if the peer supports it; with `sec/1` nothing is compressed, and `chunk/1` is not announced.
///
/// # Errors
///
/// [`HelloExchangeError`]. The peer is told the reason and the stream is closed before this returns,
/// which takes up to 2 s longer.
///
/// # What a hostile peer can do
///
/// It can make us read a message of 2 KiB.
pub async fn exchange_hello<Io>(
    stream: Stream<Io>,
    local: &LocalNode,
    config: &Config,
) -> Result<NegotiatedConnection<Io>, HelloExchangeError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Wire::new(stream);
    // Records of `sec/1` have pieces of their own.
    let plain = !wire.session.link().is_sec();
    let config = &Config {
        chunk: config.chunk && plain,
        announce_sec: config.announce_sec && plain,
        ..*config
    };
    let negotiated = match timeout(config.hello_limit, wire.exchange(&local.hello(config))).await {
        Ok(Ok(hello)) => negotiate_slots(hello, &wire.session.remote, local, config),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(HelloExchangeError::Timeout),
    };
    match negotiated {
        Ok(Negotiated { hello, slots, chunks }) => {
            let capabilities = slots.iter().map(|(shared, _)| shared.capability.clone()).collect();
            let memory = MemoryBudget::unlimited();
            Ok(NegotiatedConnection {
                wire,
                hello,
                capabilities,
                slots,
                chunks,
                config: *config,
                memory,
                round_trips: RoundTrips::new(None),
            })
        }
        Err(error) => {
            if let Some(reason) = error.reason() {
                wire.refuse(reason).await;
            }
            Err(error)
        }
    }
}

/// Sends a Disconnect in place of Hello and closes the stream. Takes at most 2 s.
pub async fn refuse<Io>(stream: Stream<Io>, reason: DisconnectReason)
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    Wire::new(stream).refuse(reason).await;
}

/// What a node announces over plain RLPx that has `sec/1`. It is no sub-protocol.
fn sec_capability() -> Capability {
    Capability::new("sec", 1)
}

/// Checks the Hello of the peer, and negotiates the slots.
fn negotiate_slots(
    hello: Hello,
    remote: &NodeId,
    local: &LocalNode,
    config: &Config,
) -> Result<Negotiated, HelloExchangeError> {
    hello.check(remote)?;
    if config.announce_sec && hello.capabilities.contains(&sec_capability()) {
        return Err(HelloExchangeError::Downgraded);
    }
    let offers = local.offers(config);
    let mut shared = negotiate(&offers, &hello.capabilities);
    // `chunk/1` is the last offer. It has no slot.
    let chunks =
        if offers.len() > local.protocols.len() { Chunks::take(&mut shared) } else { None };
    if shared.is_empty() {
        return Err(HelloExchangeError::Useless(hello.capabilities));
    }
    let with_protocol = |shared: SharedCapability| {
        let protocol = local.protocols[shared.offer].clone();
        (shared, protocol)
    };
    let slots = shared.into_iter().map(with_protocol).collect();
    Ok(Negotiated { hello, slots, chunks })
}

impl<Io> NegotiatedConnection<Io> {
    /// The Hello of the peer.
    #[must_use]
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Makes the connection share `memory` with others. By default its memory is not bounded.
    #[must_use]
    pub fn with_memory(mut self, memory: &MemoryBudget) -> Self {
        self.memory = memory.clone();
        self
    }

    /// Sets a function that is told the network stream and the round trip to the peer.
    ///
    /// The first round trip of an inbound connection is known when the connection runs: the time from
    /// the end of the handshake to the first bytes of the peer's Hello, which the peer sends when it
    /// has our part of the handshake. Call [`exchange_hello`] right after the handshake. Later each
    /// round trip of a ping is told that is shorter than all before. It includes time in queues and
    /// in the peer, so it is an upper bound.
    #[must_use]
    pub fn on_round_trip(mut self, hook: fn(&Io, Duration)) -> Self {
        self.round_trips = RoundTrips::new(Some(hook));
        self
    }

    /// How the connection is encrypted.
    #[must_use]
    pub const fn link(&self) -> Link {
        self.wire.session.link()
    }

    /// The shared sub-protocols, at least one, in the order of their message ids.
    #[must_use]
    pub fn shared(&self) -> &[Capability] {
        &self.capabilities
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> NegotiatedConnection<Io> {
    /// Sends a Disconnect and closes the stream. Takes at most 2 s.
    pub async fn refuse(mut self, reason: DisconnectReason) {
        self.wire.refuse(reason).await;
    }

    /// Returns a handle of the connection, and the future that runs it. Spawn the future.
    ///
    /// The sub-protocols start when the future is first polled, each in its own task. The future
    /// completes when the connection is closed and all these tasks have ended. Dropping it closes the
    /// stream and cancels them.
    ///
    /// Cancelling `stop` ends the connection: the tasks receive `None`, and the peer is told
    /// [`DisconnectReason::Quitting`]. After [`Config::close_limit`] the rest is dropped. A peer that
    /// does not read cannot delay this.
    pub fn run(
        self,
        origin: Origin,
        stop: CancellationToken,
    ) -> (Peer, impl Future<Output = CloseReason> + use<Io>) {
        let Self { wire, hello, capabilities, slots, chunks, config, memory, mut round_trips } =
            self;
        let Wire { io, session, input, hello_delay, .. } = wire;
        // The node that opened the connection gets the Hello together with the end of the handshake.
        round_trips.record(&io, hello_delay.filter(|_| origin.inbound));
        let settings: Vec<(SharedCapability, SlotSettings)> =
            slots.iter().map(|(shared, protocol)| (shared.clone(), *protocol.settings())).collect();
        let outbox = Arc::new(Outbox::default());
        let now = Instant::now().into_std();
        let machine = Connection::new(session, &settings, &config, now)
            .with_memory(&memory, Waker::from(Arc::clone(&outbox)))
            .with_chunks(chunks)
            .with_origin(origin.inbound);
        // In a box, because the ciphers are large and would be copied into several futures.
        let machine = Box::new(machine);
        let meters = Arc::clone(machine.meters());
        let link = machine.link();
        let peer = Peer::new(hello, capabilities, origin, link, Arc::clone(&outbox), meters);
        let handle = peer.clone();
        let running = async move {
            let share = Arc::clone(machine.share());
            let tasks = SlotTasks::open(outbox, share, &slots, &peer);
            Driver::new(io, machine, input, tasks, round_trips, stop, config).run().await
        };
        (handle, running)
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Wire<Io> {
    fn new(stream: Stream<Io>) -> Self {
        let Parts { io, session, received, unsent, .. } = stream.into_parts();
        Self { io, session, input: received, output: unsent, hello_delay: None }
    }

    /// Sends our Hello and receives the peer's at the same time.
    async fn exchange(&mut self, hello: &Hello) -> Result<Hello, HelloExchangeError> {
        let payload = hello.encode();
        if payload.len() > MAX_HELLO {
            return Err(HelloExchangeError::OwnHello(payload.len()));
        }
        self.session.opener.set_limit(MAX_HELLO);
        self.session.sealer.seal(base::HELLO, &payload, &mut self.output)?;
        let (mut reader, mut writer) = tokio::io::split(&mut self.io);
        let (opener, output, input) = (&mut self.session.opener, &mut self.output, &mut self.input);
        let write = async {
            if writer.write_all_buf(output).await.is_err() || writer.flush().await.is_err() {
                // A peer that closes the stream has often sent the reason: keep reading.
                pending::<()>().await;
            }
        };
        let delay = &mut self.hello_delay;
        let (first, ()) =
            tokio::try_join!(first_message(&mut reader, opener, input, delay), async {
                write.await;
                Ok(())
            })?;
        let theirs = match first.code {
            base::HELLO => Hello::decode(&first.payload)?,
            base::DISCONNECT => {
                return Err(HelloExchangeError::Refused(DisconnectReason::decode(&first.payload)));
            }
            code => return Err(HelloExchangeError::Unexpected { code }),
        };
        if theirs.has_snappy() {
            self.session.sealer.enable_snappy();
            self.session.opener.enable_snappy();
        }
        Ok(theirs)
    }

    async fn refuse(&mut self, reason: DisconnectReason) {
        let payload = reason.encode();
        if self.session.sealer.seal(base::DISCONNECT, &payload, &mut self.output).is_ok() {
            // After the limit the stream is closed, even if the peer has not read the reason.
            let _ = timeout(REFUSAL_LIMIT, hang_up(&mut self.io, &self.output)).await;
        }
    }
}

async fn first_message(
    reader: &mut (impl AsyncRead + Unpin),
    opener: &mut Opener,
    input: &mut BytesMut,
    delay: &mut Option<Duration>,
) -> Result<Frame, HelloExchangeError> {
    let start = Instant::now();
    loop {
        if let Some(frame) = opener.open(input)? {
            return Ok(frame);
        }
        input.reserve(MAX_HELLO);
        let nothing_received = input.is_empty() && delay.is_none();
        match reader.read_buf(input).await {
            Ok(0) => return Err(LostReason::Eof.into()),
            Ok(_) if nothing_received => *delay = Some(start.elapsed()),
            Ok(_) => {}
            Err(error) => return Err(LostReason::Io(error.kind()).into()),
        }
    }
}

fn list(capabilities: &[Capability]) -> String {
    let names: Vec<_> = capabilities.iter().map(ToString::to_string).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
