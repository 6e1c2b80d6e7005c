//! The last words on a connection.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How many bytes more a peer is listened to: beyond that it does not look at what we say.
const PATIENCE: usize = 1 << 20;

/// Writes `output`, says that nothing follows, and listens until the peer has hung up.
///
/// The listening matters: a socket that is closed while bytes from the peer lie unread in it is
/// reset, and the reset can overtake what was just written, so that the peer would never learn why
/// the connection ended. There is no end to it if the peer does nothing; set a limit.
pub(crate) async fn hang_up<Io>(io: &mut Io, output: &[u8])
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    // Whatever fails here, the connection is over.
    if io.write_all(output).await.is_err() || io.shutdown().await.is_err() {
        return;
    }
    let (mut unheard, mut total) = ([0; 2048], 0);
    while total < PATIENCE
        && let Ok(more @ 1..) = io.read(&mut unheard).await
    {
        total += more;
    }
}
