//! JSON-RPC over a Unix socket. Only the user that runs the node can connect. It serves all namespaces, without a token.

mod socket_file;

use futures_util::{Stream, StreamExt, sink};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::codec::FramedRead;

pub(crate) use socket_file::SocketFile;

use crate::call::dispatch::Dispatcher;
use crate::call::error::{CallError, error_without_id};
use crate::call::request::RequestError;
use crate::call::splitter::{SplitError, ValueSplitter};
use crate::team::pass::Pass;
use crate::team::quotas::OverQuota;
use crate::transport::connection::{ClientEnd, ConnectionSettings, Outgoing, serve_requests};

/// No pings: the system reports when a local client has ended.
const SETTINGS: ConnectionSettings = ConnectionSettings { ping_interval: None, is_stream: true };

/// Serves one client.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send,
    dispatcher: &Dispatcher,
    pass: Pass,
    client: ClientEnd,
) {
    let (reader, writer) = tokio::io::split(stream);
    let mut writer = TimeoutWriter::new(writer);
    writer.set_timeout(Some(dispatcher.limits.step_time));
    let outgoing = sink::unfold(Box::pin(writer), |mut writer, outgoing| async move {
        if let Outgoing::Json(json) = outgoing {
            writer.write_all(json.get().as_bytes()).await?;
            writer.write_all(b"\n").await?;
        }
        Ok::<_, std::io::Error>(writer)
    });
    let incoming = requests(reader, dispatcher.request_limit());
    serve_requests(dispatcher, incoming, outgoing, SETTINGS, pass, client).await;
}

/// Refuses a client whose team has too many connections.
pub(crate) async fn refuse(mut stream: impl AsyncWrite + Unpin, over: OverQuota) {
    let error = error_without_id(CallError::from(over));
    // The buffer of a new socket has room, so this does not wait for the client. An error means that it has gone.
    let _ = stream.write_all(format!("{error}\n").as_bytes()).await;
}

/// The requests of the client. An error is the last item.
fn requests(
    reader: impl AsyncRead + Unpin,
    limit: u32,
) -> impl Stream<Item = Result<bytes::Bytes, RequestError>> {
    FramedRead::new(reader, ValueSplitter::new(limit)).filter_map(|value| async {
        match value {
            Ok(value) => Some(Ok(value)),
            Err(SplitError::Request(error)) => Some(Err(error)),
            // The client has disconnected: the end of the stream follows.
            Err(SplitError::Io(_)) => None,
        }
    })
}
