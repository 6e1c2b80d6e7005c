//! The exchange of Hello, by which a transport stream becomes a connection.

use std::{collections::BTreeSet, future::pending, sync::Arc, task::Waker, time::Duration};

use bytes::BytesMut;
use p2p_identity::NodeId;
use rlpx_transport::{FrameError, Message as Frame, Opener, Parts, Session, Stream};
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
    driver::{Driver, Outbox, Ports, hang_up},
    negotiate,
};

/// How long telling a peer that it is not wanted may take.
const REFUSAL_LIMIT: Duration = Duration::from_secs(2);

/// What this end says in Hello, and what it can run.
#[derive(Clone, Debug)]
pub struct LocalNode {
    /// What the client calls itself, as `name/version/system`.
    pub client: String,
    /// The sub-protocols, any number of versions of each name.
    pub protocols: Vec<Protocol>,
    /// Where it listens, or 0. Nobody relies on it.
    pub port: u16,
    /// Its node id, which must be that of the key that shook hands.
    pub id: NodeId,
}

/// A stream on which both ends have said Hello and have something in common, before anything runs.
///
/// The owner looks at it and either [runs](Self::run) or [refuses](Self::refuse) it. Meanwhile no
/// clock ticks, so do not take long.
#[derive(Debug)]
pub struct NegotiatedConnection<Io> {
    wire: Wire<Io>,
    hello: Hello,
    capabilities: Vec<Capability>,
    slots: Vec<(SharedCapability, Protocol)>,
    chunks: Option<Chunks>,
    config: Config,
    memory: MemoryBudget,
}

/// What both ends have.
struct Agreed {
    hello: Hello,
    slots: Vec<(SharedCapability, Protocol)>,
    chunks: Option<Chunks>,
}

