//! Subscriptions: what is pushed to a client as soon as it is there.

use std::pin::pin;

use futures_util::{Stream, StreamExt};
use jsonrpsee::core::server::{PendingSubscriptionSink, SubscriptionSink};
use jsonrpsee::core::to_json_raw_value;
use jsonrpsee::types::Params;
use serde::Serialize;

use crate::call::arguments::{Args, Arguments};
use crate::call::error::CallError;
use crate::declare::api::Feed;

/// Reads the arguments of a subscription: what to subscribe to, then its own.
pub(crate) fn arguments<A: Args>(params: &Params<'_>, feed: Feed) -> Result<A, CallError> {
    let mut arguments = Arguments::of(params, 1 + A::COUNT)?;
    let what: String = arguments.required()?;
    if what != feed.what {
        let namespace = feed.subscribe.split('_').next().unwrap_or_default();
        return Err(CallError::NoSuchMethod { name: format!("{namespace}_{what}") });
    }
    A::next(&mut arguments)
}

/// Tells the client that it has subscribed, and hands on what comes; or why it has not.
pub(crate) async fn answer<S>(pending: PendingSubscriptionSink, opened: Result<S, CallError>)
where
    S: Stream<Item: Serialize>,
{
    match opened {
        Ok(stream) => {
            if let Ok(sink) = pending.accept().await {
                forward(stream, sink).await;
            }
        }
        Err(error) => pending.reject(error).await,
    }
}

/// Hands items on until the client unsubscribes or leaves, or the stream ends.
///
/// A client that does not read fills the outbox of its connection; then this waits, and the stream, which is bounded,
/// drops by its own rule. Nothing else waits for either.
async fn forward(stream: impl Stream<Item: Serialize>, sink: SubscriptionSink) {
    let mut stream = pin!(stream);
    loop {
        let item = tokio::select! {
            item = stream.next() => item,
            () = sink.closed() => return,
        };
        let Some(item) = item else { return };
        let json = match to_json_raw_value(&item) {
            Ok(json) => json,
            // Every field can be written as JSON: nothing to hand on otherwise.
            Err(error) => {
                return tracing::error!(%error, "a notification could not be written as JSON");
            }
        };
        if sink.send(json).await.is_err() {
            return;
        }
    }
}
