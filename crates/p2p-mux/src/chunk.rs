//! `chunk/1`: the messages that carry pieces of other messages. `CHUNK.md` is the specification.
//!
//! What a receiver makes of the pieces is in `assembly`, when they are cut in `schedule`.

use bytes::{Bytes, BytesMut};
use rlp_codec::{List, decode_list, encode_list};
use thiserror::Error;

use crate::{Capability, Offer, SharedCapability, SlotSettings};

const NAME: &str = "chunk";
const VERSION: u64 = 1;
const BEGIN: u64 = 0;
const MORE: u64 = 1;
const ABORT: u64 = 2;
/// How many message ids it has.
const LENGTH: u64 = ABORT + 1;

/// A payload up to this size is sent plain.
pub(crate) const PLAIN: usize = 32 * 1024;

/// How many bytes of a message we send in one piece. Half of what is allowed: what it costs to seal
/// is how long the next message waits, and the 60 bytes of a frame are still nothing beside it.
pub(crate) const PIECE: usize = 16 * 1024;

/// The longest payload of one message of `chunk/1`.
const MAX_PAYLOAD: usize = 32 * 1024;

/// The message ids of `chunk/1` on a connection whose two ends both have it.
///
/// For those who drive a [`Connection`](crate::Connection) themselves; [`exchange_hello`](crate::exchange_hello) does
/// this by itself. Announce its [`capability`](Self::capability) and negotiate with its
/// [`offer`](Self::offer) among the others; then [`take`](Self::take) it out of what is shared, as it
/// is no slot, and give it to the connection ([`with_chunks`](crate::Connection::with_chunks)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    offset: u64,
}

/// One message of `chunk/1`. The ids in it are those on the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    /// A message of `length` bytes begins with these.
    Begin { id: u64, length: u64, data: Bytes },
    /// It goes on with these.
    More { id: u64, data: Bytes },
    /// It will not be finished.
    Abort { id: u64 },
}

/// What a peer did that `chunk/1` forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// It is not the RLP that it should be.
    #[error("malformed: {0}")]
    Malformed(#[from] rlp_codec::Error),
    /// The payload of one piece is longer than 32 KiB.
    #[error("a piece of {0} bytes")]
    TooLong(usize),
    /// A piece without data.
    #[error("an empty piece")]
    Empty,
    /// A piece of a message that is for no sub-protocol.
    #[error("a piece of a message for nobody, id {id:#x}")]
    UnknownId {
        /// The message's id on the wire.
        id: u64,
    },
    /// A message longer than [`Config::max_message`](crate::Config::max_message).
    #[error("a message of {length} bytes in pieces, {limit} are allowed")]
    Oversized {
        /// What it was to have.
        length: u64,
        /// What is allowed.
        limit: usize,
    },
    /// A message of a sub-protocol, whole or in pieces, while another one is unfinished.
    #[error("message id {id:#x} inside another message of the same sub-protocol")]
    Unfinished {
        /// The id of the message that came between.
        id: u64,
    },
    /// A piece of a message that was never begun.
    #[error("a piece of a message that has not begun, id {id:#x}")]
    NotBegun {
        /// The message's id on the wire.
        id: u64,
    },
    /// More bytes than the message was to have.
    #[error("more bytes than announced, message id {id:#x}")]
    Overrun {
        /// The message's id on the wire.
        id: u64,
    },
}

impl Chunks {
    /// `chunk/1`, as it is announced in Hello.
    #[must_use]
    pub fn capability() -> Capability {
        Capability::new(NAME, VERSION)
    }

    /// What to add to the offers with which [`negotiate`](crate::negotiate) is called.
    #[must_use]
    pub fn offer() -> Offer {
        Offer { capability: Self::capability(), length: LENGTH, settings: SlotSettings::default() }
    }

    /// Takes it out of what is shared, if it is there: it has message ids, but is no slot.
    #[must_use]
    pub fn take(shared: &mut Vec<SharedCapability>) -> Option<Self> {
        let index = shared.iter().position(|shared| Self::is(&shared.capability))?;
        Some(Self { offset: shared.remove(index).offset })
    }

    /// The code of the message `id` within `chunk/1`, if it is one of its messages.
    pub(crate) fn code(self, id: u64) -> Option<u64> {
        id.checked_sub(self.offset).filter(|&code| code < LENGTH)
    }

    /// The piece of the message `id` that has `data`, which begin at `start` of its `length` bytes:
    /// message id and payload.
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

    /// With its first id there.
    #[cfg(test)]
    pub(crate) const fn at(offset: u64) -> Self {
        Self { offset }
    }

    fn is(capability: &Capability) -> bool {
        capability.name == NAME && capability.version == VERSION
    }

    /// Whether a sub-protocol called `capability` takes the place of this one.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_replaced_by(capability: &Capability) -> bool {
        capability.name == NAME
    }
}

impl Piece {
    /// Reads a message of `chunk/1`. The data are a part of `payload`, not a copy.
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

    /// The id of the message of which this is a piece.
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
