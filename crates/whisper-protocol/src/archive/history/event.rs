//! What a reader of archives is told.

use p2p_identity::NodeId;

use crate::{ArchiveId, Envelope, ReceivedMessage, archive::wire::RefusalCode};

/// What a reader of archives is told. `node` is the node with the archive, which is all zeros for this node itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum HistoryEvent {
    /// Envelopes that were not delivered before, in the order in which one archive has received them. After them,
    /// [`History::cursor`](super::History::cursor) says where to go on once they were processed.
    Envelopes(Vec<HistoryEnvelope>),
    /// Everything that was stored is delivered, as far as these archives have it. Without
    /// [`live`](super::HistoryRequest::live), nothing follows.
    CaughtUp {
        /// The nodes whose archives were read to their newest envelope.
        nodes: Vec<NodeId>,
    },
    /// No connected peer has an archive, and this node has none. It is waited for.
    NoArchive,
    /// An archive is not connected, or does not answer. The others are read. It is waited for.
    Away {
        /// Which node.
        node: NodeId,
    },
    /// An archive was read to its newest envelope, and lacks what another one has had for a minute.
    Behind {
        /// Which node.
        node: NodeId,
        /// How many envelopes it lacks.
        missing: usize,
    },
    /// The archive of a node has another id, or has lost its newest envelopes. It is read from the beginning: what only the
    /// earlier one had is missing, and envelopes may be delivered again.
    Replaced {
        /// Which node.
        node: NodeId,
        /// The archive that was read before.
        old: ArchiveId,
        /// The archive that is read now. It is the same one if it has lost its newest envelopes.
        new: ArchiveId,
    },
    /// An archive has removed envelopes after the place where reading goes on. Whether they were asked for is not known.
    Removed {
        /// Which node.
        node: NodeId,
        /// How many arrivals were removed.
        arrivals: u64,
    },
    /// An archive does not answer this question.
    Refused {
        /// Which node.
        node: NodeId,
        /// The reason.
        code: RefusalCode,
        /// The reason as the node has written it. It may be any text, so quote it.
        text: String,
    },
}

/// An envelope from an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEnvelope {
    /// The envelope.
    pub envelope: Envelope,
    /// The node whose archive it came from.
    pub node: NodeId,
    /// Its arrival number there.
    pub arrival: u64,
    /// The message in it, if messages are read.
    pub message: Option<Box<ReceivedMessage>>,
    /// Whether it may have been delivered before. This is so only if an archive is away or has removed envelopes, and the
    /// cursor does not tell.
    pub maybe_repeated: bool,
}

/// How far an archive was read, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryProgress {
    /// The node.
    pub node: NodeId,
    /// Up to which arrival number it was read.
    pub end: u64,
    /// Its newest arrival number.
    pub newest: u64,
}
