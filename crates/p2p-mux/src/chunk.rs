//! `chunk/1`: the messages that carry pieces of other messages. `CHUNK.md` is the specification.
//!
//! `slot/assembly.rs` joins received pieces, and `connection/schedule.rs` cuts sent messages.

use bytes::{Bytes, BytesMut};
use rlp_codec::{List, decode_list, encode_list};
use thiserror::Error;

use crate::{Capability, Offer, SharedCapability, SlotSettings};

const NAME: &str = "chunk";
const VERSION: u64 = 1;
const BEGIN: u64 = 0;
const MORE: u64 = 1;
const ABORT: u64 = 2;
/// Number of message ids.
const LENGTH: u64 = ABORT + 1;

/// Maximum payload that is sent whole, in bytes.
pub(crate) const MAX_WHOLE: usize = 32 * 1024;

/// Bytes of a message in one sent piece: half of the maximum, because the next message of another
/// slot waits while a piece is encrypted. The 60 bytes of a frame are still negligible.
pub(crate) const PIECE: usize = 16 * 1024;

/// Maximum payload of a message of `chunk/1`, in bytes.
const MAX_PAYLOAD: usize = 32 * 1024;

/// The message ids of `chunk/1` on a connection, if both ends have it.
///
/// [`exchange_hello`](crate::exchange_hello) uses it automatically. If you drive a
/// [`Connection`](crate::Connection) yourself:
///
/// 1. Announce the [`capability`](Self::capability).
/// 2. Add the [`offer`](Self::offer) to the offers that you negotiate with.
/// 3. [`take`](Self::take) it out of the shared capabilities, because it has no slot.
/// 4. Pass it to the connection ([`with_chunks`](crate::Connection::with_chunks)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    offset: u64,
}

/// A message of `chunk/1`. The ids in it are message ids of the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    /// A message of `length` bytes begins with `data`.
    Begin { id: u64, length: u64, data: Bytes },
    /// The message continues with `data`.
    More { id: u64, data: Bytes },
    /// The rest of the message will not be sent.
    Abort { id: u64 },
}

/// How a peer violated `chunk/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// A message of `chunk/1` cannot be decoded.
    #[error("malformed piece")]
    Malformed(#[from] rlp_codec::Error),
    /// The payload of a piece is longer than 32 KiB.
    #[error("a piece of {0} bytes, the maximum is {MAX_PAYLOAD}")]
    TooLong(usize),
    /// A piece without data.
    #[error("an empty piece")]
    Empty,
    /// A piece of a message with an id that belongs to no sub-protocol.
    #[error("a piece of a message with the unknown id {id:#x}")]
    UnknownId {
        /// The message id on the connection.
        id: u64,
    },
    /// A message longer than [`Config::max_message`](crate::Config::max_message).
    #[error("a message of {length} bytes in pieces, the maximum is {limit}")]
    Oversized {
        /// Announced length in bytes.
        length: u64,
        /// Maximum length in bytes.
        limit: usize,
    },
    /// A message of a sub-protocol, whole or in pieces, while another one is unfinished.
    #[error("message id {id:#x} inside another message of the same sub-protocol")]
    Unfinished {
        /// The id of the second message.
        id: u64,
    },
    /// A piece of a message that has not begun.
    #[error("a piece of a message that has not begun, id {id:#x}")]
    NotBegun {
        /// The message id on the connection.
        id: u64,
    },
    /// More bytes than the announced length.
    #[error("more bytes than announced, message id {id:#x}")]
    Overrun {
        /// The message id on the connection.
        id: u64,
    },
}

impl Chunks {
    /// The capability `chunk/1`, to announce in Hello.
    #[must_use]
    pub fn capability() -> Capability {
        Capability::new(NAME, VERSION)
    }

    /// The offer of `chunk/1`, to pass to [`negotiate`](crate::negotiate) with the others.
    #[must_use]
    pub fn offer() -> Offer {
        Offer { capability: Self::capability(), length: LENGTH, settings: SlotSettings::default() }
    }

    /// Removes `chunk/1` from the shared capabilities, because it has message ids but no slot. `None`
    /// if it is not among them.
    #[must_use]
    pub fn take(shared: &mut Vec<SharedCapability>) -> Option<Self> {
        let index = shared.iter().position(|shared| Self::is(&shared.capability))?;
        Some(Self { offset: shared.remove(index).offset })
    }

    /// The code of message id `id` within `chunk/1`; `None` if it belongs to another capability.
    pub(crate) fn code(self, id: u64) -> Option<u64> {
        id.checked_sub(self.offset).filter(|&code| code < LENGTH)
    }

    /// Encodes a piece of the message `id` of `length` bytes: `data` from offset `start`. Returns the
    /// message id and the payload of the piece.
    pub(crate) fn encode(
        self,
        id: u64,
        data: &[u8],
        start: usize,
        length: usize,
    ) -> (u64, BytesMut) {
        let mut payload = BytesMut::with_capacity(data.len() + 32);
        if start == 0 {
            encode_list(&mut payload, &[&id, &length, &data]);
            (self.offset + BEGIN, payload)
        } else {
            encode_list(&mut payload, &[&id, &data]);
            (self.offset + MORE, payload)
        }
    }

    /// The ids of `chunk/1` from `offset` on.
    #[cfg(test)]
    pub(crate) const fn at(offset: u64) -> Self {
        Self { offset }
    }

    fn is(capability: &Capability) -> bool {
        capability.name == NAME && capability.version == VERSION
    }

    /// Whether the sub-protocol `capability` replaces this one, because it has the same name.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_replaced_by(capability: &Capability) -> bool {
        capability.name == NAME
    }
}

impl Piece {
    /// Decodes a message of `chunk/1`. The data refers to `payload`; it is not copied.
    pub(crate) fn decode(code: u64, payload: &Bytes) -> Result<Self, ChunkError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(ChunkError::TooLong(payload.len()));
        }
        decode_list(payload, |list| {
            let id = list.uint()?;
            match code {
                BEGIN => {
                    let length = list.uint()?;
                    let data = data(payload, list)?;
                    if data.len() as u64 >= length {
                        return Err(ChunkError::Overrun { id });
                    }
                    Ok(Self::Begin { id, length, data })
                }
                MORE => Ok(Self::More { id, data: data(payload, list)? }),
                _ => Ok(Self::Abort { id }),
            }
        })
    }

    /// The id of the message that this piece belongs to.
    pub(crate) const fn id(&self) -> u64 {
        match self {
            Self::Begin { id, .. } | Self::More { id, .. } | Self::Abort { id } => *id,
        }
    }
}

fn data(payload: &Bytes, list: &mut List<'_>) -> Result<Bytes, ChunkError> {
    let data = list.bytes()?;
    if data.is_empty() { Err(ChunkError::Empty) } else { Ok(payload.slice_ref(data)) }
}
