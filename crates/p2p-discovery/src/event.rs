//! What the machine reports.

use core::net::SocketAddr;
use core::time::Duration;

use p2p_identity::{NodeId, Record};
use thiserror::Error;

use crate::Node;

/// Names one lookup among all of a [`Discovery`](crate::Discovery).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LookupId(pub(crate) u64);

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A node is where it is said to be, and of our network: it answered a ping. Reported once when it
    /// has proven itself, and again after it was gone or has moved.
    Found(Node),
    /// A node of the table does not answer any more.
    Lost(NodeId),
    /// A lookup, asked for or of the machine's own account, is over.
    LookupFinished(LookupId, LookupOutcome),
    /// A [`ping`](crate::Discovery::ping) was answered, after this time, or not.
    PingFinished(NodeId, Result<Duration, NoAnswerError>),
    /// A [`request_record`](crate::Discovery::request_record) was answered, or not.
    RecordFinished(NodeId, Result<Record, NoAnswerError>),
    /// Most peers see us at another address than before. If the own record follows them
    /// ([`Discv4Config::follow_peers`](crate::Discv4Config::follow_peers)), a [`RecordChanged`](Self::RecordChanged)
    /// comes with it.
    ExternalAddr(SocketAddr),
    /// The own record is another one, of a higher sequence number: keep it, so that the next start
    /// does not begin with an older one.
    RecordChanged(Record),
    /// Our clock and those of our peers differ so much that packets expire on the way. Reported
    /// when noticed, and at most once an hour.
    ClockOffset(ClockOffset),
}

/// What a lookup has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookupOutcome {
    /// The nodes nearest to the target that are alive, nearest first, at most 16.
    pub nodes: Vec<Node>,
    /// How many questions in a row led to the nearest of them: each was asked of a node that the one
    /// before had told of. 0 if it was in the own table.
    pub rounds: u32,
    /// How many nodes were asked.
    pub asked: u32,
    /// How many of them did not answer.
    pub silent: u32,
}

/// How wrong a clock is, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockOffset {
    /// Our clock is ahead of our peers' by at least so much: we take their packets for expired.
    Ahead(Duration),
    /// Our clock is behind by about so much: they take ours for expired.
    Behind(Duration),
}

/// Why a node gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoAnswerError {
    /// It does not answer pings.
    #[error("no answer to a ping")]
    Silent,
    /// It answers pings, but not this request.
    #[error("no answer to the request")]
    Refused,
    /// It answers with a record that is not sound, or not its own.
    #[error("the answer is not a record of the node")]
    BadRecord,
}

/// The machine has as much to do as it can hold: try later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("too much in progress")]
pub struct BusyError;
