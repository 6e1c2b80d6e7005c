//! Code 126 (in shh/5: 3): a request to a mail server.

use bytes::{Bytes, BytesMut};
use p2p_mux::rlp::{self, Item, List};
use whisper_envelope::{Bloom, Dialect, Envelope};

use super::PacketError;

/// A request to a mail server, in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Encrypted in an envelope to a key of the server, as in go-ethereum.
    Sealed(Envelope),
    /// Not encrypted, as by later nodes of status-im.
    Open(Query),
}

/// An unencrypted request: `[id, from, to, limit, cursor, bloom]`.
///
/// Only its format is checked, not its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The id that the answer will contain.
    pub id: [u8; 32],
    /// Lower limit of the time of sending, in seconds since 1970.
    pub from: u32,
    /// Upper limit of the time of sending, in seconds since 1970; 0: the present.
    pub to: u32,
    /// Maximum number of envelopes; 0: the server's maximum.
    pub limit: u32,
    /// Where to continue, from the server's last answer; empty at the beginning.
    pub cursor: Bytes,
    /// The wanted topics; `None` if the request does not restrict them.
    pub bloom: Option<Bloom>,
}

impl Request {
    /// Reads the body of a packet. Bytes after it are ignored.
    ///
    /// The first element distinguishes the two forms: an id of 32 bytes cannot be the expiry or the version of an
    /// envelope.
    ///
    /// # Errors
    ///
    /// [`PacketError`].
    pub fn decode(dialect: Dialect, payload: &Bytes) -> Result<Self, PacketError> {
        let (packet, _) = Item::parse_prefix(payload)?;
        let first = packet.items()?.optional()?;
        if first.is_some_and(|first| first.payload().len() == 32 && !first.is_list()) {
            return Query::read(packet.items()?).map(Self::Open);
        }
        Ok(Self::Sealed(Envelope::decode(dialect, payload.slice_ref(packet.raw()))?))
    }

    /// Encodes the body of the packet.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Sealed(envelope) => envelope.raw().clone(),
            Self::Open(query) => query.encode(),
        }
    }
}

impl Query {
    fn read(mut list: List<'_>) -> Result<Self, PacketError> {
        Ok(Self {
            id: list.array()?,
            from: list.uint()?,
            to: list.uint()?,
            limit: list.uint()?,
            cursor: Bytes::copy_from_slice(list.bytes()?),
            bloom: match list.bytes()? {
                [] => None,
                bytes => Some(bloom(bytes)?),
            },
        })
    }

    fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        let bloom = self.bloom.as_ref().map_or(&[][..], |bloom| &bloom.0);
        let fields: [&dyn rlp::Encodable; 6] =
            [&self.id, &self.from, &self.to, &self.limit, &self.cursor, &bloom];
        rlp::encode_list(&mut out, &fields);
        out.freeze()
    }
}

/// Reads a bloom, which has 64 bytes.
pub(super) fn bloom(bytes: &[u8]) -> Result<Bloom, PacketError> {
    bytes.try_into().map_err(|_| PacketError::Bloom { length: bytes.len() })
}

#[cfg(test)]
mod tests {
    use whisper_envelope::{Topic, Unsealed};

    use super::*;
    use crate::relay::testing::envelope;

    fn query() -> Query {
        Query {
            id: [7; 32],
            from: 1_700_000_000,
            to: 0,
            limit: 1000,
            cursor: Bytes::from_static(&[1; 36]),
            bloom: Some(Bloom::of(Topic(*b"test"))),
        }
    }

    #[test]
    fn both_forms_are_told_apart() {
        let of_old = Unsealed::v5(0, 50, 50, Topic(*b"test"), Some([1; 12]), &[7; 64]).seal(0);
        for (dialect, request) in [
            (Dialect::V6, Request::Sealed(envelope(1))),
            (Dialect::V5, Request::Sealed(of_old)),
            (Dialect::V6, Request::Open(query())),
            (Dialect::V6, Request::Open(Query { bloom: None, cursor: Bytes::new(), ..query() })),
        ] {
            let mut body = BytesMut::from(&request.encode()[..]);
            body.extend_from_slice(&[0xff; 3]);
            assert_eq!(Request::decode(dialect, &body.freeze()), Ok(request), "bytes after it");
        }
    }

    #[test]
    fn what_is_neither() {
        let decode = |body: &[u8]| Request::decode(Dialect::V6, &Bytes::copy_from_slice(body));
        for body in [&[][..], &[0x05], &[0xc9, 0x01]] {
            assert!(matches!(decode(body), Err(PacketError::Rlp(_))), "{body:?}");
        }
        for body in [&[0xc0][..], &[0xc1, 0x05], &[0xc1, 0xc0]] {
            assert!(matches!(decode(body), Err(PacketError::Envelope(_))), "{body:?}");
        }
        let whole = query().encode();
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_err(), "{length}");
        }
        let mut out = Vec::new();
        rlp::encode_list(&mut out, &[&[7; 32], &1_u8, &2_u8, &3_u8, &"", &"short"]);
        assert_eq!(decode(&out), Err(PacketError::Bloom { length: 5 }));
        out.clear();
        rlp::encode_list(&mut out, &[&[7; 32], &u64::MAX, &2_u8, &3_u8, &"", &""]);
        assert!(matches!(decode(&out), Err(PacketError::Rlp(_))), "a time beyond 32 bits");
    }
}
