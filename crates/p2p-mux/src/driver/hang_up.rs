//! The end of a stream: sending the last bytes so that the peer can read them.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Maximum number of bytes to read and discard. A peer that has sent more does not read.
const MAX_DISCARDED: usize = 1 << 20;

/// Writes `output`, shuts down the writing direction, and reads until the peer closes the stream.
///
/// Reading is necessary: closing a socket that has unread bytes resets the connection. The reset can
/// overtake `output`, and then the peer does not learn why the connection ended. If the peer does
/// nothing this never returns, so set a time limit.
pub(crate) async fn hang_up<Io>(io: &mut Io, output: &[u8])
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    // The connection has ended, so errors are ignored.
    if io.write_all(output).await.is_err() || io.shutdown().await.is_err() {
        return;
    }
    let (mut buffer, mut discarded) = ([0; 2048], 0);
    while discarded < MAX_DISCARDED
        && let Ok(read @ 1..) = io.read(&mut buffer).await
    {
        discarded += read;
    }
}
