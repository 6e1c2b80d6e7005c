//! The handshake over tokio's I/O, with one deadline for all of it.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use p2p_identity::{KeyError, NodeId, SecretKey};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::Stream;
use crate::{HandshakeError, Initiator, Recipient, Session, Step, Stock};

/// How long go-ethereum gives the handshake, and a good default: 5 s.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// Room for a handshake packet and the first frames behind it.
const READ: usize = 4 * 1024;

/// Why there is no encrypted connection. Whatever it is, nothing was sent to the peer but our own
/// handshake packet; dropping the connection is all that is left to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Ours: the id of the node to connect to is not a point on the curve, so there is no such
    /// node. Nothing was sent.
    #[error("no node can have this id")]
    RemoteKey(#[source] KeyError),
    /// The peer did not finish the handshake in time.
    #[error("the handshake took longer than {0:?}")]
    TimedOut(Duration),
    /// The peer ended the connection before the handshake was finished. That is all one learns
    /// from a node that has no room, has another key, or does not like ours.
    #[error("the peer ended the connection in the handshake")]
    Closed,
    /// The connection below failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// What the peer sent is not a handshake.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

/// Makes an encrypted connection to the node `remote` over `io`, in at most `limit` for
/// everything.
///
/// The peer must hold the secret key of `remote`: another one cannot read our packet, and would
/// not find the secrets.
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
    // Each a statement: the generator is tied to its thread, and must not be alive at an await.
    let started = Initiator::start(local, &remote, &mut rand::rng());
    initiate(io, started, limit).await
}

/// [`connect`] by the node that `stock` belongs to, with what the stock has.
///
/// # Errors
///
/// See [`ConnectError`]. `io` is dropped with it.
pub async fn connect_with<Io>(
    io: Io,
    stock: &Stock,
    remote: &NodeId,
    limit: Duration,
) -> Result<Stream<Io>, ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let remote = remote.public_key().map_err(ConnectError::RemoteKey)?;
    let started = Initiator::start_with(stock, &remote, &mut rand::rng());
    initiate(io, started, limit).await
}

/// Waits for a handshake on `io` and answers it with the node key `local`, in at most `limit` for
/// everything. [`Stream::remote`] then tells who it is.
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
    answer(io, Recipient::new(local), limit).await
}

/// [`accept`] by the node that `stock` belongs to, with what the stock has.
///
/// # Errors
///
/// See [`ConnectError`]. `io` is dropped with it.
pub async fn accept_with<Io>(
    io: Io,
    stock: &Stock,
    limit: Duration,
) -> Result<Stream<Io>, ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    answer(io, Recipient::with_stock(stock), limit).await
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
        send(&mut io, &auth).await?;
        let mut input = BytesMut::new();
        loop {
            receive(&mut io, &mut input).await?;
            machine = match machine.handle(&mut input)? {
                Step::NeedMore(machine) => machine,
                Step::Done(session) => return Ok((session, input)),
            };
        }
    };
    let (session, input) = within(limit, handshake).await?;
    Ok(Stream::new(io, session, input))
}

/// Waits for auth and sends ack.
async fn answer<Io>(
    mut io: Io,
    mut machine: Recipient,
    limit: Duration,
) -> Result<Stream<Io>, ConnectError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = async {
        let mut input = BytesMut::new();
        loop {
            receive(&mut io, &mut input).await?;
            // On a line of its own: the generator is tied to its thread, and must not be alive at
            // the next await.
            let step = machine.handle(&mut input, &mut rand::rng())?;
            machine = match step {
                Step::NeedMore(machine) => machine,
                Step::Done(accepted) => {
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
    input.reserve(READ);
    if io.read_buf(input).await? == 0 { Err(ConnectError::Closed) } else { Ok(()) }
}
