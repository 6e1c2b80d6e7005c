//! What the machine reports.

use core::net::SocketAddr;
use core::time::Duration;

use p2p_identity::{NodeId, Record};
use thiserror::Error;

use crate::node::Node;

/// Identifies a lookup of a [`Discovery`](crate::Discovery).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LookupId(pub(crate) u64);

/// An event of a [`Discovery`](crate::Discovery).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A node of our network has answered a ping, which proves its endpoint. Reported once, and again
    /// after the node was lost or has moved.
    Found(Node),
    /// A node was removed from the table: it no longer answers, or has left our network.
    Lost(NodeId),
    /// A lookup is finished, requested by the user or begun by the machine.
    LookupFinished(LookupId, LookupOutcome),
    /// A [`ping`](crate::Discovery::ping) was answered after this time, or failed.
    PingFinished(NodeId, Result<Duration, NoAnswerError>),
    /// A [`request_record`](crate::Discovery::request_record) was answered, or failed.
    RecordFinished(NodeId, Result<Record, NoAnswerError>),
    /// The majority of peers reports a new external address of this node. If the record follows it
    /// ([`Discv4Config::follow_peers`](crate::Discv4Config::follow_peers)),
    /// [`RecordChanged`](Self::RecordChanged) comes next.
    ExternalAddr(SocketAddr),
    /// The own record has changed and has a higher sequence number. Store it, so that the next start
    /// does not begin with an older one.
    RecordChanged(Record),
    /// Our clock differs so much from those of the peers that packets expire on the way. Reported at
    /// most once an hour.
    ClockOffset(ClockOffset),
}

/// The result of a lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookupOutcome {
    /// The nodes alive that are nearest to the target, nearest first, at most 16.
    pub nodes: Vec<Node>,
    /// The number of answers in a row that led to the nearest node. 0 if it was in the own table.
    pub rounds: u32,
    /// How many nodes were asked.
    pub asked: u32,
    /// How many of the asked nodes did not answer.
    pub silent: u32,
}

/// The difference between our clock and those of the peers, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockOffset {
    /// Our clock is ahead by at least this time, so we take the packets of peers as expired.
    Ahead(Duration),
    /// Our clock is behind by about this time, so peers take our packets as expired.
    Behind(Duration),
}

/// A node gave no answer, or no valid one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoAnswerError {
    /// The node does not answer pings.
    #[error("no answer to a ping")]
    Silent,
    /// The node answers pings, but not this request.
    #[error("no answer to the request")]
    Refused,
    /// The answer is not a valid record of the node.
    #[error("the answer is not a valid record of the node")]
    BadRecord,
}

/// Too many requests are in progress. Try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("too many requests in progress")]
pub struct BusyError;
