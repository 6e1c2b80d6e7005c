//! What the machine reports.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use p2p_identity::{NodeId, Record};
use thiserror::Error;

use crate::network::NetworkId;
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
    /// Our clock differs so much from those of other nodes that packets expire on the way. Reported at
    /// most once an hour, and again after the clock was set.
    ClockOffset(ClockOffset, ClockWitness),
    /// A boot node is of no use, for this reason. Reported again after 10 minutes, or for another
    /// reason.
    BootNodeFailed(Node, BootNodeReason),
    /// A witness of the time ([`Discovery::add_clock_witness`](crate::Discovery::add_clock_witness)) is of another
    /// network: its record names this one, or none. Reported again after 10 minutes.
    WitnessForeign(Node, Option<NetworkId>),
    /// A boot node that had failed answers, and is of our network.
    BootNodeAnswers(NodeId),
}

/// Why a boot node is of no use. `Display` says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootNodeReason {
    /// It answers no pings.
    Silent {
        /// Whether any packet of any node has been received.
        has_received: bool,
    },
    /// A node with this other id answers at its address.
    OtherKey(NodeId),
    /// It answers, but its record names another network, or none.
    OtherNetwork(Option<NetworkId>),
    /// Our clock differs from its clock, but not from those of most other nodes.
    WrongClock(ClockOffset),
}

impl fmt::Display for BootNodeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { has_received: true } => f.write_str(
                "no answer over UDP: the node is not there, or a firewall drops the packets",
            ),
            Self::Silent { has_received: false } => f.write_str(
                "no answer over UDP, and no packet of any node has arrived: the node is not there, \
                 or UDP is blocked",
            ),
            Self::OtherKey(id) => {
                write!(f, "a node with another key answers at its address; its id is {id}")
            }
            Self::OtherNetwork(Some(NetworkId(id))) => {
                write!(f, "it is of another network: its record names network {id}")
            }
            Self::OtherNetwork(None) => {
                f.write_str("it is of another network: it has no record that names one")
            }
            Self::WrongClock(offset) => {
                write!(
                    f,
                    "its clock differs from those of other nodes: our clock is {offset} its clock"
                )
            }
        }
    }
}

/// By which nodes our clock was found to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockWitness {
    /// By this boot node.
    BootNode(NodeId),
    /// By this node, which was given as a witness ([`Discovery::add_clock_witness`](crate::Discovery::add_clock_witness)).
    Trusted(NodeId),
    /// By most of this number of nodes with different addresses.
    Majority(usize),
}

impl fmt::Display for ClockWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BootNode(id) => write!(f, "the boot node {id:.8}…"),
            Self::Trusted(id) => write!(f, "the node {id:.8}…"),
            Self::Majority(count) => write!(f, "most of {count} other nodes"),
        }
    }
}

/// The result of a lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookupOutcome {
    /// The nodes that have answered and are nearest to the target, nearest first, at most 16. None of
    /// them is [`silent`](Self::silent).
    pub nodes: Vec<Node>,
    /// The number of answers in a row that led to the nearest node. 0 if it was in the own table.
    pub rounds: u32,
    /// How many nodes were asked.
    pub asked: u32,
    /// How many of the asked nodes did not answer. They may answer pings.
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

/// `45 s ahead of`, `45 s behind`.
impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ahead(by) => write!(f, "{} s ahead of", by.as_secs()),
            Self::Behind(by) => write!(f, "{} s behind", by.as_secs()),
        }
    }
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
