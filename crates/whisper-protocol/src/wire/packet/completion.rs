//! Code 125: a mail server has answered a request.

use bytes::Bytes;
use p2p_mux::rlp::{self, Item};

use super::{PacketError, text};

/// Where the next part of an answer begins: the time and the hash of an envelope. Only the server that made it
/// interprets it.
pub type Cursor = [u8; 36];

/// Prefix of the answer to a failed request.
const ERROR: &[u8] = b"ERROR=";

/// The end of a mail server's answer to a request. The envelopes were sent before it, as direct messages.
///
/// The body is one string: the id of the request, then, if there are any, the hash of the last envelope and the cursor;
/// or `ERROR=`, the id, and the reason as text.
///
/// ```
/// use whisper_protocol::packet::Completion;
///
/// let done = Completion::Done { request: [1; 32], last: Some([2; 32]), cursor: None };
/// assert_eq!(Completion::decode(&done.encode()), Ok(done));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// All matching envelopes were sent, or as many as were requested.
    Done {
        /// The id of the request: the hash of its envelope, or the id that it contains.
        request: [u8; 32],
        /// The hash of the last envelope that was sent; `None` if none was sent, or if the server does not tell it.
        last: Option<[u8; 32]>,
        /// Where the next part begins; `None` at the end.
        cursor: Option<Cursor>,
    },
    /// The server could not answer.
    Failed {
        /// The id of the request.
        request: [u8; 32],
        /// The reason as text, at most 256 bytes. It may be any text, so quote it.
        text: String,
    },
}

impl Completion {
    /// Reads the body of a packet. Bytes after it are ignored.
    ///
    /// # Errors
    ///
    /// [`PacketError::Rlp`] and [`PacketError::Completion`].
    pub fn decode(payload: &[u8]) -> Result<Self, PacketError> {
        let (item, _) = Item::parse_prefix(payload)?;
        let bytes = item.bytes()?;
        let wrong = PacketError::Completion { length: bytes.len() };
        if let Some(failed) = bytes.strip_prefix(ERROR) {
            let (request, reason) = failed.split_first_chunk().ok_or(wrong)?;
            return Ok(Self::Failed { request: *request, text: text(reason) });
        }
        let (request, rest) = bytes.split_first_chunk().ok_or(wrong)?;
        let (last, cursor) = match rest.split_first_chunk() {
            None if rest.is_empty() => (None, None),
            Some((last, [])) => (Some(*last), None),
            Some((last, cursor)) => (Some(*last), Some(cursor.try_into().map_err(|_| wrong)?)),
            None => return Err(wrong),
        };
        Ok(Self::Done { request: *request, last, cursor })
    }

    /// Encodes the body of the packet. A cursor without a last envelope is written after a hash of zeros, because the
    /// format has no other way.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::new();
        match self {
            Self::Done { request, last, cursor } => {
                bytes.extend_from_slice(request);
                if last.is_some() || cursor.is_some() {
                    bytes.extend_from_slice(&last.unwrap_or_default());
                }
                bytes.extend_from_slice(cursor.as_ref().map_or(&[], |cursor| &cursor[..]));
            }
            Self::Failed { request, text } => {
                bytes.extend_from_slice(ERROR);
                bytes.extend_from_slice(request);
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        rlp::encode(&bytes[..]).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<Completion, PacketError> {
        Completion::decode(&rlp::encode(bytes))
    }

    #[test]
    fn three_lengths_and_an_error() {
        let (request, last) = ([1; 32], Some([2; 32]));
        let done = |last, cursor| Ok(Completion::Done { request, last, cursor });
        assert_eq!(decode(&request), done(None, None));
        assert_eq!(decode(&[[1; 32], [2; 32]].concat()), done(last, None));
        let whole = [&request[..], &[2; 32], &[3; 36]].concat();
        assert_eq!(decode(&whole), done(last, Some([3; 36])));
        let failed = [&b"ERROR="[..], &request, b"too old"].concat();
        let expected = Completion::Failed { request, text: "too old".into() };
        assert_eq!(decode(&failed), Ok(expected));
        for completion in [&whole, &failed].map(|bytes| decode(bytes).unwrap()) {
            assert_eq!(Completion::decode(&completion.encode()), Ok(completion));
        }
    }

    #[test]
    fn an_error_with_the_length_of_another_form_is_an_error() {
        for length in [64, 100] {
            let reason = vec![b'!'; length - 6 - 32];
            let bytes = [&b"ERROR="[..], &[1; 32], &reason].concat();
            assert_eq!(bytes.len(), length);
            assert!(matches!(decode(&bytes), Ok(Completion::Failed { .. })));
        }
    }

    #[test]
    fn other_lengths_are_refused() {
        for length in [0, 31, 33, 63, 65, 96, 99, 101, 1000] {
            assert_eq!(decode(&vec![1; length]), Err(PacketError::Completion { length }));
        }
        let cut = [&b"ERROR="[..], &[1; 31]].concat();
        assert_eq!(decode(&cut), Err(PacketError::Completion { length: 37 }));
        for refused in [&[][..], &[0xc0], &[0xb8, 32]] {
            let refused = Completion::decode(refused);
            assert!(matches!(refused, Err(PacketError::Rlp(_))), "{refused:?}");
        }
    }
}
