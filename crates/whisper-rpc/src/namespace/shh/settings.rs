//! What the node is, and what it accepts.

use p2p_identity::NodeId;
use whisper_envelope::Bloom;

use super::Shh;
use super::types::InfoJson;
use crate::call::error::CallError;
use crate::call::hex::HexBytes;
use crate::declare::api::Api;
use crate::namespace::enode::node_id;
use whisper_protocol::{MAX_MESSAGE_SIZE, NoSuchPeer, SettingError};

/// The highest version of the protocol that the node speaks, as `shh_version` gives it.
const VERSION: &str = "6.0";

pub(super) fn declare(api: &mut Api<Shh>) {
    api.call("shh_version", [], |_, ()| Ok(VERSION))
        .about("The highest version of the protocol that the node speaks.");
    api.call("shh_info", [], |shh, ()| Ok(info(shh))).about("The node in figures.");
    api.call("shh_setMaxMessageSize", ["bytes"], |shh, (size,): (u32,)| {
        shh.whisper.set_max_message_size(size)?;
        Ok(true)
    })
    .about("Sets the size of the largest envelope that is accepted.")
    .fails([SettingError::MessageSizeTooLarge(MAX_MESSAGE_SIZE + 1).into()]);
    api.call("shh_setMinPoW", ["work"], |shh, (work,): (f64,)| {
        shh.whisper.set_min_work(work)?;
        Ok(true)
    })
    .about("Sets the least work of envelopes that are accepted, and tells the peers.")
    .fails([SettingError::InvalidPow(-1.0).into()]);
    api.call("shh_setBloomFilter", ["bloom"], |shh, (bloom,): (HexBytes,)| set_bloom(shh, &bloom))
        .about("Sets the topics that the node wants to be sent, as 64 bytes, and tells the peers.")
        .fails([CallError::BloomSize { size: 63 }]);
    api.call("shh_makeLightClient", [], |shh, ()| Ok(set_light(shh, true)))
        .about("Makes the node a light client: it sends what is posted here, and relays nothing.");
    api.call("shh_cancelLightClient", [], |shh, ()| Ok(set_light(shh, false)))
        .about("Makes the node relay again.");
    api.call("shh_markTrustedPeer", ["url"], |shh, (url,): (String,)| mark_trusted(shh, &url))
        .about("Lets a connected peer send direct messages, which need no work.")
        .fails(node_id("nonsense").err().map(CallError::NodeId))
        .fails([NoSuchPeer(NodeId([0; 64])).into()]);
}

fn info(shh: &Shh) -> InfoJson {
    let info = shh.whisper.info();
    InfoJson {
        memory: info.memory,
        messages: info.messages,
        min_pow: info.min_pow,
        max_message_size: info.max_message_size,
    }
}

/// True says that it is done.
fn set_light(shh: &Shh, light: bool) -> bool {
    shh.whisper.set_light(light);
    true
}

fn set_bloom(shh: &Shh, bytes: &HexBytes) -> Result<bool, CallError> {
    let bloom = bytes.array().ok_or(CallError::BloomSize { size: bytes.as_slice().len() })?;
    shh.whisper.set_bloom(Bloom(bloom));
    Ok(true)
}

fn mark_trusted(shh: &Shh, url: &str) -> Result<bool, CallError> {
    let id = node_id(url).map_err(CallError::NodeId)?;
    shh.whisper.mark_trusted(&id)?;
    Ok(true)
}
