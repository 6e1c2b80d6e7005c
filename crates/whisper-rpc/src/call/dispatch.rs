//! Answers requests, independent of the transport.
//!
//! `jsonrpsee` runs the methods and subscriptions. What is common to HTTP, WebSocket and IPC is here: batches,
//! notifications, go-ethereum's error texts, limits, counters.

mod turns;

use std::collections::BTreeMap;
use std::net::IpAddr;
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
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use whisper_protocol::{Client, PartialTopic};

use crate::audit::AuditSink;
use crate::call::arguments::Arguments;
use crate::call::error::{CallError, is_over_quota};
use crate::call::memory::{ClientMemory, Occupied};
use crate::call::request::{ParsedRequest, RequestError, RequestItem, parse};
use crate::call::stats::Counters;
use crate::call::stats::timings::MethodTimings;
use crate::call::subscription_id::RandomId;
use crate::config::RpcLimits;
use crate::team::account::TeamAccount;
use crate::team::accounts::Accounts;
use crate::team::method_rule::MethodRule;
use crate::team::pass::Pass;
use crate::team::permit::Permit;
use crate::team::quotas::OverQuota;
use turns::{Turn, Turns};

/// Methods, and what their transport needs to know of the node.
pub(crate) struct ServedMethods {
    pub(crate) methods: Methods,
    /// The namespaces with which the other methods of the node are served, by the name of the method.
    pub(crate) elsewhere: BTreeMap<&'static str, &'static str>,
    /// The maximum size of a message that the node admits now, in bytes.
    pub(crate) max_message_size: Box<dyn Fn() -> u32 + Send + Sync>,
}

/// Maximum size of a `shh_post` call without its payload and padding, in bytes.
const MAX_CALL_OVERHEAD: u32 = 64 * 1024;

/// The size of the largest call that posts a message of this size: two digits for each byte of the message.
fn post_call_bytes(message_size: u32) -> u32 {
    message_size.saturating_mul(2).saturating_add(MAX_CALL_OVERHEAD)
}

/// Answers the requests of one transport.
pub(crate) struct Dispatcher {
    /// The methods of the namespaces that the transport serves.
    served: ServedMethods,
    pub(crate) limits: RpcLimits,
    pub(crate) counters: Arc<Counters>,
    accounts: Arc<Accounts>,
    audit: Option<AuditSink>,
    connections: AtomicUsize,
    timings: MethodTimings,
    /// Only one batch computes, so that batches never occupy more than one thread.
    batch_turns: Turns,
}

/// The client that calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The connection. Only it can end its subscriptions.
    pub(crate) connection: ConnectionId,
    /// Whose filters and posts are made.
    pub(crate) client: Client,
    /// Whether no other caller has the same [`client`](Self::client).
    pub(crate) is_only: bool,
    /// What admits it, and its team.
    pub(crate) pass: Pass,
    /// Whether the call is allowed. `None` between two calls.
    permit: Option<Arc<Permit>>,
    /// What the client occupies.
    pub(crate) memory: Arc<ClientMemory>,
    /// Where notifications go; `None` if the transport does not carry them.
    pub(crate) push: Option<PushSink>,
}

/// Where answers and notifications for one client go.
#[derive(Clone, Debug)]
pub(crate) struct PushSink {
    /// Bounded by [`ClientMemory::wait_for_room`].
    pub(crate) outbox: mpsc::UnboundedSender<Unread>,
    /// Where `jsonrpsee` sends the answers to subscriptions.
    pub(crate) subscribed: MethodSink,
    pub(crate) subscriptions: BoundedSubscriptions,
    /// Cancelled to end the connection.
    pub(crate) end: CancellationToken,
}

/// What the client has not read yet.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) json: Box<RawValue>,
    /// Until it is sent.
    pub(crate) occupied: Occupied,
}

impl Caller {
    /// The team of the caller.
    pub(crate) fn team(&self) -> &TeamAccount {
        &self.pass.account
    }

