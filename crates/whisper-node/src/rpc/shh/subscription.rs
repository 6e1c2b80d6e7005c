//! Subscriptions: messages pushed to a WebSocket client as soon as they are opened.

use jsonrpsee::RpcModule;
use jsonrpsee::core::{RegisterMethodError, to_json_raw_value};
use jsonrpsee::server::{PendingSubscriptionSink, SubscriptionSink};
use jsonrpsee::types::Params;

use super::super::arguments::Arguments;
use super::super::error::CallError;
use super::Shh;
use super::messages::filter_spec;
use super::types::{Criteria, MessageJson};
use crate::Watch;

/// The only thing to subscribe to here.
const MESSAGES: &str = "messages";

pub(super) fn register(module: &mut RpcModule<Shh>) -> Result<(), RegisterMethodError> {
    module.register_subscription(
        "shh_subscribe",
        "shh_subscription",
        "shh_unsubscribe",
        |params, pending: PendingSubscriptionSink, shh, _| async move {
            match watch(&params, &shh) {
                Ok(watch) => {
                    if let Ok(sink) = pending.accept().await {
                        forward(watch, sink).await;
                    }
                }
                Err(error) => pending.reject(error).await,
            }
        },
    )?;
    Ok(())
}

/// Opens what a client subscribes to, before it is told so: nothing is missed in between.
fn watch(params: &Params<'_>, shh: &Shh) -> Result<Watch, CallError> {
    let mut arguments = Arguments::of(params, 2)?;
    let what: String = arguments.required()?;
    if what != MESSAGES {
        return Err(CallError::NoSuchMethod { name: format!("shh_{what}") });
    }
    let criteria: Criteria = arguments.required()?;
    Ok(shh.whisper.watch(filter_spec(criteria)?)?)
}

/// Hands messages on until the client unsubscribes or leaves, or the node stops.
///
/// A client that does not read fills the outbox of its connection; then this waits, and the watch, which is bounded,
/// drops by its own rule. Nothing else waits for either.
async fn forward(mut watch: Watch, sink: SubscriptionSink) {
    loop {
        let received = tokio::select! {
            received = watch.next() => received,
            () = sink.closed() => return,
        };
        let Some(received) = received else { return };
        let json = match to_json_raw_value(&MessageJson::from(&*received)) {
            Ok(json) => json,
            // Every field can be written as JSON: nothing to hand on otherwise.
            Err(error) => return tracing::error!(%error, "a message could not be written as JSON"),
        };
        if sink.send(json).await.is_err() {
            return;
        }
    }
}
