//! Subscriptions: messages pushed to a client as soon as they are opened.

use futures_util::stream;

use super::Shh;
use super::messages::{criteria_errors, filter_spec};
use super::types::{Criteria, MessageJson};
use crate::declare::api::{Api, Feed};

/// The only thing to subscribe to here.
const MESSAGES: Feed = Feed {
    subscribe: "shh_subscribe",
    notification: "shh_subscription",
    unsubscribe: "shh_unsubscribe",
    what: "messages",
};

pub(super) fn declare(api: &mut Api<Shh>) {
    api.subscription(MESSAGES, ["criteria"], |shh, (criteria,): (Criteria,)| {
        let watch = shh.whisper.watch(filter_spec(criteria)?)?;
        Ok(stream::unfold(watch, |mut watch| async {
            let received = watch.next().await?;
            Some((MessageJson::from(&*received), watch))
        }))
    })
    .about("Pushes messages that meet the criteria, as they arrive; answers the name of the subscription.")
    .fails(criteria_errors());
}
