//! What becomes of a post.

use std::fmt;

use p2p_identity::NodeId;
use p2p_mux::DisconnectReason;

use crate::relay::unsent_reason::UnsentReason;

/// How a post ended. Every post ends in exactly one way, which does not change afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Enough peers ([`ReceiptSettings::peers`](crate::ReceiptSettings::peers)) kept it: they stayed connected for a
    /// while after it was sent, or acknowledged the packet if they support status-im's confirmations.
    ///
    /// It says nothing about the recipients of the message: they may be many hops behind these peers.
    Delivered {
        /// Number of peers that kept it.
        peers: usize,
        /// How many of them acknowledged it.
        acknowledged: usize,
    },
    /// No peer kept it, and at least one refused it. This is the last refusal. A peer that refused it for its work or topic may
    /// still take it later, when it asks for less: it keeps such an envelope for a while.
    Refused {
        /// The peer that refused it.
        peer: NodeId,
        /// Why.
        reason: RefusalReason,
    },
    /// It was a direct message, and its peer disconnected before it could be told whether the peer accepted it, for no
    /// reason that has to do with it.
    Left {
        /// The peer.
        peer: NodeId,
    },
    /// It expired and had been sent to no peer.
    Unsent(UnsentReason),
    /// It expired before enough peers had kept it.
    Expired {
        /// Number of peers it was sent to.
        handed: usize,
        /// How many of them kept it.
        kept: usize,
    },
    /// It was evicted from the node's own full pool for envelopes with more work, before enough peers had kept it.
    Evicted {
        /// Number of peers it was sent to.
        handed: usize,
        /// How many of them kept it.
        kept: usize,
    },
    /// It is no longer followed because of newer posts
    /// ([`ReceiptSettings::tracked`](crate::ReceiptSettings::tracked)). It may still be delivered.
    Untracked,
    /// The node stopped.
    Stopped,
}

/// Why a peer refused an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The peer disconnected soon after, for this reason. go-ethereum does that with envelopes that do not meet its
    /// requirements.
    Disconnected(DisconnectReason),
    /// The peer reported it, as nodes of status-im do.
    Answered {
        /// The reason as a number. Its meaning depends on the release: the text is more reliable.
        code: u64,
        /// The reason as text, as the peer sent it; at most 256 bytes. It may be any text.
        text: String,
    },
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected(reason) => write!(f, "disconnected: {reason}"),
            Self::Answered { code, text } => write!(f, "answered {code}: {text:?}"),
        }
    }
}

/// The progress of a post that has not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Number of peers it was sent to.
    pub handed: usize,
    /// How many of them have kept it.
    pub kept: usize,
    /// How many of those acknowledged it.
    pub acknowledged: usize,
    /// How many disconnected too early.
    pub left: usize,
    /// The last refusal, if any.
    pub refused: Option<(NodeId, RefusalReason)>,
    /// Why it was sent to no peer, while that is the case. More peers may connect.
    pub unsent: Option<UnsentReason>,
}

/// The state of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptState {
    /// It has not ended.
    Pending(Progress),
    /// It has ended.
    Ended(Ending),
}
