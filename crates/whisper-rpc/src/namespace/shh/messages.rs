//! Posts, and filters that collect messages until a client fetches them.

use std::sync::Arc;
use std::time::Duration;

use p2p_identity::{NodeId, PublicKey};

use super::context::ShhContext;
use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::call::unmet_rules::UnmetRules;
use crate::config::RpcLimits;
use crate::declare::api::Api;
use crate::namespace::node_name::node_id;
use crate::types::hex::HexBytes;
use crate::types::message::{Criteria, MessageJson, NewMessage};
use whisper_protocol::{
    Dialect, FilterError, FilterId, FilterKey, FilterSpec, Post, PostError, ReceivedMessage,
    Recipient, Work,
};

pub(super) fn declare(api: &mut Api<ShhContext>) {
    api.task_by("shh_post", ["message"], post)
        .about(
            "Encrypts a message, does the proof of work and sends it; returns the hash of the envelope. If peers need the \
             work under several rules, there is an envelope for each; the hash is that of the first rule.",
        )
        .fails([CallError::KeyChoice, CallError::InvalidPublicKey, CallError::Stopping])
        .fails([CallError::PowTime { seconds: u32::MAX, limit: RpcLimits::default().pow_time }])
        .fails(node_id("nonsense").err().map(CallError::TargetPeer))
        .fails(
            [
                PostError::NoSuchSymmetricKey,
                PostError::NoSuchSigningKey,
                PostError::NoTopic,
                PostError::TooLarge { hash: [0; 32] },
                PostError::PowTooLow,
                PostError::PowTimeTooShort(Duration::from_secs(1)),
                PostError::NoSuchPeer(NodeId([0; 64])),
                PostError::OtherDialect { id: NodeId([0; 64]), dialect: Dialect::V6 },
            ]
            .map(CallError::Post),
        )
        .fails([UnmetRules::example().into()]);
    api.call_by("shh_newMessageFilter", ["criteria"], |shh, caller, (criteria,): (Criteria,)| {
        Ok(shh.whisper.subscribe(filter_spec(criteria, caller)?)?.to_string())
    })
    .about("Makes a filter that collects messages that meet the criteria; returns its id.")
    .fails(criteria_errors());
    api.call("shh_getFilterMessages", ["id"], |shh, (id,): (String,)| {
        let messages = filter_id(&id).and_then(|id| shh.whisper.take_messages(&id));
        let messages = messages.ok_or(CallError::NoSuchFilter)?;
        Ok(messages.iter().map(|received| MessageJson::from(&**received)).collect::<Vec<_>>())
    })
    .about("Returns the messages that a filter has collected since the last call.")
    .fails([CallError::NoSuchFilter]);
    api.call("shh_deleteMessageFilter", ["id"], |shh, (id,): (String,)| {
        match filter_id(&id).is_some_and(|id| shh.whisper.unsubscribe(&id)) {
            true => Ok(true),
            false => Err(CallError::FilterNotDeleted),
        }
    })
    .about("Deletes a filter.")
    .fails([CallError::FilterNotDeleted]);
}

/// Examples of the errors about criteria.
pub(super) fn criteria_errors() -> [CallError; 4] {
    [
        CallError::KeyChoice,
        FilterError::NoSuchSymmetricKey.into(),
        FilterError::NoSuchKeyPair.into(),
        CallError::InvalidSigningKey,
    ]
}

/// Seals and posts a message. Returns the hash of the envelope.
///
/// This future is dropped when the client disconnects. That cancels the proof of work.
fn post(
    shh: Arc<ShhContext>,
    caller: &Caller,
    (message,): (NewMessage,),
) -> impl Future<Output = Result<HexBytes, CallError>> + use<> {
    let client = caller.client;
    async move {
        let limit = shh.max_pow_time;
        if Duration::from_secs(message.pow_time.into()) > limit {
            return Err(CallError::PowTime { seconds: message.pow_time, limit });
        }
        let post = shh.whisper.post(Post { client, ..to_post(message)? });
        let receipt = shh.stop.run_until_cancelled(post).await.ok_or(CallError::Stopping)??;
        match UnmetRules::of(&receipt) {
            Some(unmet) => Err(unmet.into()),
            None => Ok(receipt.hash().into()),
        }
    }
}

fn to_post(message: NewMessage) -> Result<Post, CallError> {
    let to = match (message.sym_key_id.as_str(), &message.pub_key) {
        (id, key) if id.is_empty() == key.is_empty() => return Err(CallError::KeyChoice),
        ("", key) => Recipient::Asymmetric(public_key(key).ok_or(CallError::InvalidPublicKey)?),
        (id, _) => Recipient::Symmetric(id.parse().map_err(|_| PostError::NoSuchSymmetricKey)?),
    };
    let sign = match message.sig.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| PostError::NoSuchSigningKey)?),
    };
    let target_peer = match message.target_peer.as_str() {
        "" => None,
        url => Some(node_id(url).map_err(CallError::TargetPeer)?),
    };
    Ok(Post {
        dialect: message.dialect,
        to,
        sign,
        topic: message.topic,
        ttl: message.ttl,
        payload: message.payload.into_vec(),
        padding: (!message.padding.is_empty()).then(|| message.padding.into_vec()),
        pow_target: message.pow_target,
        pow_time: Duration::from_secs(message.pow_time.into()),
        target_peer,
        ..Post::new(to)
    })
}

/// Converts the criteria of a filter or a subscription.
pub(super) fn filter_spec(criteria: Criteria, caller: &Caller) -> Result<FilterSpec, CallError> {
    let key = match (criteria.sym_key_id.as_str(), criteria.private_key_id.as_str()) {
        (id, "") if !id.is_empty() => {
            FilterKey::Symmetric(id.parse().map_err(|_| FilterError::NoSuchSymmetricKey)?)
        }
        ("", id) if !id.is_empty() => {
            FilterKey::Private(id.parse().map_err(|_| FilterError::NoSuchKeyPair)?)
        }
        _ => return Err(CallError::KeyChoice),
    };
    let signer = match criteria.sig.is_empty() {
        true => None,
        false => Some(public_key(&criteria.sig).ok_or(CallError::InvalidSigningKey)?),
    };
    Ok(FilterSpec {
        key,
        signer,
        topics: criteria.topics,
        dialect: Some(criteria.dialect),
        // A negative value demands nothing, as in go-ethereum.
        min_work: Work::new(criteria.min_pow).unwrap_or_default(),
        allow_p2p: criteria.allow_p2p,
        include_pooled: criteria.include_pooled,
        owner: caller.client,
    })
}

fn public_key(bytes: &HexBytes) -> Option<PublicKey> {
    PublicKey::from_uncompressed(&bytes.array()?).ok()
}

fn filter_id(name: &str) -> Option<FilterId> {
    name.parse().ok()
}

impl From<&ReceivedMessage> for MessageJson {
    fn from(received: &ReceivedMessage) -> Self {
        let key = |key: &PublicKey| HexBytes::from(key.to_uncompressed());
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
