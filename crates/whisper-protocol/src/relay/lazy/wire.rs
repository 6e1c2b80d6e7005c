//! The messages of `lazy/1`.
//!
//! The specification is `crates/whisper-protocol/LAZY.md`. Decoding any bytes gives a message or a typed error, and uses no
//! more memory than a small multiple of the input.
//!
//! | code | message | |
//! |---|---|---|
//! | 0 | START | the salt of this end; both send it first |
//! | 1 | HAVE | announces envelopes |
//! | 2 | WANT | asks for announced envelopes |
//! | 3 | PUSH | up to which size envelopes are sent without being asked for |
//! | 4 | AGAIN | asks to announce everything again |
//! | 5–7 | reserved; ignored | |

pub use super::short_id::{Salt, ShortId};

use bytes::Bytes;
use p2p_mux::rlp::{self, Encodable, Item, List};

/// The name of the capability.
pub const NAME: &str = "lazy";

/// The version of the capability.
pub const VERSION: u64 = 1;

/// Number of message codes, with those that are reserved.
pub const LENGTH: u64 = 8;

/// Maximum number of ids in one message.
pub const MAX_IDS: usize = 1024;

/// The greatest size class: envelopes of up to 16 MiB.
pub const MAX_CLASS: u8 = 16;

/// Bytes of the largest envelope of class 0.
const CLASS_0: usize = 256;

/// The size class of an envelope with this many bytes: the least `c` for which it has at most 256 · 2^c bytes.
#[must_use]
pub fn class_of(bytes: usize) -> u8 {
    (0..MAX_CLASS).find(|class| bytes <= class_bytes(*class)).unwrap_or(MAX_CLASS)
}

/// Bytes of the largest envelope of a size class.
#[must_use]
pub const fn class_bytes(class: u8) -> usize {
    CLASS_0 << if class < MAX_CLASS { class } else { MAX_CLASS }
}

/// An announced envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The size class of the envelope.
    pub class: u8,
    /// The short id of the envelope, with the salt of the recipient.
    pub id: ShortId,
}

/// A message of `lazy/1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LazyMessage {
    /// Code 0: the salt of this end.
    Start(Salt),
    /// Code 1: this end has these envelopes. At most [`MAX_IDS`].
    Have(Vec<Announced>),
    /// Code 2: asks for these envelopes, which the other end has announced. At most [`MAX_IDS`].
    Want(Vec<ShortId>),
    /// Code 3: from now on, new envelopes of at most this many bytes may be sent to this end at once; 0: none.
    Push(u32),
    /// Code 4: asks to announce everything again that this end may not know.
    Again,
    /// A code that a later version may use.
    Reserved(u64),
}

/// A message of `lazy/1` does not have the format of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LazyMessageError {
    /// The RLP is invalid.
    #[error(transparent)]
    Rlp(#[from] rlp::Error),
    /// There is no such code in version 1.
    #[error("message code {code}; lazy/1 has the codes 0 to 7")]
    Code {
        /// The code.
        code: u64,
    },
    /// The ids of a message are not a multiple of eight bytes, or none.
    #[error("{length} bytes of short ids; each has 8, and there is at least one")]
    Ids {
        /// How many bytes there are.
        length: usize,
    },
    /// A message has too many ids, or none.
    #[error("{count} short ids in one message; 1 to {MAX_IDS} are allowed")]
    Count {
        /// How many there are.
        count: usize,
    },
    /// There is no such size class.
    #[error("size class {class}; the greatest is {MAX_CLASS}")]
    Class {
        /// The class in the message.
        class: u64,
    },
}

impl LazyMessage {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// [`LazyMessageError`].
    pub fn decode(code: u64, payload: &[u8]) -> Result<Self, LazyMessageError> {
        let mut list = match code {
            0..5 => Item::parse(payload)?.items()?,
            code @ 5..LENGTH => return Ok(Self::Reserved(code)),
            code => return Err(LazyMessageError::Code { code }),
        };
        Ok(match code {
            0 => Self::Start(Salt(list.array()?)),
            1 => Self::Have(read_have(&mut list)?),
            2 => {
                let ids: Vec<ShortId> = read_ids(list.bytes()?)?.collect();
                counted(ids.len()).map(|()| Self::Want(ids))?
            }
            3 => Self::Push(list.uint()?),
            _ => Self::Again,
        })
    }

    /// The code and the payload.
    #[must_use]
    pub fn encode(&self) -> (u64, Bytes) {
        match self {
            Self::Start(salt) => (0, list(&[&&salt.0[..]])),
            Self::Have(announced) => (1, encode_have(announced)),
            Self::Want(ids) => (2, list(&[&&concat(ids.iter())[..]])),
            Self::Push(limit) => (3, list(&[limit])),
            Self::Again => (4, list(&[])),
            Self::Reserved(code) => (*code, list(&[])),
        }
    }
}

/// Groups of a size class and ids.
fn read_have(list: &mut List<'_>) -> Result<Vec<Announced>, LazyMessageError> {
    let mut announced = Vec::new();
    while !list.is_empty() {
        let mut group = list.items()?;
        let class: u64 = group.uint()?;
        let class = u8::try_from(class)
            .ok()
            .filter(|class| *class <= MAX_CLASS)
            .ok_or(LazyMessageError::Class { class })?;
        announced.extend(read_ids(group.bytes()?)?.map(|id| Announced { class, id }));
    }
    counted(announced.len()).map(|()| announced)
}

fn read_ids(bytes: &[u8]) -> Result<impl Iterator<Item = ShortId>, LazyMessageError> {
    let (ids, rest) = bytes.as_chunks::<{ ShortId::LEN }>();
    if ids.is_empty() || !rest.is_empty() {
        return Err(LazyMessageError::Ids { length: bytes.len() });
    }
    Ok(ids.iter().map(|id| ShortId(*id)))
}

fn counted(count: usize) -> Result<(), LazyMessageError> {
    match count {
        1..=MAX_IDS => Ok(()),
        count => Err(LazyMessageError::Count { count }),
    }
}

/// The ids of each class together, the classes in order.
fn encode_have(announced: &[Announced]) -> Bytes {
    let group = |class: u8| {
        let ids = concat(announced.iter().filter(|it| it.class == class).map(|it| &it.id));
        (!ids.is_empty()).then(|| list(&[&class, &&ids[..]]))
    };
    let groups: Vec<Bytes> = (0..=MAX_CLASS).filter_map(group).collect();
    let groups: Vec<rlp::Raw<'_>> = groups.iter().map(|group| rlp::Raw(group)).collect();
    let groups: Vec<&dyn Encodable> = groups.iter().map(|group| group as _).collect();
    list(&groups)
}

fn concat<'a>(ids: impl Iterator<Item = &'a ShortId>) -> Vec<u8> {
    ids.flat_map(|id| id.0).collect()
}

/// A list of these items.
fn list(items: &[&dyn Encodable]) -> Bytes {
    let mut out = Vec::with_capacity(rlp::list_length(items));
    rlp::encode_list(&mut out, items);
    out.into()
}

#[cfg(test)]
mod tests;
