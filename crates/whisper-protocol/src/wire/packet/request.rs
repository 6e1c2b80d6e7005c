//! Code 126 (in shh/5: 3): a request to a mail server. Code 123: a request of another mail server.

use bytes::Bytes;
use p2p_mux::rlp::Item;
use whisper_envelope::{Bloom, Dialect, Envelope};

use super::{PacketError, Query, SyncRequest};

/// A request to a mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Encrypted in an envelope to a key of the server, as in go-ethereum.
    Sealed(Envelope),
    /// Not encrypted, as by later nodes of status-im: `[id, from, to, limit, cursor, bloom]`, and perhaps a list of topics.
    Open {
        /// The id that the answer will contain.
        id: [u8; 32],
        /// What is asked for.
        query: Query,
    },
    /// Of another mail server, which copies. It has its own code, and no id.
    Sync(SyncRequest),
}

impl Request {
    /// Reads the body of a packet with code 126. Bytes after it are ignored.
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
            let mut list = packet.items()?;
            let id = list.array()?;
            return Ok(Self::Open { id, query: Query::read_open(list)? });
        }
        Ok(Self::Sealed(Envelope::decode(dialect, payload.slice_ref(packet.raw()))?))
    }

    /// The id by which the [end](super::Completion) of the answer names the request; zeros for one that has none.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        match self {
            Self::Sealed(envelope) => *envelope.hash(),
            Self::Open { id, .. } => *id,
            Self::Sync(_) => [0; 32],
        }
    }

    /// Encodes the body of the packet.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Sealed(envelope) => envelope.raw().clone(),
            Self::Open { id, query } => query.encode_open(id),
            Self::Sync(request) => request.encode(),
        }
    }
}

/// Reads a bloom, which has 64 bytes.
pub(super) fn bloom(bytes: &[u8]) -> Result<Bloom, PacketError> {
    bytes.try_into().map_err(|_| PacketError::Bloom { length: bytes.len() })
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use p2p_mux::rlp;
    use whisper_envelope::{Topic, Unsealed};

    use super::*;
    use crate::relay::testing::envelope;

    fn query() -> Query {
        Query {
            from: 1_700_000_000,
            to: 0,
            bloom: Some(Bloom::of(Topic(*b"test"))),
            topics: Vec::new(),
            limit: 1000,
            cursor: Bytes::from_static(&[1; 36]),
            batch: true,
        }
    }

    #[test]
    fn both_forms_are_told_apart() {
        let of_old = Unsealed::v5(0, 50, 50, Topic(*b"test"), Some([1; 12]), &[7; 64]).seal(0);
        let open = |query| Request::Open { id: [7; 32], query };
        for (dialect, request) in [
            (Dialect::V6, Request::Sealed(envelope(1))),
            (Dialect::V5, Request::Sealed(of_old)),
            (Dialect::V6, open(query())),
            (Dialect::V6, open(Query { bloom: None, cursor: Bytes::new(), ..query() })),
            (Dialect::V6, open(Query { topics: vec![Topic(*b"test"); 2], ..query() })),
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
        let whole = Request::Open { id: [7; 32], query: query() }.encode();
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
