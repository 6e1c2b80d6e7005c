//! What a node is called.

use core::fmt;
use core::str::FromStr;

use keccak_lanes::{Digest, keccak256};
use rlp_codec::{BufMut, Decodable, Encodable};

use crate::{HexError, KeyError, PublicKey, hex_text};

/// The id of a node: its public key without the leading `0x04`, that is x and y of the point.
///
/// An id is only a name. It may come from anybody, so it is not known to be a point on the curve
/// until [`public_key`](Self::public_key) has said so.
///
/// `Display` writes 128 lower-case hexadecimal digits, `FromStr` reads them in either case and with
/// or without `0x`, RLP and the order of ids are those of the 64 bytes.
///
/// ```
/// use p2p_identity::NodeId;
///
/// let id: NodeId = "AB".repeat(64).parse()?;
/// assert_eq!(id, NodeId([0xab; 64]));
/// assert_eq!(id.to_string(), "ab".repeat(64));
/// assert_eq!(format!("{id:?}"), "NodeId(abababab…)");
/// # Ok::<_, p2p_identity::HexError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub [u8; 64]);

impl NodeId {
    /// The Keccak-256 of the id: what Kademlia measures distances in, and the `id` of go-ethereum's
    /// `admin_nodeInfo`.
    #[must_use]
    pub fn hash(&self) -> Digest {
        keccak256(&self.0)
    }

    /// The point that the id stands for.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotOnCurve`].
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_id(self)
    }

    /// The first four bytes in hexadecimal, for logs.
    pub(crate) fn short(&self) -> String {
        hex::encode(&self.0[..4]) + "…"
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", self.short())
    }
}

impl FromStr for NodeId {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        let mut id = [0; 64];
        hex_text::decode(text, &mut id)?;
        Ok(Self(id))
    }
}

impl From<PublicKey> for NodeId {
    fn from(key: PublicKey) -> Self {
        key.id()
    }
}

impl Encodable for NodeId {
    fn encode(&self, out: &mut dyn BufMut) {
        self.0.encode(out);
    }

    fn length(&self) -> usize {
        self.0.length()
    }
}

impl Decodable for NodeId {
    fn decode(input: &mut &[u8]) -> rlp_codec::alloy_rlp::Result<Self> {
        Decodable::decode(input).map(Self)
    }
}
