//! The content of a record: pieces of messages.
//!
//! ```text
//! plaintext = data of all pieces ‖ entry of each piece ‖ size of all entries (2, big-endian)
//! entry     = kind (2 bits) and size of the data (14 bits), big-endian ‖ code ‖ only in Begin: length of the message
//! ```
//!
//! Code and length are in LEB128. The data comes first, so that a large piece is encrypted directly from the message.

use bytes::{Buf, Bytes};

use super::{MAX_PLAINTEXT, PieceError};

/// Maximum size of the data in a piece, in bytes. A record with one piece of any code has room for it.
pub const MAX_PIECE: usize = MAX_PLAINTEXT - MAX_ENTRY - TRAILER;

/// Maximum size of an entry: kind and size, a code of 64 bits, a length of 32 bits.
const MAX_ENTRY: usize = 2 + 10 + 5;
/// Size of the field after the entries.
const TRAILER: usize = 2;
const SIZE_BITS: u32 = 14;

/// A message, or a part of one, as a record contains it.
///
/// Pieces of one message are in order. Between them there may be other messages, and pieces of messages with other
/// codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The message code.
    pub code: u64,
    /// Which part of the message it is.
    pub part: Part,
    /// The bytes of this part.
    pub data: Bytes,
}

/// Which part of a message a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The first, of a message of `length` bytes. It has some of them, not all.
    Begin {
        /// Length of the message, in bytes.
        length: usize,
    },
    /// The next one. It has at least one byte.
    More,
    /// The rest of the message will not come. It has no bytes.
    Abort,
}

impl Part {
    const fn kind(self) -> u16 {
        match self {
            Self::Whole => 0,
            Self::Begin { .. } => 1,
            Self::More => 2,
            Self::Abort => 3,
        }
    }
}

/// The entries of a record that is being filled.
#[derive(Debug, Default)]
pub(super) struct Directory(Vec<u8>);

impl Directory {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a record with `data` bytes before it has room for a piece of `size` bytes more.
    pub(super) fn has_room(&self, data: usize, size: usize) -> bool {
        data + size + self.0.len() + MAX_ENTRY + TRAILER <= MAX_PLAINTEXT
    }

    /// Adds the entry of a piece with `size` bytes, at most [`MAX_PIECE`].
    pub(super) fn push(&mut self, code: u64, part: Part, size: usize) {
        let size = u16::try_from(size).unwrap_or(u16::MAX);
        debug_assert!(size < 1 << SIZE_BITS);
        self.0.extend_from_slice(&(part.kind() << SIZE_BITS | size).to_be_bytes());
        put_number(&mut self.0, code);
        if let Part::Begin { length } = part {
            put_number(&mut self.0, length as u64);
        }
    }

    /// The end of the plaintext: all entries and their size.
    pub(super) fn finish(&mut self) -> &[u8] {
        let [.., high, low] = self.0.len().to_be_bytes();
        self.0.extend_from_slice(&[high, low]);
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Frees the memory.
    pub(super) fn shrink(&mut self) {
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }
}

/// The pieces of a record that was opened, one after the other.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    data: Bytes,
    entries: Bytes,
}

impl Pieces {
    /// The pieces in this plaintext.
    pub(super) fn new(mut plaintext: Bytes) -> Result<Self, PieceError> {
        let (rest, &size) = plaintext.split_last_chunk::<TRAILER>().ok_or(PieceError::Directory)?;
        let (rest, size) = (rest.len(), usize::from(u16::from_be_bytes(size)));
        let data = rest.checked_sub(size).ok_or(PieceError::Directory)?;
        if size == 0 {
            return Err(PieceError::NoPieces);
        }
        plaintext.truncate(rest);
        let entries = plaintext.split_off(data);
        Ok(Self { data: plaintext, entries })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The next piece. Call it only if there is one.
    pub(super) fn next(&mut self) -> Result<Piece, PieceError> {
        let head = self.entries.try_get_u16().map_err(|_| PieceError::Directory)?;
        let size = usize::from(head & ((1 << SIZE_BITS) - 1));
        let code = get_number(&mut self.entries)?;
        let part = match head >> SIZE_BITS {
            0 => Part::Whole,
            1 => {
                let length = get_number(&mut self.entries)?;
                Part::Begin { length: usize::try_from(length).unwrap_or(usize::MAX) }
            }
            2 => Part::More,
            _ => Part::Abort,
        };
        match part {
            Part::Whole => {}
            Part::Begin { length } if size >= length => return Err(PieceError::Overrun { code }),
            Part::Begin { .. } | Part::More if size > 0 => {}
            Part::Abort if size == 0 => {}
            _ => return Err(PieceError::Data { size }),
        }
        if size > self.data.len() || (self.is_empty() && size < self.data.len()) {
            return Err(PieceError::Directory);
        }
        Ok(Piece { code, part, data: self.data.split_to(size) })
    }
}

/// Appends a number in LEB128: seven bits a byte, the lowest first, the highest bit set in all but the last.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Takes a number in its shortest form.
fn get_number(entries: &mut Bytes) -> Result<u64, PieceError> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = entries.try_get_u8().map_err(|_| PieceError::Directory)?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
            return Err(PieceError::Directory);
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(PieceError::Directory)
}
