//! Code 20, and the last element of a status: the rate limits of a node.

use bytes::{Bytes, BytesMut};
use p2p_mux::rlp::{self, BufMut, Encodable, Item, List};

use super::PacketError;

/// Maximum number of packets per second that a node accepts, of any kind; 0: no limit. It drops further packets, and
/// disconnects a peer that sends too many.
///
/// ```
/// use whisper_protocol::packet::Rates;
///
/// let rates = Rates { per_ip: 0, per_peer: 50, per_topic: 0 };
/// assert_eq!(rates.encode(), [0xc3, 0x80, 50, 0x80][..]);
/// assert_eq!(Rates::decode(&rates.encode()), Ok(rates));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// From all peers of one IP address together.
    pub per_ip: u64,
    /// From one peer.
    pub per_peer: u64,
    /// With envelopes of one topic.
    pub per_topic: u64,
}

impl Rates {
    /// Reads the body of a packet. Bytes after it are ignored.
    ///
    /// # Errors
    ///
    /// [`PacketError::Rlp`].
    pub fn decode(payload: &[u8]) -> Result<Self, PacketError> {
        let (item, _) = Item::parse_prefix(payload)?;
        Ok(Self::read(item.items()?)?)
    }

    /// Reads the elements of the list; further ones are ignored.
    pub(crate) fn read(mut list: List<'_>) -> Result<Self, rlp::Error> {
        Ok(Self { per_ip: list.uint()?, per_peer: list.uint()?, per_topic: list.uint()? })
    }

    /// Encodes the body of the packet.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        Encodable::encode(self, &mut out);
        out.freeze()
    }
}

impl Encodable for Rates {
    fn encode(&self, out: &mut dyn BufMut) {
        rlp::encode_list(out, &[&self.per_ip, &self.per_peer, &self.per_topic]);
    }

    fn length(&self) -> usize {
        rlp::list_length(&[&self.per_ip, &self.per_peer, &self.per_topic])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers() {
        let rates = Rates { per_ip: 1, per_peer: 1024, per_topic: 0 };
        let body = [0xc5, 0x01, 0x82, 0x04, 0x00, 0x80];
        assert_eq!(rates.encode(), body[..]);
        assert_eq!(Rates::decode(&body), Ok(rates));
        let more = [0xc6, 0x01, 0x82, 0x04, 0x00, 0x80, 0xc0, 0xff];
        assert_eq!(Rates::decode(&more), Ok(rates), "a further element, and bytes after the list");
        for refused in [&[][..], &[0x05], &[0xc0], &[0xc2, 0x01, 0x02], &[0xc3, 0x01, 0xc0, 0x02]] {
            assert!(matches!(Rates::decode(refused), Err(PacketError::Rlp(_))), "{refused:?}");
        }
    }
}
