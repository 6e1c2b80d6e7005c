//! Posts, and the criteria for messages.

mod filters;

use std::sync::Arc;
use std::time::Duration;

use p2p_identity::{NodeId, PublicKey};

use super::context::ShhContext;
use super::keys::no_key_pair;
use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::call::unmet_rules::UnmetRules;
use crate::call::wrong_clock::WrongClock;
use crate::config::RpcLimits;
use crate::declare::api::Api;
use crate::namespace::node_name::node_id;
use crate::types::hex::HexBytes;
use crate::types::message::{Criteria, NewMessage};
use whisper_protocol::{
    Config, Dialect, FilterKey, FilterSpec, KeyId, Keys, Post, PostError, Recipient, Topic, Work,
};

/// Time for which a post waits at least, altogether, when its team is over the quota of work. Otherwise it is `powTime`.
const MIN_PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn declare(api: &mut Api<ShhContext>) {
    api.task_by("shh_post", ["message"], post)
        .about(
            "Encrypts a message, does the proof of work and sends it; returns the hash of the envelope. If peers need the \
             work under several rules, there is an envelope for each; the hash is that of the first rule.",
        )
        .fails([CallError::KeyChoice, no_key_pair()])
        .fails([CallError::InvalidPublicKey, CallError::Stopping])
        .fails([CallError::PowTime { seconds: u32::MAX, limit: RpcLimits::default().pow_time }])
        .fails(node_id("nonsense").err().map(CallError::TargetPeer))
        .fails(
            [
                PostError::NoSuchSymmetricKey,
                PostError::NoTopic,
                PostError::TooLarge { hash: [0; 32] },
                PostError::PowTooLow { had: 0.0, needed: Config::default().min_work },
                PostError::PowTimeTooShort(Duration::from_secs(1)),
                PostError::NoSuchPeer(NodeId([0; 64])),
                PostError::OtherDialect { id: NodeId([0; 64]), dialect: Dialect::V6 },
            ]
            .map(CallError::Post),
        )
        .fails([UnmetRules::example().into(), WrongClock::example().into()]);
    filters::declare(api);
}

/// Examples of the errors about criteria.
pub(super) fn criteria_errors() -> [CallError; 3] {
    [CallError::KeyChoice, CallError::NoSuchSymmetricKey, CallError::InvalidSigningKey]
}

/// Seals and posts a message. Returns the hash of the envelope.
///
/// This future is dropped when the client disconnects. That cancels the proof of work.
fn post(
    shh: Arc<ShhContext>,
    caller: &Caller,
    (message,): (NewMessage,),
) -> impl Future<Output = Result<HexBytes, CallError>> + use<> {
    let caller = caller.clone();
    async move {
        let (client, team) = (caller.client, caller.team());
        let limit = shh.max_pow_time;
        if Duration::from_secs(message.pow_time.into()) > limit {
            return Err(CallError::PowTime { seconds: message.pow_time, limit });
        }
        let post = Post { client, ..to_post(message, team.whisper.keys())? };
        caller.use_topics(vec![post.topic.into()])?;
        let is_direct = post.target_peer.is_some();
        let ttl = if post.ttl == 0 { Post::new(post.to).ttl } else { post.ttl };
        if !is_direct {
            let bytes = post.payload.len() + post.padding.as_ref().map_or(0, Vec::len);
            let now = || (shh.unix_time)();
            team.meter.begin_post(&team.quotas(), now, ttl.into(), bytes).await?;
        }
        let core_time = || team.whisper.usage().core_time;
        team.meter.begin_work(&team.quotas(), core_time()).await?;
        let patience = post.pow_time.max(MIN_PATIENCE);
        let pause = |paused| team.whisper.pause_work(paused);
        let slowed = team.meter.slow_work(|| team.quotas(), core_time, pause, patience);
        let post = shh.stop.run_until_cancelled(team.whisper.post(post));
        let receipt = tokio::select! {
            biased;
            posted = post => posted.ok_or(CallError::Stopping)??,
            over = slowed => return Err(over.into()),
        };
        team.add_post(&receipt);
        if let Some(unmet) = UnmetRules::of(&receipt) {
            return Err(unmet.into());
        }
        // A direct message is accepted whatever the time is.
        let clock = (!is_direct).then(|| wrong_clock(&shh, receipt.hash(), ttl)).flatten();
        clock.map_or_else(|| Ok(receipt.hash().into()), |wrong| Err(wrong.into()))
    }
}

