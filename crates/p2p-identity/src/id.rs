//! The id of a node.

use core::fmt;
use core::str::FromStr;

use keccak_lanes::{Digest, keccak256};
use rlp_codec::{BufMut, Decodable, Encodable};

use crate::{HexError, KeyError, PublicKey, hex_text};

/// The id of a node: its public key without the leading `0x04`, that is x and y of the point.
///
/// An id is not checked: [`public_key`](Self::public_key) says whether it is a point on the curve.
///
/// `Display` writes 128 lower-case hexadecimal digits. `FromStr` reads them in either case, with or
/// without `0x`. RLP and the order of ids are those of the 64 bytes.
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
    /// Keccak-256 of the id: Kademlia measures distances between these hashes, and go-ethereum's
    /// `admin_nodeInfo` shows one as `id`.
    #[must_use]
    pub fn hash(&self) -> Digest {
        keccak256(&self.0)
    }

    /// The public key with this id.
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
