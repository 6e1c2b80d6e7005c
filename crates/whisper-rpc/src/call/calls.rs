//! Calls, from the bytes of a request to those of its answer, over whatever transport they come.
//!
//! The methods and subscriptions are `jsonrpsee`'s; what is around them is here, so that it is the same over HTTP,
//! WebSocket and IPC: batches, notifications, the texts of go-ethereum's errors, the limits, the counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonrpsee::core::server::{
    BatchResponseBuilder, BoundedSubscriptions, ConnectionId, Extensions, MethodCallback,
    MethodResponse, MethodSink, Methods, SubscriptionState,
};
use jsonrpsee::types::error::reject_too_many_subscriptions;
use jsonrpsee::types::{ErrorCode, ErrorObject, Id, Params, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::call::arguments::Arguments;
use crate::call::error::CallError;
use crate::call::refusal::Counters;
use crate::call::request::{Asked, Entry, Fault, parse};
use crate::call::subscription_id::RandomId;
use crate::config::Limits;

/// What the calls of one transport have in common.
pub(crate) struct Calls {
    /// The methods of the namespaces that the transport serves.
    methods: Methods,
    pub(crate) limits: Limits,
    /// Counts every call.
    pub(crate) counters: Arc<Counters>,
    connections: AtomicUsize,
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The connection, whose subscriptions are its own.
    pub(crate) connection: ConnectionId,
    /// The way to the client, where the transport can carry what it did not ask for.
    pub(crate) push: Option<Push>,
}

/// The way to a client.
#[derive(Clone, Debug)]
pub(crate) struct Push {
    pub(crate) outbox: MethodSink,
    pub(crate) subscriptions: BoundedSubscriptions,
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Nothing: it was a notification, or the answer to a subscription is on its way already.
    Nothing,
    Json(Box<RawValue>),
    /// An error: on a stream of requests it is unknown where the next one begins.
    Unreadable(Box<RawValue>),
}

impl Calls {
    pub(crate) fn new(methods: Methods, limits: Limits, counters: Arc<Counters>) -> Self {
        Self { methods, limits, counters, connections: AtomicUsize::new(0) }
    }

    /// A name for a connection that no other has.
    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// Carries out a request, and answers it.
    pub(crate) async fn answer(&self, request: &[u8], caller: &Caller) -> Reply {
        match parse(request, self.limits.batch) {
            Ok(Asked::One(entry)) => match self.answer_one(entry, caller).await {
                Some(response) if !response.is_subscription() => Reply::Json(response.into_json()),
                _ => Reply::Nothing,
            },
            Ok(Asked::Batch(batch)) => self.answer_batch(batch, caller).await,
            Err(fault) => self.refuse(fault),
        }
    }

    /// The answer to a request of which nothing is carried out.
    pub(crate) fn refuse(&self, fault: Fault) -> Reply {
        let response = self.fail(Id::Null, ErrorObject::from(fault)).into_json();
        match fault {
            Fault::Unreadable | Fault::TooLarge { .. } => Reply::Unreadable(response),
            _ => Reply::Json(response),
        }
    }

    async fn answer_one(&self, entry: Entry<'_>, caller: &Caller) -> Option<MethodResponse> {
        match entry {
            Entry::Call(call) => Some(self.call(call, caller).await),
            Entry::Notification(method, params) => {
                self.carry_out(&method, params.as_deref(), caller).await;
                None
            }
            Entry::Invalid(id) => Some(self.fail(id, ErrorCode::InvalidRequest)),
        }
    }

    async fn answer_batch(&self, batch: Vec<Entry<'_>>, caller: &Caller) -> Reply {
        let mut responses = BatchResponseBuilder::new_with_limit(self.response_limit());
        for entry in batch {
            let response = match entry {
                // The answer to a subscription goes its own way: it would come twice, in the batch's and outside.
                Entry::Call(call) if caller.push.is_some() && self.is_subscription(&call) => {
                    Some(self.fail(call.id, CallError::SubscriptionInBatch))
                }
                entry => self.answer_one(entry, caller).await,
            };
            let Some(response) = response else { continue };
            if let Err(too_large) = responses.append(response) {
                return Reply::Json(too_large.into_json());
            }
        }
        match responses.is_empty() {
            true => Reply::Nothing,
            false => Reply::Json(MethodResponse::from_batch(responses.finish()).into_json()),
        }
    }

    async fn call(&self, call: Request<'_>, caller: &Caller) -> MethodResponse {
        let _in_progress = self.counters.begin();
        let id = call.id.clone();
        match self.dispatch(call, caller).await {
            Ok(response) => {
                self.counters.count_call(response.is_error());
                response
            }
            Err(error) => self.fail(id, error),
        }
    }

    /// Does what a notification asks, and forgets the outcome.
    async fn carry_out(&self, method: &str, params: Option<&RawValue>, caller: &Caller) {
        let callback = self.methods.method(method);
        if matches!(callback, Some(MethodCallback::Sync(_) | MethodCallback::Async(_))) {
            self.call(Request::borrowed(method, params, Id::Null), caller).await;
        }
    }

    async fn dispatch(
        &self,
        call: Request<'_>,
        caller: &Caller,
    ) -> Result<MethodResponse, CallError> {
        let Request { id, method, params, .. } = call;
        let text = params.as_deref().map(RawValue::get);
        let (params, limit) = (Params::new(text), self.response_limit());
        let push = || caller.push.as_ref().ok_or(CallError::NotificationsUnsupported);
        let (connection, none) = (caller.connection, Extensions::new());
        match self.methods.method(&method) {
            None => Err(CallError::NoSuchMethod { name: method.into_owned() }),
            Some(MethodCallback::Sync(answer)) => Ok(answer(id, params, limit, none)),
            Some(MethodCallback::Async(answer)) => {
                Ok(answer(id.into_owned(), params.into_owned(), connection, limit, none).await)
            }
            Some(MethodCallback::Subscription(subscribe)) => {
                let Push { outbox, subscriptions } = push()?.clone();
                let Some(subscription_permit) = subscriptions.acquire() else {
                    let error = reject_too_many_subscriptions(subscriptions.max());
                    return Ok(MethodResponse::error(id, error));
                };
                let state = SubscriptionState {
                    conn_id: connection,
                    id_provider: &RandomId,
                    subscription_permit,
                };
                Ok(subscribe(id, params, outbox, state, none).await)
            }
            Some(MethodCallback::Unsubscription(unsubscribe)) => {
                push()?;
                // It must name a subscription, of whatever name.
                Arguments::parse(text, 1)?.required::<String>()?;
                let response = unsubscribe(id, params, connection, limit, none);
                match was_subscribed(&response) {
                    true => Ok(response),
                    false => Err(CallError::NoSuchSubscription),
                }
            }
        }
    }

    fn is_subscription(&self, call: &Request<'_>) -> bool {
        matches!(self.methods.method(&call.method), Some(MethodCallback::Subscription(_)))
    }

    fn fail<'a>(&self, id: Id<'_>, error: impl Into<ErrorObject<'a>>) -> MethodResponse {
        self.counters.count_call(true);
        MethodResponse::error(id, error)
    }

    fn response_limit(&self) -> usize {
        usize::try_from(self.limits.response).unwrap_or(usize::MAX)
    }
}

/// Whether the answer to an unsubscription is `true`.
fn was_subscribed(response: &MethodResponse) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        result: bool,
    }
    serde_json::from_str::<Answer>(response.as_ref()).is_ok_and(|answer| answer.result)
}
