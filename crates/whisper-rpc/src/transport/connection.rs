//! A connection over which several requests are answered concurrently, and notifications are sent.
//!
//! It is the same for WebSocket and IPC, which only split the received bytes into requests. Everything about a
//! connection is bounded. At most [`RpcLimits::concurrent_requests`](crate::RpcLimits::concurrent_requests) are answered
//! at the same time; meanwhile nothing more is read, so the client cannot send more. From
//! [`RpcLimits::unread_bytes`](crate::RpcLimits::unread_bytes) on that the client has not read, answers wait, subscriptions
//! drop messages by their own rules, and nothing more is read either. If a client reads nothing, the transport's write
//! operation times out, which ends the connection.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::pending;
use futures_util::stream::FuturesUnordered;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use jsonrpsee::core::server::{BoundedSubscriptions, MethodSink};
use p2p_world::race;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::call::dispatch::{Caller, Dispatcher, PushSink, Reply, Unread};
use crate::call::memory::{ClientMemory, Occupied};
use crate::call::request::RequestError;
use crate::team::pass::Pass;

/// Maximum time for answers in progress after the client has stopped sending, or the node stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Number of answers to subscriptions that wait to be sent.
const SUBSCRIBED_ANSWERS: usize = 16;

/// What is sent to the client.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// An answer or a notification.
    Json(Box<RawValue>),
    /// A ping, which the client answers.
    Ping,
}

/// How a connection is accounted for, and ended.
#[derive(Debug)]
pub(crate) struct ClientEnd {
    /// What its client occupies.
    pub(crate) memory: Arc<ClientMemory>,
    /// Ends it after the answers in progress.
    pub(crate) stop: CancellationToken,
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
    pass: Pass,
    client: ClientEnd,
) where
    I: Stream<Item = Result<Bytes, RequestError>> + Send,
    O: Sink<Outgoing> + Send,
{
    let ClientEnd { memory, stop } = client;
    let end = CancellationToken::new();
    let (outbox, queued) = mpsc::unbounded_channel();
    let (sink, subscribed) = mpsc::channel(SUBSCRIBED_ANSWERS);
    let outgoing_queue = Outbox { queued, subscribed, next: None, memory: Arc::clone(&memory) };
    let push = PushSink {
        outbox,
        subscribed: MethodSink::new(sink),
        subscriptions: BoundedSubscriptions::new(dispatcher.limits.subscriptions),
        end: end.clone(),
    };
    let caller = dispatcher.connection(pass, push, memory);
    let answered = CancellationToken::new();
    let receiving = async {
        tokio::select! {
            biased;
            () = caller.pass.ended() => end.cancel(),
            () = receive(dispatcher, &caller, incoming, settings, &stop) => {}
        }
        answered.cancel();
        pending::<()>().await;
    };
    // It ends when everything is sent, or when the client no longer reads.
    let sending = send(outgoing_queue, outgoing, settings.ping_interval, &answered, &end);
    race(receiving, sending).await;
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
        let is_full = caller.memory.is_full();
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // Before new requests: there are at most `limit` answers, so they cannot hold up the requests.
            Some(unreadable) = answers.next(), if !answers.is_empty() => {
                if unreadable && settings.is_stream {
                    break;
                }
            }
            request = incoming.next(), if answers.len() < limit && !is_full => match request {
                Some(request) => {
                    // Nothing that can be read follows an error.
                    let is_last = request.is_err();
                    answers.push(answer(dispatcher, caller, request));
                    if is_last {
                        break;
                    }
                }
                None if settings.is_stream => break,
                None => return,
            },
            () = caller.memory.wait_for_room(), if is_full && answers.is_empty() => {}
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
        Ok(request) => {
            let _request = caller.memory.request(request.len());
            caller.memory.wait_for_room().await;
            dispatcher.answer(&request, caller).await
        }
        Err(error) => dispatcher.refuse(error),
    };
    let (json, unreadable) = match reply {
        Reply::Nothing => return false,
        Reply::Json(json) => (json, false),
        Reply::Unreadable(json) => (json, true),
    };
    let occupied = caller.memory.unread(json.get().len());
    caller.push(Unread { json, occupied });
    unreadable
}

/// What is to be sent to one client.
struct Outbox {
    queued: mpsc::UnboundedReceiver<Unread>,
    /// The answers to subscriptions. They precede the notifications of the subscription in `queued`.
    subscribed: mpsc::Receiver<Box<RawValue>>,
    /// Taken from `queued`.
    next: Option<Unread>,
    memory: Arc<ClientMemory>,
}

impl Outbox {
    /// The next answer or notification; `None` if it is closed and empty. Cancel safe.
    async fn next(&mut self) -> Option<Unread> {
        if self.next.is_none() {
            tokio::select! {
                biased;
                Some(json) = self.subscribed.recv() => return Some(self.count(json)),
                queued = self.queued.recv() => self.next = Some(queued?),
            }
        }
        match self.subscribed.try_recv() {
            Ok(json) => Some(self.count(json)),
            Err(_) => self.next.take(),
        }
    }

    fn count(&self, json: Box<RawValue>) -> Unread {
        Unread { occupied: self.memory.unread(json.get().len()), json }
    }

    /// Refuses everything that is not in it yet.
    fn close(&mut self) {
        self.queued.close();
        self.subscribed.close();
    }
}

/// Sends what is in the outbox until sending fails, or until all requests are `answered` and everything is sent.
async fn send(
    mut outbox: Outbox,
    outgoing: impl Sink<Outgoing>,
    ping_interval: Option<Duration>,
    answered: &CancellationToken,
    end: &CancellationToken,
) {
    let mut outgoing = pin!(outgoing);
    let mut pings = ping_interval.map(pings);
    // What is written now. The transport has a copy of it.
    let mut written: Option<Occupied> = None;
    let mut is_open = true;
    while is_open || written.is_some() {
        let next = tokio::select! {
            biased;
            // What is not sent yet is for a client that may no longer have it.
            () = end.cancelled() => break,
            sent = outgoing.flush(), if written.is_some() => match sent {
                Ok(()) => {
                    written = None;
                    continue;
                }
                Err(_) => return,
            },
            () = answered.cancelled(), if !outbox.queued.is_closed() => {
                outbox.close();
                continue;
            }
            unread = outbox.next(), if is_open && written.is_none() => match unread {
                Some(Unread { json, mut occupied }) => {
                    occupied.grow(json.get().len());
                    written = Some(occupied);
                    Outgoing::Json(json)
                }
                None => {
                    is_open = false;
                    continue;
                }
            },
            () = tick(&mut pings), if written.is_none() => {
                written = Some(outbox.memory.unread(0));
                Outgoing::Ping
            }
        };
        if outgoing.feed(next).await.is_err() {
            return;
        }
    }
    // An error means that the connection is closed already.
    let _ = outgoing.close().await;
}

fn pings(period: Duration) -> Interval {
    let mut pings = interval(period);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings
}

async fn tick(pings: &mut Option<Interval>) {
    match pings {
        Some(pings) => _ = pings.tick().await,
        None => pending().await,
    }
}
