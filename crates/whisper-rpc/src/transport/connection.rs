//! A connection over which several requests are answered concurrently, and notifications are sent.
//!
//! It is the same for WebSocket and IPC, which only split the received bytes into requests. Everything about a
//! connection is bounded. At most [`RpcLimits::concurrent_requests`](crate::RpcLimits::concurrent_requests) are answered
//! at the same time; meanwhile nothing more is read, so the client cannot send more. At most
//! [`RpcLimits::outbox_messages`](crate::RpcLimits::outbox_messages) are queued for the client; when the queue is full,
//! answers wait, and subscriptions drop messages by their own rules. If a client reads nothing, the transport's write
//! operation times out, which ends the connection.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::pending;
use futures_util::stream::FuturesUnordered;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use jsonrpsee::core::server::{BoundedSubscriptions, MethodSink};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::call::dispatch::{Caller, Dispatcher, PushSink, Reply};
use crate::call::request::RequestError;

/// Maximum time for answers in progress after the client has stopped sending, or the node stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// What is sent to the client.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// An answer or a notification.
    Json(Box<RawValue>),
    /// A ping, which the client answers.
    Ping,
}

/// Differences between the transports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionSettings {
    /// Interval between two pings; `None`: no pings.
    pub(crate) ping_interval: Option<Duration>,
    /// Whether requests arrive as one stream of bytes. Then the connection ends after invalid JSON, because the start of
    /// the next request is unknown; and a client that has closed its sending half still gets its answers.
    pub(crate) is_stream: bool,
}

/// Answers the requests of one client until the client or the node ends the connection.
pub(crate) async fn serve_requests<I, O>(
    dispatcher: &Dispatcher,
    incoming: I,
    outgoing: O,
    settings: ConnectionSettings,
    stop: &CancellationToken,
) where
    I: Stream<Item = Result<Bytes, RequestError>> + Send,
    O: Sink<Outgoing> + Send,
{
    let capacity = usize::try_from(dispatcher.limits.outbox_messages).unwrap_or(usize::MAX);
    let (sender, outbox) = mpsc::channel(capacity.clamp(1, 1 << 16));
    let subscriptions = BoundedSubscriptions::new(dispatcher.limits.subscriptions);
    let push = PushSink { outbox: MethodSink::new(sender), subscriptions };
    let caller = dispatcher.connection(Some(push));
    let answered = CancellationToken::new();
    let receiving = async {
        receive(dispatcher, &caller, incoming, settings, stop).await;
        answered.cancel();
        pending::<()>().await;
    };
    tokio::select! {
        () = receiving => {}
        // It ends when everything is sent, or when the client no longer reads.
        () = send(outbox, outgoing, settings.ping_interval, &answered) => {}
    }
}

/// Answers requests until the connection ends, then finishes the answers in progress.
async fn receive(
    dispatcher: &Dispatcher,
    caller: &Caller,
    incoming: impl Stream<Item = Result<Bytes, RequestError>>,
    settings: ConnectionSettings,
    stop: &CancellationToken,
) {
    let mut incoming = pin!(incoming);
    let mut answers = FuturesUnordered::new();
    let limit = dispatcher.limits.concurrent_requests.max(1);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    loop {
        tokio::select! {
            request = incoming.next(), if answers.len() < limit => match request {
                Some(request) => answers.push(answer(dispatcher, caller, request)),
                None if settings.is_stream => break,
                None => return,
            },
            Some(unreadable) = answers.next(), if !answers.is_empty() => {
                if unreadable && settings.is_stream {
                    break;
                }
            }
            () = stop.cancelled() => break,
        }
    }
    // Answers that are not ready in time are cancelled.
    let _ = timeout(DRAIN_TIMEOUT, async { while answers.next().await.is_some() {} }).await;
}

/// Answers one request. Returns whether it was unreadable.
async fn answer(
    dispatcher: &Dispatcher,
    caller: &Caller,
    request: Result<Bytes, RequestError>,
) -> bool {
    let reply = match request {
        Ok(request) => dispatcher.answer(&request, caller).await,
        Err(error) => dispatcher.refuse(error),
    };
    let (json, unreadable) = match reply {
        Reply::Nothing => return false,
        Reply::Json(json) => (json, false),
        Reply::Unreadable(json) => (json, true),
    };
    if let Some(push) = &caller.push {
        // An error means that the connection has ended.
        let _ = push.outbox.send(json).await;
    }
    unreadable
}

/// Sends what is in the outbox until sending fails, or until all requests are `answered` and everything is sent.
async fn send(
    mut outbox: mpsc::Receiver<Box<RawValue>>,
    outgoing: impl Sink<Outgoing>,
    ping_interval: Option<Duration>,
    answered: &CancellationToken,
) {
    let mut outgoing = pin!(outgoing);
    let mut pings = ping_interval.map(|period| {
        let mut pings = interval(period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings
    });
    loop {
        let next = tokio::select! {
            json = outbox.recv() => match json {
                Some(json) => Outgoing::Json(json),
                None => break,
            },
            () = answered.cancelled(), if !outbox.is_closed() => {
                outbox.close();
                continue;
            }
            () = tick(&mut pings) => Outgoing::Ping,
        };
        if outgoing.send(next).await.is_err() {
            return;
        }
    }
    // An error means that the connection is closed already.
    let _ = outgoing.close().await;
}

async fn tick(pings: &mut Option<tokio::time::Interval>) {
    match pings {
        Some(pings) => _ = pings.tick().await,
        None => pending().await,
    }
}
