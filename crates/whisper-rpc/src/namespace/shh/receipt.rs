//! A receipt as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::hex::HexBytes;
use whisper_protocol::{Ending, Nobody, Progress, ReceiptState, Unwanted};

/// What `shh_receipt` answers. What does not apply is left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Receipt")]
pub struct ReceiptJson {
    /// Whether the post is open, or how it ended.
    pub state: PostState,
    /// The peers it was handed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handed: Option<usize>,
    /// How many of them kept it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<usize>,
    /// How many of those said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<usize>,
    /// Who refused it last, or left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<HexBytes>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Why there is nobody to hand it to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nobody: Option<NobodyJson>,
}

/// Whether a post is open, or how it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PostState {
    /// It is open.
    #[default]
    Pending,
    /// As many peers as asked for have kept it, or said so.
    Delivered,
    /// A peer refused it.
    Refused,
    /// The peer that it was for is gone.
    Left,
    /// It expired, and there was nobody to hand it to.
    Nobody,
    /// It expired before enough peers had kept it.
    Expired,
    /// It had to leave the pool for others with more work.
    Evicted,
    /// There are too many posts to follow this one.
    Untracked,
    /// The node stopped.
    Stopped,
}

/// How many peers are connected that were not handed it, by the reason; all zero: none is connected.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Nobody")]
pub struct NobodyJson {
    /// Its topic is outside of their bloom.
    pub bloom: usize,
    /// They want more work.
    pub work: usize,
    /// It is larger than they take.
    pub size: usize,
    /// It waits to be sent to them.
    pub pending: usize,
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
            state: PostState::Pending,
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
            Ending::Delivered { peers, acknowledged } => Self {
                kept: Some(*peers),
                acknowledged: Some(*acknowledged),
                ..of(PostState::Delivered)
            },
            Ending::Refused { peer, why } => Self {
                peer: Some(peer.0.into()),
                why: Some(why.to_string()),
                ..of(PostState::Refused)
            },
            Ending::Left { peer } => Self { peer: Some(peer.0.into()), ..of(PostState::Left) },
            Ending::Nobody(nobody) => {
                Self { nobody: Some((*nobody).into()), ..of(PostState::Nobody) }
            }
            Ending::Expired { handed, kept } => counted(PostState::Expired, *handed, *kept),
            Ending::Evicted { handed, kept } => counted(PostState::Evicted, *handed, *kept),
            Ending::Untracked => of(PostState::Untracked),
            Ending::Stopped => of(PostState::Stopped),
        }
    }
}
