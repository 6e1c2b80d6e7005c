//! Streams to other nodes that the user of this crate opens.

use std::{fmt, future::Future, io, pin::Pin, sync::Arc};

use p2p_mux::identity::Enode;
use tokio::io::{AsyncRead, AsyncWrite};

/// A stream that a connection can run on.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

type Opening = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>>;

/// Opens the stream of every outbound connection instead of TCP: through another kind of proxy, over
/// another transport, or in memory for a test (geth's `NodeDialer`). Clones share it.
///
/// It gets the node as listed or found; host names are not resolved. With
/// [`AccessSettings::net_restrict`](crate::AccessSettings::net_restrict) it gets only nodes whose address is in
/// these networks, and none with a host name. Its future is dropped after
/// [`DialSettings::timeout`](crate::DialSettings::timeout). If it panics, only this attempt fails.
///
/// The other end of such a stream is passed to [`Server::accept`](crate::Server::accept).
///
/// ```
/// use p2p_server::{Config, NodeDialer, identity::SecretKey};
/// use tokio::net::TcpStream;
///
/// let dialer = NodeDialer::new(|enode| async move {
///     TcpStream::connect((enode.host.to_string(), enode.tcp)).await
/// });
/// let config = Config::new(SecretKey::generate()).node_dialer(dialer);
/// ```
#[derive(Clone)]
pub struct NodeDialer(Arc<dyn Fn(Enode) -> Opening + Send + Sync>);

impl NodeDialer {
    /// A dialer that calls `open` for each attempt.
    pub fn new<Open, Opened, Stream>(open: Open) -> Self
    where
        Open: Fn(Enode) -> Opened + Send + Sync + 'static,
        Opened: Future<Output = io::Result<Stream>> + Send + 'static,
        Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self(Arc::new(move |enode| {
            let opened = open(enode);
            Box::pin(async move { Ok(Box::new(opened.await?) as Box<dyn Io>) })
        }))
    }

    pub(crate) fn open(&self, enode: Enode) -> Opening {
        (self.0)(enode)
    }
}

impl fmt::Debug for NodeDialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeDialer")
    }
}
