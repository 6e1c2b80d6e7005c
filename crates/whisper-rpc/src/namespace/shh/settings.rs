//! The version, the state and the settings of Whisper.

use p2p_identity::NodeId;
use whisper_envelope::Bloom;

use super::context::ShhContext;
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::namespace::node_name::node_id;
use crate::types::hex::HexBytes;
use crate::types::message::InfoJson;
use whisper_protocol::{MAX_MESSAGE_SIZE, MessageSizeError, NoSuchPeer, Work};

/// The answer of `shh_version`: the highest version of the protocol that the node speaks.
const VERSION: &str = "6.0";

pub(super) fn declare(api: &mut Api<ShhContext>) {
    api.call("shh_version", [], |_, ()| Ok(VERSION))
        .about("Returns the highest version of the protocol that the node speaks.");
    api.call("shh_info", [], |shh, ()| Ok(info(shh)))
        .about("Returns the size of the pool and the limits on envelopes.");
    api.call("shh_setMaxMessageSize", ["bytes"], |shh, (size,): (u32,)| {
        shh.whisper.set_max_message_size(size)?;
        Ok(true)
    })
    .about("Sets the maximum size of an accepted envelope, in bytes.")
    .fails([MessageSizeError(MAX_MESSAGE_SIZE + 1).into()]);
    api.call("shh_setMinPoW", ["work"], |shh, (work,): (f64,)| {
        shh.whisper.set_min_work(Work::new(work).ok_or(CallError::InvalidWork { work })?);
        Ok(true)
    })
    .about("Sets the minimum work of an accepted envelope, and tells the peers.")
    .fails([CallError::InvalidWork { work: -1.0 }]);
    api.call("shh_setBloomFilter", ["bloom"], |shh, (bloom,): (HexBytes,)| set_bloom(shh, &bloom))
        .about("Sets the bloom filter of the topics that the node wants, 64 bytes, and tells the peers.")
        .fails([CallError::BloomSize { size: 63 }]);
    api.call("shh_makeLightClient", [], |shh, ()| Ok(set_light(shh, true)))
        .about("Makes the node a light client: it sends only its own posts and relays nothing.");
    api.call("shh_cancelLightClient", [], |shh, ()| Ok(set_light(shh, false)))
        .about("Makes the node a full client again, which relays.");
    api.call("shh_markTrustedPeer", ["url"], |shh, (url,): (String,)| mark_trusted(shh, &url))
        .about("Makes a connected peer trusted: it may send direct messages, which need no work.")
        .fails(node_id("nonsense").err().map(CallError::NodeId))
        .fails([NoSuchPeer(NodeId([0; 64])).into()]);
}

fn info(shh: &ShhContext) -> InfoJson {
    let info = shh.whisper.info();
    InfoJson {
        memory: info.pool_bytes,
        messages: info.envelopes,
        min_pow: info.min_work.get(),
        max_message_size: info.max_message_size,
    }
}

/// Returns true, like go-ethereum.
fn set_light(shh: &ShhContext, light: bool) -> bool {
    shh.whisper.set_light(light);
    true
}

fn set_bloom(shh: &ShhContext, bytes: &HexBytes) -> Result<bool, CallError> {
    let bloom = bytes.array().ok_or(CallError::BloomSize { size: bytes.as_slice().len() })?;
    shh.whisper.set_bloom(Bloom(bloom));
    Ok(true)
}

fn mark_trusted(shh: &ShhContext, url: &str) -> Result<bool, CallError> {
    let id = node_id(url).map_err(CallError::NodeId)?;
    shh.whisper.mark_trusted(&id)?;
    Ok(true)
}