    /// The call uses these topics; none: all topics.
    pub(crate) fn use_topics(&self, topics: Vec<PartialTopic>) -> Result<(), CallError> {
        let used = self.permit.as_ref().map(|permit| permit.use_topics(topics));
        Ok(used.unwrap_or(Ok(()))?)
    }

    /// Waits until the call is no longer allowed.
    pub(crate) async fn not_permitted(&self) -> CallError {
        match &self.permit {
            Some(permit) => permit.lost().await.into(),
            None => std::future::pending().await,
        }
    }

    /// The caller of one call of this method, if it is allowed.
    fn of_call(&self, method: &str) -> Result<Self, CallError> {
        let permit = Permit::new(self.pass.clone(), MethodRule::of(method))?;
        Ok(Self { permit: Some(Arc::new(permit)), ..self.clone() })
    }

    /// Puts an answer or a notification into the outbox, if there is one.
    pub(crate) fn push(&self, unread: Unread) {
        if let Some(push) = &self.push {
            // An error means that the connection has ended.
            let _ = push.outbox.send(unread);
        }
    }
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// No answer: it was a notification, or a subscription whose answer was sent already.
    Nothing,
    /// The answer.
    Json(Box<RawValue>),
    /// An error after which it is unknown where the next request of a stream begins.
    Unreadable(Box<RawValue>),
}

impl Dispatcher {
    pub(crate) fn new(
        served: ServedMethods,
        limits: RpcLimits,
        counters: Arc<Counters>,
        accounts: Arc<Accounts>,
        audit: Option<AuditSink>,
    ) -> Self {
        let (connections, batch_turns) = (AtomicUsize::new(0), Turns::default());
        let timings = counters.timings.of(served.methods.method_names());
        Self { served, limits, counters, accounts, audit, connections, timings, batch_turns }
    }

    /// Maximum size of a request now, in bytes.
    pub(crate) fn request_limit(&self) -> u32 {
        let limit = self.limits.request_bytes;
        limit.unwrap_or_else(|| post_call_bytes((self.served.max_message_size)()))
    }

    /// The caller of all requests on one connection that carries notifications.
    pub(crate) fn connection(
        &self,
        pass: Pass,
        push: PushSink,
        memory: Arc<ClientMemory>,
    ) -> Caller {
        let client = pass.account.client().unwrap_or_else(|| self.accounts.clients.connection());
        let connection = self.next_connection();
        Caller { connection, client, is_only: true, pass, permit: None, memory, push: Some(push) }
    }

    /// The caller of one HTTP request from this address.
    pub(crate) fn request_from(
        &self,
        pass: Pass,
        address: Option<IpAddr>,
        memory: Arc<ClientMemory>,
    ) -> Caller {
        let team = pass.account.client();
        let client = team.unwrap_or_else(|| self.accounts.clients.address(address));
        let connection = self.next_connection();
        // The clients of a team tell each other everything.
        let is_only = team.is_some();
        Caller { connection, client, is_only, pass, permit: None, memory, push: None }
    }

    fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    /// Carries out a request and returns the answer.
    pub(crate) async fn answer(&self, request: &[u8], caller: &Caller) -> Reply {
        match parse(request, self.limits.batch_calls) {
            Ok(ParsedRequest::Single(item)) => match self.answer_one(item, caller).await {
                Some(response) if !response.is_subscription() => Reply::Json(response.into_json()),
                _ => Reply::Nothing,
            },
            Ok(ParsedRequest::Batch(batch)) => self.answer_batch(batch, caller).await,
            Err(error) => self.refuse(error),
        }
    }

    /// The answer to a request that is not carried out.
    pub(crate) fn refuse(&self, error: RequestError) -> Reply {
        let response = self.fail(Id::Null, ErrorObject::from(error)).into_json();
        match error {
            RequestError::Unreadable | RequestError::TooLarge { .. } => Reply::Unreadable(response),
            _ => Reply::Json(response),
        }
    }

