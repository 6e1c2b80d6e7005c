//! Code 11: acknowledgement of a bundle.

use bytes::Bytes;
use keccak_lanes::keccak256;
use p2p_mux::rlp::{self, Item};

use super::PacketError;

/// The acknowledgement of a bundle of envelopes: the Keccak-256 hash of the body of its packet, uncompressed.
///
/// Sent to peers that announced confirmations in their status.
///
/// ```
/// use whisper_protocol::packet::Ack;
///
/// let bundle = [0xc0];
/// let ack = Ack::of(&bundle);
/// assert_eq!(Ack::decode(&ack.encode()), Ok(ack));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack(pub [u8; 32]);

impl Ack {
    /// The acknowledgement of the bundle with this body.
    #[must_use]
    pub fn of(bundle: &[u8]) -> Self {
        Self(keccak256(bundle))
    }

    /// Reads the body of a packet. Bytes after it are ignored.
    ///
    /// # Errors
    ///
    /// [`PacketError::Rlp`].
    pub fn decode(payload: &[u8]) -> Result<Self, PacketError> {
        let (item, _) = Item::parse_prefix(payload)?;
        Ok(Self(item.array()?))
    }

    /// Encodes the body of the packet.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        rlp::encode(&self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_32_bytes_and_nothing_else() {
        let mut body = vec![0xa0];
        body.extend_from_slice(&[7; 32]);
        assert_eq!(Ack::decode(&body), Ok(Ack([7; 32])));
        assert_eq!(Ack([7; 32]).encode(), body);
        body.push(0xff);
        assert_eq!(Ack::decode(&body), Ok(Ack([7; 32])), "bytes after it");
        for refused in [&[][..], &[0x80], &[0xc0], &body[..32], &[0x05]] {
            assert!(matches!(Ack::decode(refused), Err(PacketError::Rlp(_))), "{refused:?}");
        }
    }

    #[test]
    fn of_an_empty_bundle() {
        // Keccak-256 of c0: also the hash of Ethereum's empty list of uncles.
        let expected = "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";
        assert_eq!(hex::encode(Ack::of(&[0xc0]).0), expected);
    }
}
