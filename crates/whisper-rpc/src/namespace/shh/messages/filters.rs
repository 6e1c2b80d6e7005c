//! Filters, which collect messages until a client fetches them.

use p2p_world::HashSet;
use whisper_protocol::{FilterId, NotAcknowledgedError, ReceivedMessage};

use super::{CriteriaUse, criteria_errors, filter_spec};
use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::namespace::shh::context::ShhContext;
use crate::namespace::shh::keys::no_key_pair;
use crate::types::hex::HexBytes;
use crate::types::message::{Criteria, MessageJson};

pub(super) fn declare(api: &mut Api<ShhContext>) {
    api.task_by("shh_newMessageFilter", ["criteria"], |_, caller, (criteria,): (Criteria,)| {
        let spec = filter_spec(criteria, caller, CriteriaUse::Filter);
        let made = spec.and_then(|spec| Ok(caller.team().add_filter(spec)??));
        let caller = caller.clone();
        async move {
            let id = made?;
            caller.team().keep_filter(&id).await?;
            Ok(id.to_string())
        }
    })
    .about("Makes a filter that collects messages that meet the criteria; returns its id.")
    .fails(criteria_errors())
    .fails([no_key_pair(), CallError::not_kept()]);
    api.task_by("shh_getFilterMessages", ["id"], |_, caller, (id,): (String,)| {
        fetch(caller, &id, false)
    })
    .about("Returns the messages that a filter has collected since the last call.")
    .fails([CallError::NoSuchFilter, CallError::not_kept()]);
    api.task_by("shh_deleteMessageFilter", ["id"], |_, caller, (id,): (String,)| {
        let deleted = filter_id(&id).is_some_and(|id| caller.team().remove_filter(&id));
        let caller = caller.clone();
        async move {
            if !deleted {
                return Err(CallError::FilterNotDeleted);
            }
            caller.team().whisper.state().flush().await?;
            Ok(true)
        }
    })
    .about("Deletes a filter.")
    .fails([CallError::FilterNotDeleted, CallError::not_kept()]);
    declare_acknowledgements(api);
}

fn declare_acknowledgements(api: &mut Api<ShhContext>) {
    api.task_by("shh_getUnacknowledged", ["id"], |_, caller, (id,): (String,)| {
        fetch(caller, &id, true)
    })
    .about(
        "Returns all messages that wait in a filter that was made with `acknowledge`: those that were fetched and not \
         acknowledged, and new ones.",
    )
    .fails([CallError::NoSuchFilter, NotAcknowledgedError.into(), CallError::not_kept()]);
    api.task_by(
        "shh_ack",
        ["id", "hashes"],
        |_, caller, (id, hashes): (String, Vec<HexBytes>)| {
            let acknowledged = acknowledge(caller, &id, &hashes);
            let caller = caller.clone();
            async move {
                let count = acknowledged?;
                caller.team().whisper.state().flush().await?;
                Ok(count)
            }
        },
    )
    .about(
        "Acknowledges messages of a filter that was made with `acknowledge`, by the hashes of their envelopes: they do not \
         wait any more. Returns how many did.",
    )
    .fails([CallError::NoSuchFilter, CallError::HashSize { size: 31 }])
    .fails([NotAcknowledgedError.into(), CallError::not_kept()]);
}

/// Fetches the messages of a filter.
fn fetch(
    caller: &Caller,
    id: &str,
    again: bool,
) -> impl Future<Output = Result<Vec<MessageJson>, CallError>> + use<> {
    let found = find(caller, id);
    let caller = caller.clone();
    async move {
        let id = found?;
        if again {
            // An error unless the messages of this filter are acknowledged.
            let none = HashSet::default();
            caller
                .team()
                .whisper
                .state()
                .acknowledge(&id, &none)
                .ok_or(CallError::NoSuchFilter)??;
        }
        let fetched = caller.team().whisper.state().fetch(&id, again).await;
        let messages = fetched.ok_or(CallError::NoSuchFilter)??;
        Ok(messages.iter().map(|received| MessageJson::from(&**received)).collect())
    }
}

fn acknowledge(caller: &Caller, id: &str, hashes: &[HexBytes]) -> Result<usize, CallError> {
    let id = find(caller, id)?;
    let hash = |hash: &HexBytes| {
        hash.array().ok_or_else(|| CallError::HashSize { size: hash.as_slice().len() })
    };
    let hashes = hashes.iter().map(hash).collect::<Result<HashSet<_>, _>>()?;
    let acknowledged = caller.team().whisper.state().acknowledge(&id, &hashes);
    Ok(acknowledged.ok_or(CallError::NoSuchFilter)??)
}

/// A filter of the caller's team whose topics it may read.
fn find(caller: &Caller, id: &str) -> Result<FilterId, CallError> {
    let id = filter_id(id).ok_or(CallError::NoSuchFilter)?;
    caller.use_topics(caller.team().filter_topics(&id).ok_or(CallError::NoSuchFilter)?)?;
    Ok(id)
}

fn filter_id(name: &str) -> Option<FilterId> {
    name.parse().ok()
}

impl From<&ReceivedMessage> for MessageJson {
    fn from(received: &ReceivedMessage) -> Self {
        let key = |key: &p2p_identity::PublicKey| HexBytes::from(key.to_uncompressed());
        Self {
            sig: received.signer().map(key),
            ttl: received.ttl,
            timestamp: received.sent,
            topic: received.topic,
            payload: received.message.payload.as_ref().into(),
            padding: received.message.padding.as_ref().into(),
            pow: received.work,
            hash: received.hash.into(),
            recipient_public_key: received.recipient.as_ref().map(key),
        }
    }
}
