//! A connection over which requests come in, and answers and notifications go out, as both are ready.
//!
//! The same for every transport that has such connections (WebSocket, IPC): they only cut the bytes that come in into
//! requests. Everything about a connection is bounded. Requests are answered side by side, up to
//! [`Limits::pipelined`](crate::Limits::pipelined) of them; while so many are in progress no more is read, and the
//! client's own writing comes to a stop. What goes out waits in an outbox of
//! [`Limits::outbox`](crate::Limits::outbox) messages; while it is full, answers wait, and subscriptions drop by their
//! own rule. A client that takes nothing is given up by the transport, whose writing then fails.

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

use crate::call::calls::{Caller, Calls, Push, Reply};
use crate::call::request::Fault;

/// How long answers may still take when no more requests come: the client, or the node, has come to its end.
const LINGER: Duration = Duration::from_secs(5);

/// What goes out.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Json(Box<RawValue>),
    /// A sign of life, to be answered with one.
    Ping,
}

/// What differs from one transport to the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// How often a sign of life goes out.
    pub(crate) ping: Option<Duration>,
    /// Whether requests come as one stream of bytes. After what is no JSON nobody knows where the next one begins, and
    /// that is the end; and a client that sends no more may still wait for its answers.
    pub(crate) stream: bool,
}

/// Answers what comes in until either end is done, or `stop`.
pub(crate) async fn converse<I, O>(
    calls: &Calls,
    incoming: I,
    outgoing: O,
    manner: Manner,
    stop: &CancellationToken,
) where
    I: Stream<Item = Result<Bytes, Fault>> + Send,
    O: Sink<Outgoing> + Send,
{
    let capacity = usize::try_from(calls.limits.outbox).unwrap_or(usize::MAX);
    let (sender, outbox) = mpsc::channel(capacity.clamp(1, 1 << 16));
    let subscriptions = BoundedSubscriptions::new(calls.limits.subscriptions);
    let push = Push { outbox: MethodSink::new(sender), subscriptions };
    let caller = Caller { connection: calls.next_connection(), push: Some(push) };
    let over = CancellationToken::new();
    let listening = async {
        listen(calls, &caller, incoming, manner, stop).await;
        over.cancel();
        pending::<()>().await;
    };
    tokio::select! {
        () = listening => {}
        // The end: all is said, or nobody listens any more.
        () = say(outbox, outgoing, manner.ping, &over) => {}
    }
}

/// Answers what comes in, and what had come in before the end.
async fn listen(
    calls: &Calls,
    caller: &Caller,
    incoming: impl Stream<Item = Result<Bytes, Fault>>,
    manner: Manner,
    stop: &CancellationToken,
) {
    let mut incoming = pin!(incoming);
    let mut answers = FuturesUnordered::new();
    let most = usize::try_from(calls.limits.pipelined.max(1)).unwrap_or(usize::MAX);
    loop {
        tokio::select! {
            request = incoming.next(), if answers.len() < most => match request {
                Some(request) => answers.push(answer(calls, caller, request)),
                None if manner.stream => break,
                None => return,
            },
            Some(unreadable) = answers.next(), if !answers.is_empty() => {
                if unreadable && manner.stream {
                    break;
                }
            }
            () = stop.cancelled() => break,
        }
    }
    // What is not answered by then is given up.
    let _ = timeout(LINGER, async { while answers.next().await.is_some() {} }).await;
}

/// Answers one request; whether it could not be read.
async fn answer(calls: &Calls, caller: &Caller, request: Result<Bytes, Fault>) -> bool {
    let reply = match request {
        Ok(request) => calls.answer(&request, caller).await,
        Err(fault) => calls.refuse(fault),
    };
    let (json, unreadable) = match reply {
        Reply::Nothing => return false,
        Reply::Json(json) => (json, false),
        Reply::Unreadable(json) => (json, true),
    };
    if let Some(push) = &caller.push {
        // An error says that the connection has ended.
        let _ = push.outbox.send(json).await;
    }
    unreadable
}

/// Sends what is in the outbox, until sending fails, or it is `over` and all is sent.
async fn say(
    mut outbox: mpsc::Receiver<Box<RawValue>>,
    outgoing: impl Sink<Outgoing>,
    ping: Option<Duration>,
    over: &CancellationToken,
) {
    let mut outgoing = pin!(outgoing);
    let mut pings = ping.map(|period| {
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
            () = over.cancelled(), if !outbox.is_closed() => {
                outbox.close();
                continue;
            }
            () = tick(&mut pings) => Outgoing::Ping,
        };
        if outgoing.send(next).await.is_err() {
            return;
        }
    }
    // An error says that it is closed already.
    let _ = outgoing.close().await;
}

async fn tick(pings: &mut Option<tokio::time::Interval>) {
    match pings {
        Some(pings) => _ = pings.tick().await,
        None => pending().await,
    }
}
