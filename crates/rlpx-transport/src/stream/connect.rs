//! The handshake over tokio I/O, with one deadline.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use p2p_identity::{KeyError, NodeId, SecretKey};
use rand_core::CryptoRng;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::Stream;
use crate::handshake::KeySource;
use crate::{HandshakeError, HandshakeStep, Initiator, Recipient, SecSettings, Session, Stock};

/// Default time limit of a handshake: 5 seconds, as in go-ethereum.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// Room for a handshake packet and the first frames after it.
const READ_BYTES: usize = 4 * 1024;

/// Why a handshake failed. At most our own handshake packet was sent. Drop the connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The caller's fault: the id of the node to connect to is not a point on the curve. Nothing was sent.
    #[error("no node can have this id")]
    RemoteKey(#[source] KeyError),
    /// The peer did not finish the handshake in time.
    #[error("the handshake took longer than {0:?}: the peer is silent, or does not speak RLPx")]
    TimedOut(Duration),
    /// The peer closed the connection during the handshake.
    #[error("the peer closed the connection during the handshake")]
    Closed,
    /// The peer closed the connection after our handshake packet, without a byte of an answer. A node does so if it
    /// cannot open the packet, because its key is not the one of the id that was dialed; or if it refuses our
    /// address.
    #[error(
        "the node closed the connection without an answer: it is not the node with this id (its key has changed, or \
         the address is another node's), or it refuses connections from here (throttled, banned or full)"
    )]
    Unanswered,
    /// The connection below failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// What the peer sent is not a handshake.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

/// Makes an encrypted connection to the node `remote` over `io`, with `sec/1` if the node has it
/// ([`SecPolicy::Prefer`](crate::SecPolicy::Prefer)). The whole handshake takes at most `limit`.
///
/// It succeeds only if the peer has the secret key of `remote`: without it, the peer cannot decrypt our packet or derive
/// the secrets.
///
/// # Errors
///
/// See [`ConnectError`]. `io` is dropped with it.
pub async fn connect<Io>(
    io: Io,
    local: &SecretKey,
    remote: &NodeId,
    limit: Duration,
) -> Result<Stream<Io>, ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let remote = remote.public_key().map_err(ConnectError::RemoteKey)?;
    let source = &mut KeySource { stock: None, rng: &mut p2p_world::rng() };
    let started = Initiator::offer(local, &remote, source, &SecSettings::default())?;
    initiate(io, started, limit).await
}

/// [`connect`] for the node of this `stock`, with these settings for `sec/1`. `rng` as in
/// [`Initiator::start`](crate::Initiator::start).
///
/// # Errors
///
/// See [`ConnectError`]. `io` is dropped with it.
pub async fn connect_with<Io>(
    io: Io,
    stock: &Stock,
    remote: &NodeId,
    sec: &SecSettings,
    limit: Duration,
    mut rng: impl CryptoRng,
) -> Result<Stream<Io>, ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let remote = remote.public_key().map_err(ConnectError::RemoteKey)?;
    let started = Initiator::start_with(stock, &remote, sec, &mut rng)?;
    initiate(io, started, limit).await
}

/// Waits for a handshake on `io` and answers it with the node key `local`, with `sec/1` if the peer offers it
/// ([`SecPolicy::Prefer`](crate::SecPolicy::Prefer)). The whole handshake takes at most `limit`. [`Stream::remote`] is then the peer's id.
///
/// # Errors
///
/// See [`ConnectError`]. `io` is dropped with it.
pub async fn accept<Io>(
    io: Io,
    local: &SecretKey,
    limit: Duration,
) -> Result<Stream<Io>, ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    answer(io, Recipient::new(local), |_| SecSettings::default(), limit, p2p_world::rng).await
}

/// [`accept`] for the node of this `stock`, with settings for `sec/1` that depend on the node that connects. `rng`
/// as in [`Initiator::start`](crate::Initiator::start).
///
/// # Errors
///
/// See [`ConnectError`]. `io` is dropped with it.
pub async fn accept_with<Io>(
    io: Io,
    stock: &Stock,
    sec: impl Fn(&NodeId) -> SecSettings,
    limit: Duration,
    rng: impl CryptoRng + Clone,
) -> Result<Stream<Io>, ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    answer(io, Recipient::with_stock(stock, &SecSettings::off()), sec, limit, || rng.clone()).await
}

/// Sends auth and waits for ack.
async fn initiate<Io>(
    mut io: Io,
    (mut machine, auth): (Initiator, Vec<u8>),
    limit: Duration,
) -> Result<Stream<Io>, ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = async {
        let mut input = BytesMut::new();
        send(&mut io, &auth).await.map_err(|error| unanswered(error.into(), &input))?;
        loop {
            let received = receive(&mut io, &mut input).await;
            received.map_err(|error| unanswered(error, &input))?;
            machine = match machine.handle(&mut input)? {
                HandshakeStep::NeedMore(machine) => machine,
                HandshakeStep::Done(session) => return Ok((session, input)),
            };
        }
    };
    let (session, input) = within(limit, handshake).await?;
    Ok(Stream::new(io, session, input))
}

/// [`ConnectError::Unanswered`], if the connection was closed before the peer answered. A peer that closes before it has
/// read all of our packet resets the connection.
fn unanswered(error: ConnectError, input: &BytesMut) -> ConnectError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    let closed = match &error {
        ConnectError::Closed => true,
        ConnectError::Io(error) => {
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
        }
        _ => false,
    };
    if closed && input.is_empty() { ConnectError::Unanswered } else { error }
}

/// Waits for auth and sends ack.
async fn answer<Io, R: CryptoRng>(
    mut io: Io,
    mut machine: Recipient,
    sec: impl Fn(&NodeId) -> SecSettings,
    limit: Duration,
    rng: impl Fn() -> R,
) -> Result<Stream<Io>, ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = async {
        let mut input = BytesMut::new();
        loop {
            receive(&mut io, &mut input).await?;
            // A separate statement: the generator is not `Send` and must not live across an await.
            let step = machine.handle_by(&mut input, &sec, &mut rng())?;
            machine = match step {
                HandshakeStep::NeedMore(machine) => machine,
                HandshakeStep::Done(accepted) => {
                    send(&mut io, &accepted.ack).await?;
                    return Ok((accepted.session, input));
                }
            };
        }
    };
    let (session, input) = within(limit, handshake).await?;
    Ok(Stream::new(io, session, input))
}

async fn within(
    limit: Duration,
    handshake: impl Future<Output = Result<(Session, BytesMut), ConnectError>>,
) -> Result<(Session, BytesMut), ConnectError> {
    timeout(limit, handshake).await.unwrap_or(Err(ConnectError::TimedOut(limit)))
}

async fn send(io: &mut (impl AsyncWrite + Unpin), packet: &[u8]) -> io::Result<()> {
    io.write_all(packet).await?;
    io.flush().await
}

async fn receive(
    io: &mut (impl AsyncRead + Unpin),
    input: &mut BytesMut,
) -> Result<(), ConnectError> {
    input.reserve(READ_BYTES);
    if io.read_buf(input).await? == 0 { Err(ConnectError::Closed) } else { Ok(()) }
}
