//! Methods of our own: what becomes of a post, and what happened to an envelope here.

use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::Params;
use tokio::time::timeout;

use super::super::arguments::Arguments;
use super::super::error::CallError;
use super::super::hex::HexBytes;
use super::Shh;
use super::explanation::ExplanationJson;
use super::receipt::ReceiptJson;

/// How many seconds a call waits for a post to end at most.
const LONGEST: u32 = 600;

pub(super) fn register(module: &mut RpcModule<Shh>) -> Result<(), RegisterMethodError> {
    module.register_async_method("shh_receipt", |params, shh, _| receipt(params, shh))?;
    // Filters are tried again: not on the threads that answer.
    module.register_blocking_method("shh_explain", |params, shh, _| {
        let hash = hash(&mut Arguments::of(&params, 1)?)?;
        Ok::<_, CallError>(ExplanationJson::from(shh.whisper.explain(&hash)))
    })?;
    Ok(())
}

/// What is known of a post: its hash, and the seconds to wait for it to end, none if left out. `null` if it is not
/// remembered.
///
/// The server drops this future when the client disconnects; the post goes on.
async fn receipt(params: Params<'static>, shh: Arc<Shh>) -> Result<Option<ReceiptJson>, CallError> {
    let mut arguments = Arguments::of(&params, 2)?;
    let hash = hash(&mut arguments)?;
    let seconds: u32 = arguments.optional()?.unwrap_or(0);
    let Some(mut receipt) = shh.whisper.receipt(&hash) else { return Ok(None) };
    if seconds > 0 {
        let limit = Duration::from_secs(seconds.min(LONGEST).into());
        // Whether it ended, its state tells.
        let _ = shh.stop.run_until_cancelled(timeout(limit, receipt.ended())).await;
    }
    Ok(Some(ReceiptJson::from(&receipt.state())))
}

fn hash(arguments: &mut Arguments<'_>) -> Result<[u8; 32], CallError> {
    let bytes: HexBytes = arguments.required()?;
    bytes.array().ok_or(CallError::HashSize { size: bytes.as_slice().len() })
}
