//! Posting, and filters that are asked for what they have collected.

use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::Params;
use p2p_identity::PublicKey;

use super::super::arguments::Arguments;
use super::super::enode::node_id;
use super::super::error::CallError;
use super::super::hex::HexBytes;
use super::Shh;
use super::types::{Criteria, MessageJson, NewMessage};
use crate::{
    Dialect, FilterError, FilterId, FilterKey, FilterSpec, Post, PostError, Received, Recipient,
};

pub(super) fn register(module: &mut RpcModule<Shh>) -> Result<(), RegisterMethodError> {
    module.register_async_method("shh_post", |params, shh, _| post(params, shh))?;
    module.register_method("shh_newMessageFilter", |params, shh, _| {
        let criteria: Criteria = Arguments::of(&params, 1)?.required()?;
        let id = shh.whisper.subscribe(filter_spec(criteria)?)?;
        Ok::<_, CallError>(id.to_string())
    })?;
    module.register_method("shh_getFilterMessages", |params, shh, _| {
        let id = filter_id(&params)?;
        let messages = id.and_then(|id| shh.whisper.messages(&id));
        let messages = messages.ok_or(CallError::NoSuchFilter)?;
        Ok::<_, CallError>(
            messages.iter().map(|received| MessageJson::from(&**received)).collect::<Vec<_>>(),
        )
    })?;
    module.register_method("shh_deleteMessageFilter", |params, shh, _| {
        match filter_id(&params)?.is_some_and(|id| shh.whisper.unsubscribe(&id)) {
            true => Ok(true),
            false => Err(CallError::FilterNotDeleted),
        }
    })?;
    Ok(())
}

/// Seals and posts a message; answers with the envelope's hash.
///
/// The server drops this future when the client disconnects, which cancels the seal.
async fn post(params: Params<'static>, shh: Arc<Shh>) -> Result<HexBytes, CallError> {
    let message: NewMessage = Arguments::of(&params, 1)?.required()?;
    let post = shh.whisper.post(to_post(message)?);
    match shh.stop.run_until_cancelled(post).await {
        Some(receipt) => Ok(receipt?.hash().into()),
        None => Err(CallError::Stopping),
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
        dialect: Dialect::V6,
        to,
        sign,
        topic: message.topic,
        ttl: message.ttl,
        payload: message.payload.into_vec(),
        padding: (!message.padding.is_empty()).then(|| message.padding.into_vec()),
        pow_target: message.pow_target,
        pow_time: Duration::from_secs(message.pow_time.into()),
        target_peer,
    })
}

/// What a filter or a subscription is for.
pub(super) fn filter_spec(criteria: Criteria) -> Result<FilterSpec, CallError> {
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
        topics: criteria.topics.into_iter().map(Into::into).collect(),
        min_work: criteria.min_pow,
        allow_p2p: criteria.allow_p2p,
    })
}

fn public_key(bytes: &HexBytes) -> Option<PublicKey> {
    PublicKey::from_uncompressed(&bytes.array()?).ok()
}

fn filter_id(params: &Params<'_>) -> Result<Option<FilterId>, CallError> {
    let id: String = Arguments::of(params, 1)?.required()?;
    Ok(id.parse().ok())
}

impl From<&Received> for MessageJson {
    fn from(received: &Received) -> Self {
        let key = |key: &PublicKey| HexBytes::from(key.to_uncompressed());
        Self {
            sig: received.signer().map(key),
            ttl: received.ttl,
            timestamp: received.sent,
            topic: received.topic.0.into(),
            payload: received.message.payload.as_ref().into(),
            padding: received.message.padding.as_ref().into(),
            pow: received.work,
            hash: received.hash.into(),
            recipient_public_key: received.recipient.as_ref().map(key),
        }
    }
}
