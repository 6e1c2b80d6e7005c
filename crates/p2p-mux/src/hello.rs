//! Hello, the first message of each end: its node id and its capabilities.

#[cfg(feature = "tokio")]
mod exchange;

use p2p_identity::NodeId;
use rlp_codec::{Error, decode_open_list, encode_list};
use thiserror::Error as ThisError;

use crate::{Capability, DisconnectReason};
#[cfg(feature = "tokio")]
pub use exchange::{HelloExchangeError, LocalNode, NegotiatedConnection, exchange_hello, refuse};

/// Version of the base protocol that this crate announces: the one with Snappy (EIP-706).
pub const P2P_VERSION: u64 = 5;

/// Lowest version of the base protocol that is accepted from a peer.
pub const MIN_P2P_VERSION: u64 = 4;

/// Maximum size of a Hello in bytes, sent or received. go-ethereum has the same limit.
pub const MAX_HELLO: usize = 2048;

/// The Hello message (RLPx, "Hello (0x00)"):
/// `[version, client, [[name, version], ...], port, id, ...]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Version of the base protocol.
    pub version: u64,
    /// Client name. From a peer it may contain anything: quote it before you display it.
    pub client: String,
    /// Capabilities, in the order in which they were sent.
    pub capabilities: Vec<Capability>,
    /// Listening port. Most nodes send 0 or a wrong port.
    pub port: u16,
    /// Node id. It must be the one that was proved in the handshake.
    pub id: NodeId,
}

/// Why a Hello was not accepted: an error of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum HelloError {
    /// It is longer than [`MAX_HELLO`].
    #[error("Hello of {0} bytes, the maximum is {MAX_HELLO}")]
    TooLong(usize),
    /// It cannot be decoded.
    #[error("malformed Hello")]
    Malformed(#[from] Error),
    /// The version of the base protocol is below [`MIN_P2P_VERSION`].
    #[error("p2p version {0}, the minimum is {MIN_P2P_VERSION}")]
    Version(u64),
    /// The node id is all zeros.
    #[error("Hello with a null node id")]
    NullIdentity,
    /// The node id is not the one of the handshake.
    #[error("the node id {0} in Hello is not the one of the handshake")]
    Identity(NodeId),
}

impl HelloError {
    /// The reason that the peer is told.
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
    /// Encodes the payload of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        let items: [&dyn rlp_codec::Encodable; 5] =
            [&self.version, &self.client, &self.capabilities, &self.port, &self.id];
        encode_list(&mut out, &items);
        out
    }

    /// Decodes the payload of the message. As EIP-8 requires, additional elements, bytes after the
    /// list and newer versions are accepted.
    ///
    /// # Errors
    ///
    /// [`HelloError::TooLong`], [`HelloError::Malformed`]. [`check`](Self::check) verifies the node id
    /// and the version.
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

    /// Checks the version, and that the node id is `remote`, the one of the handshake.
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

    /// Whether messages to and from this node are compressed after Hello (EIP-706).
    #[must_use]
    pub const fn has_snappy(&self) -> bool {
        self.version >= 5
    }
}
