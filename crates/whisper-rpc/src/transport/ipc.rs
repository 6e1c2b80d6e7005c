//! JSON-RPC over a Unix socket, for programs of the node's user on the same machine: all namespaces, no token.

mod path;

use futures_util::{Stream, StreamExt, sink};
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_io_timeout::TimeoutWriter;
use tokio_util::codec::FramedRead;
use tokio_util::sync::CancellationToken;

pub(crate) use path::SocketFile;

use crate::call::calls::Calls;
use crate::call::request::Fault;
use crate::call::values::{Error, Values};
use crate::transport::conversation::{Manner, Outgoing, converse};

/// A local client that ends is noticed without asking.
const MANNER: Manner = Manner { ping: None, stream: true };

/// Serves one client.
pub(crate) async fn serve(stream: UnixStream, calls: &Calls, stop: &CancellationToken) {
    let (reader, writer) = stream.into_split();
    let mut writer = TimeoutWriter::new(writer);
    writer.set_timeout(Some(calls.limits.patience));
    let outgoing = sink::unfold(Box::pin(writer), |mut writer, outgoing| async move {
        if let Outgoing::Json(json) = outgoing {
            let mut line = String::from(Box::<str>::from(json));
            line.push('\n');
            writer.write_all(line.as_bytes()).await?;
        }
        Ok::<_, std::io::Error>(writer)
    });
    converse(calls, requests(reader, calls.limits.request), outgoing, MANNER, stop).await;
}

/// The requests that come in; after a fault there are no more.
fn requests(
    reader: impl AsyncRead + Unpin,
    limit: u32,
) -> impl Stream<Item = Result<bytes::Bytes, Fault>> {
    FramedRead::new(reader, Values::new(limit)).filter_map(|value| async {
        match value {
            Ok(value) => Some(Ok(value)),
            Err(Error::Fault(fault)) => Some(Err(fault)),
            // The client is gone: the end follows.
            Err(Error::Io(_)) => None,
        }
    })
}
