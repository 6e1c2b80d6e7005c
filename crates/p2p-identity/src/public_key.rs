//! Public keys, checked to be points on the curve.

use core::fmt;

use crate::{KeyError, NodeId};

/// A secp256k1 public key. It is always a point on the curve.
///
/// ```
/// use p2p_identity::{KeyError, NodeId, PublicKey};
///
/// let made_up = NodeId([1; 64]);
/// assert_eq!(PublicKey::from_id(&made_up), Err(KeyError::NotOnCurve));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(secp256k1::PublicKey);

impl PublicKey {
    pub(crate) const fn from_point(point: secp256k1::PublicKey) -> Self {
        Self(point)
    }

    pub(crate) const fn point(&self) -> &secp256k1::PublicKey {
        &self.0
    }

    /// Reads the uncompressed form: `0x04`, then x and y, each 32 bytes, big-endian.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotUncompressed`] for any other first byte (including the hybrid forms `0x06` and
    /// `0x07`), [`KeyError::NotOnCurve`].
    pub fn from_uncompressed(bytes: &[u8; 65]) -> Result<Self, KeyError> {
        if bytes[0] != 0x04 {
            return Err(KeyError::NotUncompressed);
        }
        secp256k1::PublicKey::from_byte_array_uncompressed(bytes)
            .map(Self)
            .map_err(|_| KeyError::NotOnCurve)
    }

    /// The key of the node with this id.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotOnCurve`]: an id can be any 64 bytes.
    pub fn from_id(id: &NodeId) -> Result<Self, KeyError> {
        let mut bytes = [0x04; 65];
        bytes[1..].copy_from_slice(&id.0);
        Self::from_uncompressed(&bytes)
    }

    /// Reads the compressed form: `0x02` or `0x03`, then x.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotOnCurve`], also for any other first byte.
    pub fn from_compressed(bytes: &[u8; 33]) -> Result<Self, KeyError> {
        secp256k1::PublicKey::from_byte_array_compressed(bytes)
            .map(Self)
            .map_err(|_| KeyError::NotOnCurve)
    }

    /// The compressed form: `0x02` for an even y and `0x03` for an odd one, then x.
    #[must_use]
    pub fn to_compressed(&self) -> [u8; 33] {
        self.0.serialize()
    }

    /// The uncompressed form: `0x04`, x, y.
    #[must_use]
    pub fn to_uncompressed(&self) -> [u8; 65] {
        self.0.serialize_uncompressed()
    }

    /// The id of the node with this key: x and y.
    #[must_use]
    pub fn id(&self) -> NodeId {
        let [_, id @ ..] = self.to_uncompressed();
        NodeId(id)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id().short())
    }
}
