//! Methods of our own: what becomes of a post, and what happened to an envelope here.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Shh;
use super::explanation::ExplanationJson;
use super::receipt::ReceiptJson;
use crate::call::error::CallError;
use crate::call::hex::HexBytes;
use crate::declare::api::Api;

/// How many seconds a call waits for a post to end at most.
const LONGEST: u32 = 600;

pub(super) fn declare(api: &mut Api<Shh>) {
    let no_hash = || [CallError::HashSize { size: 31 }];
    api.task("shh_receipt", ["hash", "seconds"], receipt)
        .about(
            "What becomes of a post, by the hash that shh_post answered; null if it is not remembered. Waits up to \
             so many seconds, 600 at most, for the post to end.",
        )
        .fails(no_hash());
    // Filters are tried again: not on the threads that answer.
    api.blocking("shh_explain", ["hash"], |shh, (hash,): (HexBytes,)| {
        Ok(ExplanationJson::from(shh.whisper.explain(&whole(&hash)?)))
    })
    .about("What happened to an envelope here.")
    .fails(no_hash());
}

/// What is known of a post: its hash, and the seconds to wait for it to end, none if left out. `null` if it is not
/// remembered.
///
/// The server drops this future when the client disconnects; the post goes on.
async fn receipt(
    shh: Arc<Shh>,
    (hash, seconds): (HexBytes, Option<u32>),
) -> Result<Option<ReceiptJson>, CallError> {
    let Some(mut receipt) = shh.whisper.receipt(&whole(&hash)?) else { return Ok(None) };
    let seconds = seconds.unwrap_or(0);
    if seconds > 0 {
        let limit = Duration::from_secs(seconds.min(LONGEST).into());
        // Whether it ended, its state tells.
        let _ = shh.stop.run_until_cancelled(timeout(limit, receipt.ended())).await;
    }
    Ok(Some(ReceiptJson::from(&receipt.state())))
}

fn whole(hash: &HexBytes) -> Result<[u8; 32], CallError> {
    hash.array().ok_or(CallError::HashSize { size: hash.as_slice().len() })
}
