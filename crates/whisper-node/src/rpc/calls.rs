//! What go-ethereum and the JSON-RPC specification want of calls beyond what `jsonrpsee` gives: the text of an
//! unknown method's error, notifications that are carried out, and errors for subscriptions that are not there.

use std::sync::Arc;

use jsonrpsee::server::middleware::rpc::{
    Batch, BatchEntry, MethodResponse, Notification, Request, RpcServiceT,
};
use jsonrpsee::server::{BatchResponseBuilder, MethodCallback, Methods};
use jsonrpsee::types::Id;
use serde::Deserialize;
use serde_json::value::RawValue;
use tower::Layer;

use super::arguments::Arguments;
use super::error::CallError;
use super::refusal::Counters;

/// Marks, in a response's extensions, that there must be none: the call was a notification.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoReply;

/// What the calls of one transport have in common.
pub(super) struct Served {
    /// The methods of the namespaces that the transport serves.
    pub(super) methods: Methods,
    /// Whether the transport can carry notifications to the client.
    pub(super) push: bool,
    /// The longest response, in bytes.
    pub(super) response_limit: usize,
    /// Counts every call.
    pub(super) counters: Arc<Counters>,
}

/// Puts [`Calls`] around the service of `jsonrpsee`.
#[derive(Clone)]
pub(super) struct CallsLayer(pub(super) Arc<Served>);

impl<S> Layer<S> for CallsLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls { inner, served: Arc::clone(&self.0) }
    }
}

/// The calls of one connection.
#[derive(Clone)]
pub(super) struct Calls<S> {
    inner: S,
    served: Arc<Served>,
}

/// What kind of method a call is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Subscribe,
    Unsubscribe,
}

impl Served {
    fn kind_of(&self, method: &str) -> Result<Kind, CallError> {
        let kind = match self.methods.method(method) {
            None => return Err(CallError::NoSuchMethod { name: method.to_owned() }),
            Some(MethodCallback::Subscription(_)) => Kind::Subscribe,
            Some(MethodCallback::Unsubscription(_)) => Kind::Unsubscribe,
            Some(_) => return Ok(Kind::Plain),
        };
        if self.push { Ok(kind) } else { Err(CallError::NotificationsUnsupported) }
    }

    fn fail(&self, id: Id<'_>, error: CallError) -> MethodResponse {
        self.counters.count_call(true);
        MethodResponse::error(id, error)
    }
}

impl<S> Calls<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Sync,
{
    async fn answer(&self, request: Request<'_>) -> MethodResponse {
        let _in_progress = self.served.counters.begin();
        let (id, params) = (request.id().into_owned(), request.params.clone());
        let kind = match self.served.kind_of(request.method_name()) {
            Ok(kind) => kind,
            Err(error) => return self.served.fail(id, error),
        };
        if kind == Kind::Unsubscribe
            && let Err(error) = subscription_id(params.as_deref())
        {
            return self.served.fail(id, error);
        }
        let response = self.inner.call(request).await;
        if kind == Kind::Unsubscribe && !was_subscribed(&response) {
            return self.served.fail(id, CallError::NoSuchSubscription);
        }
        self.served.counters.count_call(response.is_error());
        response
    }

    async fn answer_batch(&self, batch: Batch<'_>) -> MethodResponse {
        let mut responses = BatchResponseBuilder::new_with_limit(self.served.response_limit);
        let mut notified = false;
        for entry in batch {
            let response = match entry {
                Ok(BatchEntry::Call(request)) => self.answer_entry(request).await,
                Ok(BatchEntry::Notification(notification)) => {
                    notified = true;
                    self.carry_out(notification).await;
                    continue;
                }
                Err(error) => {
                    let (error, id) = error.into_parts();
                    MethodResponse::error(id, error)
                }
            };
            if let Err(too_large) = responses.append(response) {
                return too_large;
            }
        }
        if responses.is_empty() && notified {
            return no_reply();
        }
        MethodResponse::from_batch(responses.finish())
    }

    /// As [`Self::answer`], except that the server sends the response to a subscription by itself, which
    /// would then stand both inside and outside of the batch's.
    async fn answer_entry(&self, request: Request<'_>) -> MethodResponse {
        if matches!(self.served.kind_of(request.method_name()), Ok(Kind::Subscribe)) {
            return self.served.fail(request.id(), CallError::SubscriptionInBatch);
        }
        self.answer(request).await
    }

    /// Does what a notification asks, and forgets the outcome.
    async fn carry_out(&self, notification: Notification<'_>) {
        let Notification { method, params, extensions, .. } = notification;
        if !matches!(self.served.kind_of(&method), Ok(Kind::Plain)) {
            return;
        }
        let mut request = Request::borrowed(&method, params.as_deref(), Id::Null);
        *request.extensions_mut() = extensions;
        self.answer(request).await;
    }
}

impl<S> RpcServiceT for Calls<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let calls = self.clone();
        async move { calls.answer(request).await }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let calls = self.clone();
        async move { calls.answer_batch(batch).await }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        let calls = self.clone();
        async move {
            calls.carry_out(notification).await;
            no_reply()
        }
    }
}

fn no_reply() -> MethodResponse {
    let mut response = MethodResponse::notification();
    response.extensions_mut().insert(NoReply);
    response
}

/// Checks that an unsubscription names a subscription, of whatever name.
fn subscription_id(params: Option<&RawValue>) -> Result<String, CallError> {
    Arguments::parse(params.map(RawValue::get), 1)?.required()
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
