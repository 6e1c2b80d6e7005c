//! Subscriptions: messages are pushed to a client as soon as they are opened.

use futures_util::stream;

use super::context::ShhContext;
use super::messages::{CriteriaUse, criteria_errors, filter_spec};
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::declare::signature::SubscriptionNames;
use crate::types::message::{Criteria, MessageJson};

/// The only subscription of this namespace.
const MESSAGES: SubscriptionNames = SubscriptionNames {
    subscribe: "shh_subscribe",
    notification: "shh_subscription",
    unsubscribe: "shh_unsubscribe",
    what: "messages",
};

pub(super) fn declare(api: &mut Api<ShhContext>) {
    api.subscription(MESSAGES, ["criteria"], |_: &ShhContext, caller, (criteria,): (Criteria,)| {
        let spec = filter_spec(criteria, caller, CriteriaUse::Subscription)?;
        let watch = caller.team().watch(spec)??;
        Ok(stream::unfold(watch, |(mut watch, counted)| async {
            let received = watch.next().await?;
            Some((MessageJson::from(&*received), (watch, counted)))
        }))
    })
    .about("Subscribes to messages that meet the criteria; returns the id of the subscription.")
    .fails(criteria_errors())
    .fails([CallError::NoTopics, CallError::InvalidPublicKey])
    .fails([CallError::AcknowledgedSubscription]);
}
