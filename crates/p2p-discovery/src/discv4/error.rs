//! What can go wrong with a socket and with a wish.

use std::{io, net::SocketAddr};

use p2p_identity::RecordError;
use thiserror::Error;

use crate::{BusyError, NoAnswerError};

/// Why discv4 does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Discv4Error {
    /// The address is taken, or not one of this machine.
    #[error("cannot open a UDP socket at {addr}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system does not say where the socket is bound.
    #[error("the UDP socket has no address")]
    Socket(#[source] io::Error),
    /// The record is not of the key, or would be too long with port and address.
    #[error("the node's record: {0}")]
    Record(#[source] RecordError),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers")]
    Randomness,
}

/// Why a wish did not come true.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Too much is in progress.
    #[error(transparent)]
    Busy(#[from] BusyError),
    /// The node did not answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswerError),
    /// The host name in the URL does not resolve.
    #[error("the host name does not resolve")]
    Name(#[source] io::Error),
    /// Nobody knows the node.
    #[error("nobody knows the node")]
    NotFound,
    /// The record cannot be changed so.
    #[error("the node's record: {0}")]
    Record(#[source] RecordError),
    /// Discv4 has stopped.
    #[error("discovery has stopped")]
    Stopped,
}
