//! The first message of each end: who it is and what it can do.

#[cfg(feature = "tokio")]
mod exchange;

use p2p_identity::NodeId;
use rlp_codec::{Error, decode_open_list, encode_list};
use thiserror::Error as ThisError;

use crate::{Capability, DisconnectReason};
#[cfg(feature = "tokio")]
pub use exchange::{HelloExchangeError, LocalNode, NegotiatedConnection, exchange_hello, refuse};

/// The version of the base protocol that this crate speaks: the one with Snappy (EIP-706).
pub const P2P_VERSION: u64 = 5;

/// The lowest version of the base protocol that is understood.
pub const MIN_P2P_VERSION: u64 = 4;

/// The longest Hello that is read or written, in bytes; go-ethereum refuses longer ones too.
pub const MAX_HELLO: usize = 2048;

/// The Hello message (RLPx, "Hello (0x00)"):
/// `[version, client, [[name, version], ...], port, id, ...]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The version of the base protocol.
    pub version: u64,
    /// What the client calls itself. Anybody's words: quote it before showing it.
    pub client: String,
    /// What the node can do, in the order in which it says so.
    pub capabilities: Vec<Capability>,
    /// Where the node says it listens; 0 where it says nothing useful, which is the rule. Not to be
    /// relied on.
    pub port: u16,
    /// The node's id, which must be the one that it proved in the handshake.
    pub id: NodeId,
}

/// Why a Hello was not accepted: the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum HelloError {
    /// It is longer than [`MAX_HELLO`].
    #[error("Hello of {0} bytes")]
    TooLong(usize),
    /// It cannot be read.
    #[error("malformed Hello: {0}")]
    Malformed(#[from] Error),
    /// The peer speaks a version of the base protocol from before version 4.
    #[error("p2p version {0}")]
    Version(u64),
    /// The node id is all zeros.
    #[error("Hello with a null node id")]
    NullIdentity,
    /// The node id is not the one of the handshake.
    #[error("Hello of {0}, which is not who shook hands")]
    Identity(NodeId),
}

impl HelloError {
    /// What the peer is told.
    #[must_use]
    pub const fn reason(&self) -> DisconnectReason {
        match self {
            Self::TooLong(_) | Self::Malformed(_) => DisconnectReason::ProtocolBreach,
            Self::Version(_) => DisconnectReason::IncompatibleVersion,
            Self::NullIdentity => DisconnectReason::NullIdentity,
            Self::Identity(_) => DisconnectReason::UnexpectedIdentity,
        }
    }
}

impl Hello {
    /// The payload of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        let items: [&dyn rlp_codec::Encodable; 5] =
            [&self.version, &self.client, &self.capabilities, &self.port, &self.id];
        encode_list(&mut out, &items);
        out
    }

    /// Reads the payload of the message. As EIP-8 asks, more elements and bytes after the list are
    /// left alone, and so is a version that does not exist yet.
    ///
    /// # Errors
    ///
    /// [`HelloError::TooLong`], [`HelloError::Malformed`]. Whether the node is who it says, and
    /// speaks a version that can be spoken, is for [`check`](Self::check).
    pub fn decode(payload: &[u8]) -> Result<Self, HelloError> {
        if payload.len() > MAX_HELLO {
            return Err(HelloError::TooLong(payload.len()));
        }
        decode_open_list(payload, |list| {
            let version = list.uint()?;
            let client = String::from_utf8_lossy(list.bytes()?).into_owned();
            let capabilities = list
                .items()?
                .map(|item| Capability::read(&item?))
                .collect::<Result<Vec<_>, Error>>()?;
            let port = u16::try_from(list.uint::<u64>()?).unwrap_or(0);
            Ok(Self { version, client, capabilities, port, id: NodeId(list.array()?) })
        })
    }

    /// Whether this Hello can be the one of `remote`, the node that shook hands.
    ///
    /// # Errors
    ///
    /// [`HelloError::Version`], [`HelloError::NullIdentity`], [`HelloError::Identity`].
    pub fn check(&self, remote: &NodeId) -> Result<(), HelloError> {
        if self.version < MIN_P2P_VERSION {
            return Err(HelloError::Version(self.version));
        }
        if self.id.0 == [0; 64] {
            return Err(HelloError::NullIdentity);
        }
        if self.id != *remote {
            return Err(HelloError::Identity(self.id));
        }
        Ok(())
    }

    /// Whether messages to and from this node are compressed from now on (EIP-706).
    #[must_use]
    pub const fn has_snappy(&self) -> bool {
        self.version >= 5
    }
}
