//! Codes 123 and 124: one mail server copies from another.

use bytes::{Bytes, BytesMut};
use p2p_mux::rlp::{self, Item};
use whisper_envelope::{Bloom, Dialect, Envelope, EnvelopeError};

use super::{PacketError, request::bloom, text};

/// Maximum number of envelopes of one request.
const MAX_LIMIT: u32 = 1000;

/// Code 123: a mail server's request to copy envelopes from another, `[lower, upper, bloom, limit, cursor]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRequest {
    /// Lower limit of the time of sending, in seconds since 1970.
    pub lower: u32,
    /// Upper limit of the time of sending.
    pub upper: u32,
    /// The wanted topics. An empty one is read as all topics.
    pub bloom: Bloom,
    /// Maximum number of envelopes, 1 to 1000.
    pub limit: u32,
    /// Where to continue, from the last response; empty at the beginning.
    pub cursor: Bytes,
}

impl SyncRequest {
    /// Reads the body of a packet. Further elements and bytes after it are ignored.
    ///
    /// # Errors
    ///
    /// [`PacketError`].
    pub fn decode(payload: &[u8]) -> Result<Self, PacketError> {
        let (packet, _) = Item::parse_prefix(payload)?;
        let mut list = packet.items()?;
        let (lower, upper) = (list.uint()?, list.uint()?);
        let bloom = match list.bytes()? {
            [] => Bloom::FULL,
            bytes => bloom(bytes)?,
        };
        let asked: u64 = list.uint()?;
        let limit = u32::try_from(asked).ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
        let limit = limit.ok_or(PacketError::Limit { limit: asked })?;
        let cursor = Bytes::copy_from_slice(list.bytes()?);
        Ok(Self { lower, upper, bloom, limit, cursor })
    }

    /// Encodes the body of the packet.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        let fields: [&dyn rlp::Encodable; 5] =
            [&self.lower, &self.upper, &&self.bloom.0[..], &self.limit, &self.cursor];
        rlp::encode_list(&mut out, &fields);
        out.freeze()
    }
}

/// Code 124: a part of the answer, `[[envelope..], cursor, final, error]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncResponse {
    /// The envelopes as RLP, one after another.
    envelopes: Bytes,
    /// Where to continue; empty at the end.
    pub cursor: Bytes,
    /// Whether this is the last part.
    pub is_final: bool,
    /// The error as text, at most 256 bytes; empty if there was no error. It may be any text, so quote it.
    pub error: String,
}

impl SyncResponse {
    /// A part of an answer.
    #[must_use]
    pub fn new(envelopes: &[Envelope], cursor: Bytes, is_final: bool, error: &str) -> Self {
        let raw: Vec<&[u8]> = envelopes.iter().map(|envelope| &envelope.raw()[..]).collect();
        Self { envelopes: raw.concat().into(), cursor, is_final, error: text(error.as_bytes()) }
    }

    /// Reads the body of a packet without decoding its envelopes. Further elements and bytes after it are ignored.
    ///
    /// # Errors
    ///
    /// [`PacketError::Rlp`].
    pub fn decode(payload: &Bytes) -> Result<Self, PacketError> {
        let (packet, _) = Item::parse_prefix(payload)?;
        let mut list = packet.items()?;
        let envelopes = payload.slice_ref(list.items()?.rest());
        let cursor = Bytes::copy_from_slice(list.bytes()?);
        let (is_final, error) = (list.bool()?, text(list.bytes()?));
        Ok(Self { envelopes, cursor, is_final, error })
    }

    /// Decodes the envelopes, which are of shh/6, one by one. Ends after the first malformed one.
    pub fn envelopes(&self) -> impl Iterator<Item = Result<Envelope, EnvelopeError>> {
        let mut rest = &self.envelopes[..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let item = Item::parse_prefix(std::mem::take(&mut rest));
            Some(item.map_err(EnvelopeError::from).and_then(|(item, after)| {
                let raw = self.envelopes.slice_ref(item.raw());
                let envelope = Envelope::decode(Dialect::V6, raw)?;
                rest = after;
                Ok(envelope)
            }))
        })
    }

    /// Encodes the body of the packet.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut envelopes = Vec::with_capacity(self.envelopes.len() + 9);
        let header = rlp::Header { list: true, payload_length: self.envelopes.len() };
        header.encode(&mut envelopes);
        envelopes.extend_from_slice(&self.envelopes);
        let mut out = BytesMut::new();
        let fields: [&dyn rlp::Encodable; 4] =
            [&rlp::Raw(&envelopes), &self.cursor, &self.is_final, &self.error];
        rlp::encode_list(&mut out, &fields);
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::testing::envelope;

    fn request() -> SyncRequest {
        let cursor = Bytes::from_static(&[1; 36]);
        SyncRequest { lower: 1, upper: 1_700_000_000, bloom: Bloom::FULL, limit: 1000, cursor }
    }

    #[test]
    fn a_request_for_one_to_a_thousand() {
        for limit in [1, 1000] {
            let request = SyncRequest { limit, ..request() };
            assert_eq!(SyncRequest::decode(&request.encode()), Ok(request));
        }
        for limit in [0, 1001, u32::MAX] {
            let refused = SyncRequest::decode(&SyncRequest { limit, ..request() }.encode());
            assert_eq!(refused, Err(PacketError::Limit { limit: limit.into() }));
        }
        let whole = request().encode();
        for length in 0..whole.len() {
            assert!(SyncRequest::decode(&whole[..length]).is_err());
        }
        let mut out = Vec::new();
        rlp::encode_list(&mut out, &[&1_u8, &2_u8, &"", &1_u8, &""]);
        assert_eq!(SyncRequest::decode(&out).unwrap().bloom, Bloom::FULL);
        out.clear();
        rlp::encode_list(&mut out, &[&1_u8, &2_u8, &"short", &1_u8, &""]);
        assert_eq!(SyncRequest::decode(&out), Err(PacketError::Bloom { length: 5 }));
    }

    #[test]
    fn a_response_with_its_envelopes() {
        let sent = [envelope(1), envelope(2)];
        let response = SyncResponse::new(&sent, Bytes::from_static(b"next"), false, "none");
        let read = SyncResponse::decode(&response.encode()).unwrap();
        assert_eq!(read, response);
        assert_eq!(read.envelopes().collect::<Result<Vec<_>, _>>().unwrap(), sent);
        let last = SyncResponse::new(&[], Bytes::new(), true, "");
        assert_eq!(last.encode(), [0xc4, 0xc0, 0x80, 0x01, 0x80][..]);
        assert_eq!(SyncResponse::decode(&last.encode()).unwrap().envelopes().count(), 0);
    }

    #[test]
    fn a_malformed_envelope_is_the_last() {
        let mut envelopes = envelope(1).raw().to_vec();
        envelopes.extend_from_slice(&[0xc1, 0x05]);
        envelopes.extend_from_slice(envelope(2).raw());
        let bad = SyncResponse {
            envelopes: envelopes.into(),
            ..SyncResponse::new(&[], Bytes::new(), true, "")
        };
        let read: Vec<_> = bad.envelopes().collect();
        assert!(matches!(read[..], [Ok(_), Err(_)]), "{read:?}");
        for refused in [&[][..], &[0x05], &[0xc0], &[0xc1, 0xc0], &[0xc4, 0xc0, 0x80, 0x02, 0x80]] {
            let refused = SyncResponse::decode(&Bytes::copy_from_slice(refused));
            assert!(matches!(refused, Err(PacketError::Rlp(_))), "{refused:?}");
        }
    }
}
