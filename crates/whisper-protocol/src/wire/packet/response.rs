//! Code 12: the refused envelopes of a bundle.

use bytes::{Bytes, BytesMut};
use p2p_mux::rlp::{self, BufMut, Encodable, Item, List};

use super::{PacketError, text};

/// The only version of the packet.
const VERSION: u64 = 1;

/// The envelopes of a bundle that a peer refused; none if it accepted all.
///
/// Sent before an [`Ack`](super::Ack), to peers that announced confirmations in their status:
/// `[1, [hash of the bundle, [[hash of an envelope, code, text]..]]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Keccak-256 of the bundle's body, as in [`Ack`](super::Ack).
    pub bundle: [u8; 32],
    /// The envelopes that were refused.
    pub refused: Vec<RefusedEnvelope>,
}

/// An envelope that a peer refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEnvelope {
    /// Keccak-256 of the envelope.
    pub hash: [u8; 32],
    /// The reason as a number. In the specification, 1 is a clock difference; the releases of status-im number their
    /// reasons differently, so use the [`text`](Self::text).
    pub code: u64,
    /// The reason as text, at most 256 bytes. It may be any text, so quote it.
    pub text: String,
}

impl RefusedEnvelope {
    /// A clock difference, in the specification.
    pub const CLOCK: u64 = 1;
    /// Any other reason; this node sends it.
    pub const OTHER: u64 = 2;

    /// Whether the [`code`](Self::code) means a clock difference in the specification or in some release. In another
    /// release, 37 means any other reason.
    #[must_use]
    pub fn may_be_the_clock(&self) -> bool {
        // The specification; status-im/whisper; status-go 0.49 with shh and with waku; 0.56.9.
        [Self::CLOCK, 36, 37, 34, 21].contains(&self.code)
    }

    fn read(mut list: List<'_>) -> Result<Self, PacketError> {
        Ok(Self { hash: list.array()?, code: list.uint()?, text: text(list.bytes()?) })
    }
}

impl Response {
    /// Reads the body of a packet. Further elements and bytes after it are ignored.
    ///
    /// # Errors
    ///
    /// [`PacketError::Rlp`] and [`PacketError::Version`].
    pub fn decode(payload: &[u8]) -> Result<Self, PacketError> {
        let (item, _) = Item::parse_prefix(payload)?;
        let mut versioned = item.items()?;
        let theirs = versioned.uint()?;
        if theirs != VERSION {
            return Err(PacketError::Version { theirs });
        }
        let mut list = versioned.items()?;
        let bundle = list.array()?;
        let refused = list.items()?.map(|item| RefusedEnvelope::read(item?.items()?));
        Ok(Self { bundle, refused: refused.collect::<Result<_, PacketError>>()? })
    }

    /// Encodes the body of the packet.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut response = Vec::new();
        rlp::encode_list(&mut response, &[&self.bundle, &self.refused]);
        let mut out = BytesMut::new();
        rlp::encode_list(&mut out, &[&VERSION, &rlp::Raw(&response)]);
        out.freeze()
    }
}

impl Encodable for RefusedEnvelope {
    fn encode(&self, out: &mut dyn BufMut) {
        rlp::encode_list(out, &[&self.hash, &self.code, &self.text]);
    }

    fn length(&self) -> usize {
        rlp::list_length(&[&self.hash, &self.code, &self.text])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u64, text: &str) -> RefusedEnvelope {
        RefusedEnvelope { hash: [9; 32], code, text: text.into() }
    }

    /// The body, written by hand.
    fn body() -> Vec<u8> {
        let envelope = [&[0xe4, 0xa0][..], &[9; 32], &[36, 0x81, 0xff]].concat();
        let list = [&[0xc0 + 37][..], &envelope].concat();
        let inner = [&[0xf8, 71, 0xa0][..], &[7; 32], &list].concat();
        [&[0xf8, 74, 0x01][..], &inner].concat()
    }

    #[test]
    fn as_status_im_writes_it() {
        let expected = Response { bundle: [7; 32], refused: vec![refused(36, "\u{fffd}")] };
        assert_eq!(Response::decode(&body()), Ok(expected.clone()), "text that is no text");
        assert_eq!(Response::decode(&expected.encode()), Ok(expected));
        let nothing = Response { bundle: [7; 32], refused: Vec::new() };
        assert_eq!(Response::decode(&nothing.encode()), Ok(nothing));
    }

    #[test]
    fn quirk_6_9_the_codes_of_all_releases_are_accepted() {
        for (code, clock) in
            [(1, true), (36, true), (37, true), (34, true), (21, true), (2, false), (38, false)]
        {
            let response = Response { bundle: [7; 32], refused: vec![refused(code, "why")] };
            assert_eq!(Response::decode(&response.encode()), Ok(response.clone()));
            assert_eq!(response.refused[0].may_be_the_clock(), clock, "{code}");
        }
        for code in [35, 22, 0, u64::MAX] {
            assert!(!refused(code, "why").may_be_the_clock());
        }
    }

    #[test]
    fn long_words_are_cut() {
        let long = "é".repeat(1000);
        let response = Response { bundle: [7; 32], refused: vec![refused(1, &long)] };
        let read = Response::decode(&response.encode()).unwrap();
        assert_eq!(read.refused[0].text, long[..256]);
        let nonsense = Response { refused: vec![refused(1, "")], ..response };
        assert_eq!(Response::decode(&nonsense.encode()), Ok(nonsense));
    }

    #[test]
    fn what_is_no_response() {
        let mut of_another_version = body();
        of_another_version[2] = 2;
        let refused = Response::decode(&of_another_version);
        assert_eq!(refused, Err(PacketError::Version { theirs: 2 }));
        let body = body();
        for length in 0..body.len() {
            assert!(matches!(Response::decode(&body[..length]), Err(PacketError::Rlp(_))));
        }
        for refused in [&[0x01][..], &[0xc0], &[0xc1, 0x01], &[0xc2, 0x01, 0x01]] {
            assert!(matches!(Response::decode(refused), Err(PacketError::Rlp(_))), "{refused:?}");
        }
    }
}
