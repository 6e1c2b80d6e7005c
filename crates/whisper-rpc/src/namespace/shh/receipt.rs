//! `shh_receipt`: what became of a post.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use whisper_protocol::{
    Ending, PostEnvelope, Progress, ReceiptState, SkippedPeers, UnsentReason, rule_name,
};

use super::context::ShhContext;
use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::types::hex::HexBytes;
use crate::types::receipt::{PostState, ReceiptJson, UnsentReasonJson};
use crate::types::sealed::SealedJson;

/// Maximum time that a call waits for a post to end.
const MAX_WAIT_SECS: u32 = 600;

pub(super) fn declare(api: &mut Api<ShhContext>) {
    api.task_by("shh_receipt", ["hash", "seconds"], receipt)
        .about(
            "Returns what became of a post, by the hash that shh_post returned; null if the node has forgotten it. \
             Waits at most `seconds` (maximum: 600) for the post to end.",
        )
        .fails(hash_errors());
}

/// What became of a post. Waits at most `seconds` for it to end; if absent, it does not wait.
///
/// This future is dropped when the client disconnects. That does not affect the post.
fn receipt(
    shh: Arc<ShhContext>,
    caller: &Caller,
    (hash, seconds): (HexBytes, Option<u32>),
) -> impl Future<Output = Result<Option<ReceiptJson>, CallError>> + use<> {
    let receipt = envelope_hash(&hash).map(|hash| caller.team().receipt(&hash));
    async move {
        let Some(mut receipt) = receipt? else { return Ok(None) };
        let seconds = seconds.unwrap_or(0);
        if seconds > 0 {
            let limit = Duration::from_secs(seconds.min(MAX_WAIT_SECS).into());
            // The result does not matter: the state tells whether the post has ended.
            let _ = shh.stop.run_until_cancelled(timeout(limit, receipt.ended())).await;
        }
        let envelopes = several(&receipt.envelopes());
        Ok(Some(ReceiptJson { envelopes, ..ReceiptJson::from(&receipt.state()) }))
    }
}

/// Reads the hash of an envelope, 32 bytes.
pub(super) fn envelope_hash(hash: &HexBytes) -> Result<[u8; 32], CallError> {
    hash.array().ok_or(CallError::HashSize { size: hash.as_slice().len() })
}

/// An example of the error about the hash of an envelope.
pub(super) fn hash_errors() -> [CallError; 1] {
    [CallError::HashSize { size: 31 }]
}

/// The envelopes of a post, if there are several.
pub(super) fn several(envelopes: &[PostEnvelope]) -> Vec<SealedJson> {
    let listed = if envelopes.len() > 1 { envelopes } else { &[] };
    listed.iter().map(SealedJson::from).collect()
}

impl From<&PostEnvelope> for SealedJson {
    fn from(envelope: &PostEnvelope) -> Self {
        Self { hash: envelope.hash.into(), rule: rule_name(envelope.rule).to_owned() }
    }
}

impl From<UnsentReason> for UnsentReasonJson {
    fn from(reason: UnsentReason) -> Self {
        let SkippedPeers { bloom, work, size, pending } = match reason {
            UnsentReason::NoPeers => SkippedPeers::default(),
            UnsentReason::Unwanted(skipped) => skipped,
        };
        Self { bloom, work, size, pending }
    }
}

impl From<&ReceiptState> for ReceiptJson {
    fn from(state: &ReceiptState) -> Self {
        match state {
            ReceiptState::Pending(progress) => progress.into(),
            ReceiptState::Ended(ending) => ending.into(),
        }
    }
}

impl From<&Progress> for ReceiptJson {
    fn from(progress: &Progress) -> Self {
        let refused = progress.refused.as_ref();
        Self {
            state: PostState::Pending,
            handed: Some(progress.handed),
            kept: Some(progress.kept),
            acknowledged: Some(progress.acknowledged),
            peer: refused.map(|(peer, _)| peer.0.into()),
            why: refused.map(|(_, reason)| reason.to_string()),
            unsent: progress.unsent.map(UnsentReasonJson::from),
            envelopes: Vec::new(),
        }
    }
}

impl From<&Ending> for ReceiptJson {
    fn from(ending: &Ending) -> Self {
        let of = |state| Self { state, ..Self::default() };
        let counted =
            |state, handed, kept| Self { handed: Some(handed), kept: Some(kept), ..of(state) };
        match ending {
            Ending::Delivered { peers, acknowledged } => Self {
                kept: Some(*peers),
                acknowledged: Some(*acknowledged),
                ..of(PostState::Delivered)
            },
            Ending::Refused { peer, reason } => Self {
                peer: Some(peer.0.into()),
                why: Some(reason.to_string()),
                ..of(PostState::Refused)
            },
            Ending::Left { peer } => Self { peer: Some(peer.0.into()), ..of(PostState::Left) },
            Ending::Unsent(reason) => {
                Self { unsent: Some((*reason).into()), ..of(PostState::Unsent) }
            }
            Ending::Expired { handed, kept } => counted(PostState::Expired, *handed, *kept),
            Ending::Evicted { handed, kept } => counted(PostState::Evicted, *handed, *kept),
            Ending::Untracked => of(PostState::Untracked),
            Ending::Stopped => of(PostState::Stopped),
        }
    }
}
