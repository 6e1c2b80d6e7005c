//! A receipt as JSON.

use serde::Serialize;

use super::super::hex::HexBytes;
use crate::{Ending, Nobody, Progress, ReceiptState, Unwanted};

/// What `shh_receipt` answers. What does not apply is left out.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReceiptJson {
    /// `pending`, or how it ended: `delivered`, `refused`, `left`, `nobody`, `expired`, `evicted`, `untracked`,
    /// `stopped`.
    state: &'static str,
    /// The peers it was handed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    handed: Option<usize>,
    /// How many of them kept it.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<usize>,
    /// How many of those said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<usize>,
    /// Who refused it last, or left.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<HexBytes>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Why there is nobody to hand it to.
    #[serde(skip_serializing_if = "Option::is_none")]
    nobody: Option<NobodyJson>,
}

/// How many peers are connected that were not handed it, by the reason; all zero: none is connected.
#[derive(Clone, Copy, Debug, Serialize)]
struct NobodyJson {
    bloom: usize,
    work: usize,
    size: usize,
    pending: usize,
}

impl From<Nobody> for NobodyJson {
    fn from(nobody: Nobody) -> Self {
        let Unwanted { bloom, work, size, pending } = match nobody {
            Nobody::NoPeers => Unwanted::default(),
            Nobody::Unwanted(unwanted) => unwanted,
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
            state: "pending",
            handed: Some(progress.handed),
            kept: Some(progress.kept),
            acknowledged: Some(progress.acknowledged),
            peer: refused.map(|(peer, _)| peer.0.into()),
            why: refused.map(|(_, why)| why.to_string()),
            nobody: progress.nobody.map(NobodyJson::from),
        }
    }
}

impl From<&Ending> for ReceiptJson {
    fn from(ending: &Ending) -> Self {
        let of = |state| Self { state, ..Self::default() };
        let counted = |state, handed, kept| Self {
            state,
            handed: Some(handed),
            kept: Some(kept),
            ..Self::default()
        };
        match ending {
            Ending::Delivered { peers, acknowledged } => {
                Self { kept: Some(*peers), acknowledged: Some(*acknowledged), ..of("delivered") }
            }
            Ending::Refused { peer, why } => {
                Self { peer: Some(peer.0.into()), why: Some(why.to_string()), ..of("refused") }
            }
            Ending::Left { peer } => Self { peer: Some(peer.0.into()), ..of("left") },
            Ending::Nobody(nobody) => Self { nobody: Some((*nobody).into()), ..of("nobody") },
            Ending::Expired { handed, kept } => counted("expired", *handed, *kept),
            Ending::Evicted { handed, kept } => counted("evicted", *handed, *kept),
            Ending::Untracked => of("untracked"),
            Ending::Stopped => of("stopped"),
        }
    }
}