/// Why there was no connection.
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
        /// Its id.
        code: u64,
    },
    /// A Hello that is not accepted.
    #[error(transparent)]
    Hello(#[from] HelloError),
    /// Nothing in common: the peer has these.
    #[error("no sub-protocol in common, the peer has {}", list(.0))]
    Useless(Vec<Capability>),
    /// What came was no message.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// The network failed.
    #[error("{0}")]
    Lost(#[from] LostReason),
    /// Our own Hello is longer than [`MAX_HELLO`], which nobody would accept: we announce too much.
    #[error("our own Hello has {0} bytes")]
    OwnHello(usize),
}

/// The pieces of a transport stream.
#[derive(Debug)]
struct Wire<Io> {
    io: Io,
    session: Session,
    input: BytesMut,
    output: BytesMut,
}

impl LocalNode {
    /// The Hello that this end sends: capabilities sorted, each once, with `chunk/1` among them if
    /// [`Config::chunk`] says so and there is no sub-protocol of that name.
    #[must_use]
    pub fn hello(&self, config: &Config) -> Hello {
        let offers = self.offers(config).into_iter();
        let capabilities: BTreeSet<_> = offers.map(|offer| offer.capability).collect();
        Hello {
            version: P2P_VERSION,
            client: self.client.clone(),
            capabilities: capabilities.into_iter().collect(),
            port: self.port,
            id: self.id,
        }
    }

    /// The sub-protocols, and `chunk/1` behind them.
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
    /// What the peer was told, if anything.
    #[must_use]
    pub const fn reason(&self) -> Option<DisconnectReason> {
        match self {
            Self::Hello(error) => Some(error.reason()),
            Self::Useless(_) => Some(DisconnectReason::UselessPeer),
            Self::Unexpected { .. } | Self::Frame(_) => Some(DisconnectReason::ProtocolBreach),
            Self::Timeout | Self::Refused(_) | Self::Lost(_) | Self::OwnHello(_) => None,
        }
    }
}

/// Says Hello and hears it, in at most [`Config::hello_limit`], and finds out what both ends have in
/// common. Snappy is on from here if the peer can do it.
///
/// # Errors
///
/// [`HelloExchangeError`]. By then the peer has been told why, and the stream is closed; that takes at most
/// 2 s more.
///
/// # What a hostile peer can do
///
/// Make us read a message of 2 KiB.
pub async fn exchange_hello<Io>(
    stream: Stream<Io>,
    local: &LocalNode,
    config: &Config,
) -> Result<NegotiatedConnection<Io>, HelloExchangeError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Wire::new(stream);
    let agreed = match timeout(config.hello_limit, wire.exchange(&local.hello(config))).await {
        Ok(Ok(hello)) => agree(hello, &wire.session.remote, local, config),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(HelloExchangeError::Timeout),
    };
    match agreed {
        Ok(Agreed { hello, slots, chunks }) => {
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

/// Tells a peer that has shaken hands that it is not wanted, in place of Hello, and hangs up. Takes
/// at most 2 s.
pub async fn refuse<Io>(stream: Stream<Io>, reason: DisconnectReason)
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    Wire::new(stream).refuse(reason).await;
}

/// Whether the peer is who it should be, and what to run with it.
fn agree(
    hello: Hello,
    remote: &NodeId,
    local: &LocalNode,
    config: &Config,
) -> Result<Agreed, HelloExchangeError> {
    hello.check(remote)?;
    let offers = local.offers(config);
    let mut shared = negotiate(&offers, &hello.capabilities);
    // Ours is the last offer, and there is no slot behind it.
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
    Ok(Agreed { hello, slots, chunks })
}

impl<Io> NegotiatedConnection<Io> {
    /// What the peer said.
    #[must_use]
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Makes the connection share `memory` with others; without this it has its own, without a
    /// bound.
    #[must_use]
    pub fn with_memory(mut self, memory: &MemoryBudget) -> Self {
        self.memory = memory.clone();
        self
    }

    /// What both ends have, in the order of the message ids: never nothing.
    #[must_use]
    pub fn shared(&self) -> &[Capability] {
        &self.capabilities
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> NegotiatedConnection<Io> {
    /// Tells the peer that it is not wanted after all, and hangs up. Takes at most 2 s.
    pub async fn refuse(mut self, reason: DisconnectReason) {
        self.wire.refuse(reason).await;
    }

    /// The connection: a handle, and the future that is its life. Spawn the future; the
    /// sub-protocols start when it is first polled, each in a task of its own, and it ends when
    /// the connection is closed and they all are gone. Dropping it cuts the connection and cancels
    /// them.
    ///
    /// Cancelling `stop` ends it in order: `recv()` gives `None`, the peer is told
    /// [`DisconnectReason::Quitting`], and after [`Config::close_limit`] whatever is not done is dropped. A peer
    /// that does not read cannot make it take longer.
    pub fn run(
        self,
        origin: Origin,
        stop: CancellationToken,
    ) -> (Peer, impl Future<Output = CloseReason> + use<Io>) {
        let Self { wire, hello, capabilities, slots, chunks, config, memory } = self;
        let Wire { io, session, input, .. } = wire;
        let settings: Vec<(SharedCapability, SlotSettings)> =
            slots.iter().map(|(shared, protocol)| (shared.clone(), *protocol.settings())).collect();
        let outbox = Arc::new(Outbox::default());
        let now = Instant::now().into_std();
        let machine = Connection::new(session, &settings, &config, now)
            .with_memory(&memory, Waker::from(Arc::clone(&outbox)))
            .with_chunks(chunks)
            .with_origin(origin.inbound);
        // The ciphers are large, and would be moved, and copied into futures, more than once.
        let machine = Box::new(machine);
        let meters = Arc::clone(machine.meters());
        let peer = Peer::new(hello, capabilities, origin, Arc::clone(&outbox), meters);
        let handle = peer.clone();
        let life = async move {
            let share = Arc::clone(machine.share());
            let ports = Ports::open((Arc::clone(&outbox), share), &slots, &peer);
            Driver::new(io, machine, input, (ports, outbox), stop, config).run().await
        };
        (handle, life)
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Wire<Io> {
    fn new(stream: Stream<Io>) -> Self {
        let Parts { io, session, received, unsent, .. } = stream.into_parts();
        Self { io, session, input: received, output: unsent }
    }

    /// Sends our Hello and reads theirs, neither waiting for the other.
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
                // A peer that closes has often said why, and that is still to be read.
                pending::<()>().await;
            }
        };
        let (first, ()) = tokio::try_join!(first_message(&mut reader, opener, input), async {
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
            // A peer that takes too long has not been told: nothing can be done about that.
            let _ = timeout(REFUSAL_LIMIT, hang_up(&mut self.io, &self.output)).await;
        }
    }
}

async fn first_message(
    reader: &mut (impl AsyncRead + Unpin),
    opener: &mut Opener,
    input: &mut BytesMut,
) -> Result<Frame, HelloExchangeError> {
    loop {
        if let Some(frame) = opener.open(input)? {
            return Ok(frame);
        }
        input.reserve(MAX_HELLO);
        match reader.read_buf(input).await {
            Ok(0) => return Err(LostReason::Eof.into()),
            Ok(_) => {}
            Err(error) => return Err(LostReason::Io(error.kind()).into()),
        }
    }
}

fn list(capabilities: &[Capability]) -> String {
    let names: Vec<_> = capabilities.iter().map(ToString::to_string).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