    async fn answer_one(&self, item: RequestItem<'_>, caller: &Caller) -> Option<MethodResponse> {
        let begun = begin(&item, caller).await;
        let is_refused = begun.is_err();
        let response = match begun {
            Ok(()) => self.carry_out(item, caller).await,
            Err(error) => self.over_quota(item, error),
        };
        if is_refused || response.as_ref().is_some_and(is_over_quota) {
            caller.team().meter.delay_refusal().await;
        }
        response
    }

    /// The answer to an item of a team that is over a quota.
    fn over_quota(&self, item: RequestItem<'_>, error: OverQuota) -> Option<MethodResponse> {
        match item {
            RequestItem::Call(call) => Some(self.fail(call.id, CallError::from(error))),
            RequestItem::Notification(..) => None,
            RequestItem::Invalid(id) => Some(self.fail(id, CallError::from(error))),
        }
    }

    async fn carry_out(&self, item: RequestItem<'_>, caller: &Caller) -> Option<MethodResponse> {
        match item {
            RequestItem::Call(call) => Some(self.call(call, caller).await),
            RequestItem::Notification(method, params) => {
                self.carry_out_silently(&method, params.as_deref(), caller).await;
                None
            }
            RequestItem::Invalid(id) => Some(self.fail(id, ErrorCode::InvalidRequest)),
        }
    }

    async fn answer_batch(&self, batch: Vec<RequestItem<'_>>, caller: &Caller) -> Reply {
        let _batch_turn = caller.memory.batch_turn().await;
        let mut responses = BatchResponseBuilder::new_with_limit(self.response_limit());
        let mut occupied = caller.memory.unread(0);
        let mut is_refused = false;
        for item in batch {
            // Other tasks have their turn: relaying, and the calls of other clients.
            yield_now().await;
            // A team that has to wait does not keep the turn meanwhile.
            let begun = begin(&item, caller).await;
            let _turn = self.batch_turn(&item, caller).await;
            let response = match item {
                item if begun.is_err() => {
                    is_refused = true;
                    begun.err().and_then(|error| self.over_quota(item, error))
                }
                // `jsonrpsee` sends the answer to a subscription itself, so it would be sent twice.
                RequestItem::Call(call) if caller.push.is_some() && self.is_subscription(&call) => {
                    Some(self.fail(call.id, CallError::SubscriptionInBatch))
                }
                item => self.carry_out(item, caller).await,
            };
            let Some(response) = response else { continue };
            is_refused |= is_over_quota(&response);
            // The text of the answer doubles its capacity when it is full.
            occupied.grow(2 * response.as_ref().len());
            if let Err(too_large) = responses.append(response) {
                return Reply::Json(too_large.into_json());
            }
        }
        if is_refused {
            caller.team().meter.delay_refusal().await;
        }
        match responses.is_empty() {
            true => Reply::Nothing,
            false => Reply::Json(MethodResponse::from_batch(responses.finish()).into_json()),
        }
    }

    /// Waits until no other batch of this transport computes; clients have turns, call by call. A call that waits for
    /// something does not keep the turn.
    async fn batch_turn(&self, item: &RequestItem<'_>, caller: &Caller) -> Option<Turn> {
        let method = match item {
            RequestItem::Call(call) => &call.method,
            RequestItem::Notification(method, _) => method,
            RequestItem::Invalid(_) => return None,
        };
        match self.served.methods.method(method) {
            Some(MethodCallback::Sync(_)) => self.batch_turns.next(caller.client).await,
            _ => None,
        }
    }

    async fn call(&self, call: Request<'_>, caller: &Caller) -> MethodResponse {
        let _in_progress = self.counters.begin();
        let (id, rule) = (call.id.clone(), MethodRule::of(call.method.as_ref()));
        let (timing, start) = (self.timings.get(call.method.as_ref()), Instant::now());
        let span = tracing::debug_span!("rpc.call", method = %call.method);
        let result = self.dispatch(call, caller).instrument(span).await;
        if let Some(audit) = &self.audit {
            audit.call(rule, &caller.pass, &result);
        }
        if let Ok(response) = &result {
            let team = caller.team();
            team.meter.count_bytes(&team.quotas(), response.as_ref().len());
        }
        if let Some(timing) = timing {
            timing.record(start.elapsed());
        }
        match result {
            Ok(response) => {
                self.counters.count_call(response.is_error());
                response
            }
            Err(error) => self.fail(id, error),
        }
    }

