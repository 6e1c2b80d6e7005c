//! Errors of starting discv4 and of its requests.

use std::{io, net::SocketAddr};

use p2p_identity::{EnodeUseError, RecordError};
use thiserror::Error;

use crate::event::{BusyError, NoAnswerError};

/// Discv4 could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Discv4Error {
    /// The address is in use, or is not an address of this machine.
    #[error("cannot open a UDP socket at {addr}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The local address of the socket is not known.
    #[error("cannot read the local address of the UDP socket")]
    LocalAddr(#[source] io::Error),
    /// The record was not signed by the key, or has no room for port and address.
    #[error("cannot use the record of this node")]
    Record(#[source] RecordError),
}

/// A request of a [`Discv4`](crate::Discv4) handle failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Too many requests are in progress.
    #[error(transparent)]
    Busy(#[from] BusyError),
    /// The node did not answer, or not with a valid record.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswerError),
    /// The address in the URL cannot be used for discovery.
    #[error(transparent)]
    Address(#[from] EnodeUseError),
    /// The host name in the URL could not be resolved.
    #[error("cannot resolve the host name")]
    Name(#[source] io::Error),
    /// The lookup did not find the node.
    #[error("the node was not found")]
    NotFound,
    /// The change of the own record was refused.
    #[error("cannot change the record of this node")]
    Record(#[source] RecordError),
    /// Discv4 has stopped.
    #[error("discovery has stopped")]
    Stopped,
}
