//! Subscriptions: notifications are pushed to a client as soon as there is something to tell.

use std::pin::pin;

use futures_util::{Stream, StreamExt};
use jsonrpsee::core::server::{PendingSubscriptionSink, SubscriptionSink};
use jsonrpsee::core::to_json_raw_value;
use jsonrpsee::types::{Params, SubscriptionPayload, SubscriptionResponse};
use serde::Serialize;

use crate::call::arguments::{Args, Arguments};
use crate::call::dispatch::{Caller, Unread};
use crate::call::error::CallError;
use crate::declare::signature::SubscriptionNames;

/// Reads the arguments of a subscription. The first names what to subscribe to, the others are its own.
pub(crate) fn arguments<A: Args>(
    params: &Params<'_>,
    names: SubscriptionNames,
) -> Result<A, CallError> {
    let mut arguments = Arguments::of(params, 1 + A::COUNT)?;
    let what: String = arguments.required()?;
    if what != names.what {
        let namespace = names.subscribe.split('_').next().unwrap_or_default();
        return Err(CallError::NoSuchMethod { name: format!("{namespace}_{what}") });
    }
    A::next(&mut arguments)
}

/// Answers the subscription request, and forwards the stream if it was opened.
pub(crate) async fn answer<S>(
    pending: PendingSubscriptionSink,
    opened: Result<(S, Caller), CallError>,
) where
    S: Stream<Item: Serialize>,
{
    match opened {
        Ok((stream, caller)) => {
            if let Ok(sink) = pending.accept().await {
                forward(stream, sink, &caller).await;
            }
        }
        Err(error) => pending.reject(error).await,
    }
}

/// Forwards items until the client unsubscribes or disconnects, or the stream ends.
///
/// If a client does not read, this waits, and the stream, which is bounded, drops items by its own rule. Nothing else waits
/// for this client.
async fn forward(stream: impl Stream<Item: Serialize>, sink: SubscriptionSink, caller: &Caller) {
    let mut stream = pin!(stream);
    loop {
        let item = tokio::select! {
            biased;
            () = sink.closed() => return,
            _ = caller.not_permitted() => {
                // A subscription has no message for its end, so the client learns it by the end of the connection.
                if let Some(push) = &caller.push {
                    push.end.cancel();
                }
                return;
            }
            item = stream.next() => item,
        };
        let Some(item) = item else { return };
        let notification = SubscriptionResponse::new(
            sink.method_name().into(),
            SubscriptionPayload { subscription: sink.subscription_id(), result: item },
        );
        if push(&notification, &sink, caller).await.is_none() {
            return;
        }
    }
}

/// Puts a notification into the outbox when there is room for it. `None` if the subscription has ended.
async fn push(
    notification: &impl Serialize,
    sink: &SubscriptionSink,
    caller: &Caller,
) -> Option<()> {
    loop {
        let team = caller.team();
        team.meter.wait_to_push(&team.quotas()).await;
        team.meter.wait_for_outbox(|| team.quotas()).await;
        caller.memory.wait_for_room().await;
        if sink.is_closed() {
            return None;
        }
        let json = match to_json_raw_value(notification) {
            Ok(json) => json,
            // Not expected: every field can be written as JSON.
            Err(error) => {
                tracing::error!(%error, "cannot write a notification as JSON");
                return None;
            }
        };
        // Another subscription may have got the room. Then the text is not kept while this waits, since it is not counted.
        if let Some(occupied) = caller.memory.unread_if_room(json.get().len()) {
            team.meter.count_bytes(&team.quotas(), json.get().len());
            let occupied = occupied.of_team(team.meter.add_to_outbox(json.get().len()));
            caller.push(Unread { json, occupied });
            return Some(());
        }
    }
}