    /// Carries out a notification and ignores the result.
    async fn carry_out_silently(&self, method: &str, params: Option<&RawValue>, caller: &Caller) {
        let callback = self.served.methods.method(method);
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
        let push = |caller: &Caller| caller.push.clone().ok_or(CallError::NotificationsUnsupported);
        let connection = caller.connection;
        let Some(callback) = self.served.methods.method(&method) else {
            return Err(self.no_such_method(method.into_owned()));
        };
        let caller = caller.of_call(&method)?;
        let mut extensions = Extensions::new();
        extensions.insert(caller.clone());
        match callback {
            MethodCallback::Sync(call) => Ok(call(id, params, limit, extensions)),
            MethodCallback::Async(call) => {
                let (id, params) = (id.into_owned(), params.into_owned());
                tokio::select! {
                    biased;
                    error = caller.not_permitted() => Err(error),
                    response = call(id, params, connection, limit, extensions) => Ok(response),
                }
            }
            MethodCallback::Subscription(subscribe) => {
                let PushSink { subscribed, subscriptions, .. } = push(&caller)?;
                let Some(subscription_permit) = subscriptions.acquire() else {
                    let error = reject_too_many_subscriptions(subscriptions.max());
                    return Ok(MethodResponse::error(id, error));
                };
                let state = SubscriptionState {
                    conn_id: connection,
                    id_provider: &RandomId,
                    subscription_permit,
                };
                Ok(subscribe(id, params, subscribed, state, extensions).await)
            }
            MethodCallback::Unsubscription(unsubscribe) => {
                // The argument must be a string; whether it names a subscription is checked below.
                Arguments::parse(text, 1)?.required::<String>()?;
                push(&caller)?;
                let response = unsubscribe(id, params, connection, limit, extensions);
                match was_subscribed(&response) {
                    true => Ok(response),
                    false => Err(CallError::NoSuchSubscription),
                }
            }
        }
    }

    fn no_such_method(&self, name: String) -> CallError {
        match self.served.elsewhere.get(name.as_str()) {
            Some(namespace) => CallError::NotServedHere { name, namespace },
            None => CallError::NoSuchMethod { name },
        }
    }

    fn is_subscription(&self, call: &Request<'_>) -> bool {
        matches!(self.served.methods.method(&call.method), Some(MethodCallback::Subscription(_)))
    }

    fn fail<'a>(&self, id: Id<'_>, error: impl Into<ErrorObject<'a>>) -> MethodResponse {
        self.counters.count_call(true);
        MethodResponse::error(id, error)
    }

    fn response_limit(&self) -> usize {
        usize::try_from(self.limits.response_bytes).unwrap_or(usize::MAX)
    }
}

/// A call begins. Waits if the caller's team is a little ahead of its quotas.
async fn begin(item: &RequestItem<'_>, caller: &Caller) -> Result<(), OverQuota> {
    let params = match item {
        RequestItem::Call(call) => call.params.as_deref(),
        RequestItem::Notification(_, params) => params.as_deref(),
        RequestItem::Invalid(_) => None,
    };
    let bytes = params.map_or(0, |params| params.get().len());
    caller.team().meter.begin_call(&caller.team().quotas(), bytes).await
}

/// Whether the answer to an unsubscribe call is `true`.
fn was_subscribed(response: &MethodResponse) -> bool {
    #[derive(Deserialize)]
    struct Response {
        #[serde(default)]
        result: bool,
    }
    serde_json::from_str::<Response>(response.as_ref()).is_ok_and(|response| response.result)
}