/// The error for a post with this hash and time to live, if peers refuse it because of this node's clock.
fn wrong_clock(shh: &ShhContext, hash: [u8; 32], ttl: u32) -> Option<WrongClock> {
    WrongClock::of(&shh.whisper.info(), (shh.clock_error)(), hash, ttl)
}

/// Converts a message. Several mistakes are found in go-ethereum's order.
fn to_post(message: NewMessage, keys: &Keys) -> Result<Post, CallError> {
    let is_symmetric = !message.sym_key_id.is_empty();
    if is_symmetric != message.pub_key.is_empty() {
        return Err(CallError::KeyChoice);
    }
    let sign = match message.sig.as_str() {
        "" => None,
        id => Some(key_pair(keys, id).ok_or_else(|| CallError::no_key_pair(id))?),
    };
    let to = match is_symmetric {
        true if message.topic == Topic([0; 4]) => return Err(PostError::NoTopic.into()),
        true => Recipient::Symmetric(symmetric_key(keys, &message.sym_key_id)?),
        false => {
            let key = public_key(&message.pub_key).ok_or(CallError::InvalidPublicKey)?;
            Recipient::Asymmetric(key)
        }
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

/// What criteria are for. go-ethereum checks them differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CriteriaUse {
    /// A filter, from which messages are fetched.
    Filter,
    /// A subscription. With a symmetric key, it needs topics.
    Subscription,
}

/// Converts criteria. Several mistakes are found in go-ethereum's order.
pub(super) fn filter_spec(
    criteria: Criteria,
    caller: &Caller,
    used_for: CriteriaUse,
) -> Result<FilterSpec, CallError> {
    let keys = caller.team().whisper.keys();
    let is_symmetric = !criteria.sym_key_id.is_empty();
    if is_symmetric != criteria.private_key_id.is_empty() {
        return Err(CallError::KeyChoice);
    }
    let signer = match criteria.sig.is_empty() {
        true => None,
        false => Some(public_key(&criteria.sig).ok_or(CallError::InvalidSigningKey)?),
    };
    let key = if is_symmetric {
        if used_for == CriteriaUse::Subscription && criteria.topics.is_empty() {
            return Err(CallError::NoTopics);
        }
        FilterKey::Symmetric(symmetric_key(keys, &criteria.sym_key_id)?)
    } else {
        let id = criteria.private_key_id.as_str();
        let unknown = || match used_for {
            CriteriaUse::Filter => CallError::no_key_pair(id),
            CriteriaUse::Subscription => CallError::InvalidPublicKey,
        };
        FilterKey::Private(key_pair(keys, id).ok_or_else(unknown)?)
    };
    if criteria.acknowledge && used_for == CriteriaUse::Subscription {
        return Err(CallError::AcknowledgedSubscription);
    }
    caller.use_topics(criteria.topics.clone())?;
    Ok(FilterSpec {
        key,
        signer,
        topics: criteria.topics,
        dialect: Some(criteria.dialect),
        // A negative value demands nothing, as in go-ethereum.
        min_work: Work::new(criteria.min_pow).unwrap_or_default(),
        allow_p2p: criteria.allow_p2p,
        include_pooled: criteria.include_pooled,
        acknowledge: criteria.acknowledge,
        owner: caller.client,
    })
}

/// The id of a symmetric key that exists.
fn symmetric_key(keys: &Keys, id: &str) -> Result<KeyId, CallError> {
    let id = id.parse().ok().filter(|id| keys.has_symmetric(id));
    id.ok_or(CallError::NoSuchSymmetricKey)
}

/// The id of a key pair that exists.
fn key_pair(keys: &Keys, id: &str) -> Option<KeyId> {
    id.parse().ok().filter(|id| keys.has_key_pair(id))
}

fn public_key(bytes: &HexBytes) -> Option<PublicKey> {
    PublicKey::from_uncompressed(&bytes.array()?).ok()
}
