//! What the node is, and what it accepts.

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::Params;
use whisper_envelope::Bloom;

use super::super::arguments::Arguments;
use super::super::enode::node_id;
use super::super::error::CallError;
use super::super::hex::HexBytes;
use super::Shh;
use super::types::InfoJson;

/// The highest version of the protocol that the node speaks, as `shh_version` gives it.
const VERSION: &str = "6.0";

pub(super) fn register(module: &mut RpcModule<Shh>) -> Result<(), RegisterMethodError> {
    module.register_method("shh_version", |_, _, _| Ok::<_, CallError>(VERSION))?;
    module.register_method("shh_info", |_, shh, _| Ok::<_, CallError>(info(shh)))?;
    module.register_method("shh_setMaxMessageSize", |p, shh, _| set_max_message_size(&p, shh))?;
    module.register_method("shh_setMinPoW", |p, shh, _| set_min_work(&p, shh))?;
    module.register_method("shh_setBloomFilter", |p, shh, _| set_bloom(&p, shh))?;
    module.register_method("shh_makeLightClient", |_, shh, _| {
        Ok::<_, CallError>(set_light(shh, true))
    })?;
    module.register_method("shh_cancelLightClient", |_, shh, _| {
        Ok::<_, CallError>(set_light(shh, false))
    })?;
    module.register_method("shh_markTrustedPeer", |p, shh, _| mark_trusted(&p, shh))?;
    Ok(())
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

fn set_max_message_size(params: &Params<'_>, shh: &Shh) -> Result<bool, CallError> {
    let size = Arguments::of(params, 1)?.required()?;
    shh.whisper.set_max_message_size(size)?;
    Ok(true)
}

fn set_min_work(params: &Params<'_>, shh: &Shh) -> Result<bool, CallError> {
    let work = Arguments::of(params, 1)?.required()?;
    shh.whisper.set_min_work(work)?;
    Ok(true)
}

/// True says that it is done.
fn set_light(shh: &Shh, light: bool) -> bool {
    shh.whisper.set_light(light);
    true
}

fn set_bloom(params: &Params<'_>, shh: &Shh) -> Result<bool, CallError> {
    let bytes: HexBytes = Arguments::of(params, 1)?.required()?;
    let bloom = bytes.array().ok_or(CallError::BloomSize { size: bytes.as_slice().len() })?;
    shh.whisper.set_bloom(Bloom(bloom));
    Ok(true)
}

fn mark_trusted(params: &Params<'_>, shh: &Shh) -> Result<bool, CallError> {
    let url: String = Arguments::of(params, 1)?.required()?;
    let id = node_id(&url).map_err(CallError::NodeId)?;
    shh.whisper.mark_trusted(&id)?;
    Ok(true)
}
