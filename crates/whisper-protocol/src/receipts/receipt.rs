//! What becomes of a post, as its author learns it.

use std::{fmt, sync::Arc};

use p2p_identity::NodeId;
use p2p_mux::DisconnectReason;
use tokio::sync::watch;

use crate::hub::Hub;

/// How a post ended. Every post ends in exactly one of these, and stays there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Handed to as many peers as were asked for
    /// ([`ReceiptSettings::peers`](crate::ReceiptSettings::peers)), and each of them kept it: it
    /// stayed connected for a while, or acknowledged the packet where it speaks status-im's
    /// confirmations.
    ///
    /// It says nothing of those who can read the message: they may be far behind these peers.
    Delivered {
        /// The peers that kept it.
        peers: usize,
        /// How many of them said so.
        acknowledged: usize,
    },
    /// Not one peer kept it, and at least one refused it. This is the last one that did.
    Refused {
        /// Who refused it.
        peer: NodeId,
        /// How it said so.
        why: Refusal,
    },
    /// The one peer that a direct message was for left before it could be told whether it took
    /// it, without giving a reason that has to do with it.
    Left {
        /// The peer.
        peer: NodeId,
    },
    /// Its life ended, and it had been handed to nobody.
    Nobody(Nobody),
    /// Its life ended before it had been kept by as many peers as were asked for.
    Expired {
        /// The peers it was handed to.
        handed: usize,
        /// How many of them kept it.
        kept: usize,
    },
    /// The node's own pool was full and needed its room for envelopes with more work, before as
    /// many peers as were asked for had kept it.
    Evicted {
        /// The peers it was handed to.
        handed: usize,
        /// How many of them kept it.
        kept: usize,
    },
    /// So many posts were made after it that it was not followed any longer
    /// ([`ReceiptSettings::tracked`](crate::ReceiptSettings::tracked)). It may well arrive.
    Untracked,
    /// The node stopped.
    Stopped,
}

/// How a peer refused an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It ended the connection soon after, for this reason, as go-ethereum does with envelopes that
    /// do not meet its requirements.
    Disconnected(DisconnectReason),
    /// It answered so, as nodes of status-im do.
    Answered {
        /// The number it gave. What it means depends on the release: go by the text.
        code: u64,
        /// What it said: anybody's words, to be quoted. At most 256 bytes.
        text: String,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected(reason) => write!(f, "disconnected: {reason}"),
            Self::Answered { code, text } => write!(f, "answered {code}: {text:?}"),
        }
    }
}

/// Why there is nobody to hand a post to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nobody {
    /// No peer is connected that speaks the envelope's dialect.
    NoPeers,
    /// Peers are connected, and none of them got it. The counts are of peers, each in one of them.
    Unwanted(Unwanted),
}

/// Peers that were not handed an envelope, by the reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unwanted {
    /// Its topic is outside of what the peer asks for.
    pub bloom: usize,
    /// Its work is below what the peer demands.
    pub work: usize,
    /// It is larger than what any peer takes for sure.
    pub size: usize,
    /// They would take it, and its turn has not come: they are slow to read, or limit their rate.
    pub pending: usize,
}

/// How far a post has come that has not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The peers it was handed to.
    pub handed: usize,
    /// How many of them have kept it.
    pub kept: usize,
    /// How many of those said so.
    pub acknowledged: usize,
    /// How many left too soon.
    pub left: usize,
    /// The last refusal, if there was one.
    pub refused: Option<(NodeId, Refusal)>,
    /// Why it was handed to nobody, while that is so. More peers may come.
    pub nobody: Option<Nobody>,
}

/// What can be said of a post now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptState {
    /// It is on its way.
    Pending(Progress),
    /// It has ended.
    Ended(Ending),
}

/// The receipt of a post, made by [`Whisper::post`](crate::Whisper::post). Dropping it changes
/// nothing; a new one can be had from [`Whisper::receipt`](crate::Whisper::receipt).
#[derive(Debug, Clone)]
pub struct Receipt {
    hash: [u8; 32],
    hub: Arc<Hub>,
    ending: watch::Receiver<Option<Ending>>,
}

const STOPPED: ReceiptState = ReceiptState::Ended(Ending::Stopped);

impl Receipt {
    pub(crate) fn new(
        hash: [u8; 32],
        hub: Arc<Hub>,
        ending: watch::Receiver<Option<Ending>>,
    ) -> Self {
        Self { hash, hub, ending }
    }

    /// The hash of the envelope.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// What can be said now.
    #[must_use]
    pub fn state(&self) -> ReceiptState {
        let ending = self.ending.borrow().clone();
        match ending {
            Some(ending) => ReceiptState::Ended(ending),
            None => self.hub.receipt_state(&self.hash).unwrap_or(STOPPED),
        }
    }

    /// Waits until the post has ended. That takes the time in which a peer has to stay
    /// ([`ReceiptSettings::stay`](crate::ReceiptSettings::stay)) where all is well, and the rest of
    /// the envelope's life where nobody takes it. Dropping the future loses nothing.
    pub async fn ended(&mut self) -> Ending {
        match self.ending.wait_for(Option::is_some).await {
            Ok(ending) => ending.clone().unwrap_or(Ending::Stopped),
            Err(_) => Ending::Stopped, // the node is gone, and nobody is left to say more
        }
    }
}

/// Two receipts of the same post are the same.
impl PartialEq for Receipt {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Receipt {}
