//! The receiving direction.

use bytes::{Buf, Bytes, BytesMut};

use super::directory::Pieces;
use super::library::Place;
use super::schedule::Keys;
use super::{HEADER_SIZE, MAX_PLAINTEXT, Part, Piece, PieceError, TAG_SIZE};
use crate::{FrameError, MAX_PAYLOAD, Message};

/// Opens records, in the order in which they arrive.
pub(crate) struct RecordOpener {
    keys: Keys,
    /// The rest of the record that was opened last.
    pieces: Pieces,
    /// The message that arrives in pieces, where whole messages are read.
    unfinished: Option<Unfinished>,
    limit: usize,
    failed: bool,
    records: u64,
}

/// A message that is not complete.
struct Unfinished {
    code: u64,
    length: usize,
    payload: BytesMut,
}

impl RecordOpener {
    pub(super) fn new(keys: Keys) -> Self {
        Self {
            keys,
            pieces: Pieces::default(),
            unfinished: None,
            limit: MAX_PAYLOAD,
            failed: false,
            records: 0,
        }
    }

    /// Maximum length of a message.
    pub(crate) fn set_limit(&mut self, max_payload: usize) {
        self.limit = max_payload.min(MAX_PAYLOAD);
    }

    pub(crate) const fn is_failed(&self) -> bool {
        self.failed
    }

    /// Records that were opened.
    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    /// Whether all pieces of the last record were taken, and no message is unfinished.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.pieces.is_empty() && self.unfinished.is_none()
    }

    /// Size of the next record with its header, as far as `input` says it.
    pub(crate) fn needs(&self, input: &[u8]) -> usize {
        let body =
            input.first_chunk().map_or(TAG_SIZE, |header| usize::from(u16::from_be_bytes(*header)));
        HEADER_SIZE + body.min(MAX_PLAINTEXT + TAG_SIZE)
    }

    /// The next whole message.
    pub(crate) fn open(&mut self, input: &mut BytesMut) -> Result<Option<Message>, FrameError> {
        while let Some(piece) = self.open_piece(input)? {
            match self.add(piece) {
                Ok(None) => {}
                Ok(message) => return Ok(message),
                Err(error) => {
                    self.failed = true;
                    return Err(error.into());
                }
            }
        }
        Ok(None)
    }

    /// The next piece.
    pub(crate) fn open_piece(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, FrameError> {
        if self.failed {
            return Err(FrameError::Failed);
        }
        let piece = self.step(input);
        self.failed = piece.is_err();
        piece
    }

    fn step(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, FrameError> {
        if self.pieces.is_empty() {
            let Some(record) = take_record(input)? else { return Ok(None) };
            self.pieces = Pieces::new(self.decrypt(record)?)?;
        }
        let piece = self.pieces.next()?;
        if self.pieces.is_empty() {
            // The buffer must not be held longer than the messages in it.
            self.pieces = Pieces::default();
        }
        let length = match piece.part {
            Part::Begin { length } => length,
            _ => piece.data.len(),
        };
        if length > self.limit {
            return Err(FrameError::Oversized { size: length, limit: self.limit });
        }
        Ok(Some(piece))
    }

    /// The plaintext of a record.
    fn decrypt(&mut self, mut record: BytesMut) -> Result<Bytes, FrameError> {
        let Some((header, sealed)) = record.split_first_chunk_mut() else {
            return Err(FrameError::Record);
        };
        let (key, nonce) = self.keys.next();
        if !key.open(Place { nonce, header: *header }, sealed) {
            return Err(FrameError::Record);
        }
        self.records += 1;
        record.advance(HEADER_SIZE);
        record.truncate(record.len() - TAG_SIZE);
        Ok(record.freeze())
    }

    /// Adds a piece to the unfinished message. Returns a complete one.
    fn add(&mut self, piece: Piece) -> Result<Option<Message>, PieceError> {
        let Piece { code, part, data } = piece;
        match part {
            Part::Whole => return Ok(Some(Message { code, payload: data })),
            Part::Begin { .. } if self.unfinished.is_some() => {
                return Err(PieceError::Unfinished { code });
            }
            Part::Begin { length } => {
                self.unfinished = Some(Unfinished { code, length, payload: BytesMut::new() });
            }
            Part::More | Part::Abort => {}
        }
        let same = |unfinished: &&mut Unfinished| unfinished.code == code;
        let Some(unfinished) = self.unfinished.as_mut().filter(same) else {
            return Err(PieceError::NotBegun { code });
        };
        if part == Part::Abort {
            self.unfinished = None;
            return Ok(None);
        }
        unfinished.add(&data)?;
        let complete = self.unfinished.take_if(|message| message.payload.len() == message.length);
        Ok(complete.map(|message| Message { code, payload: message.payload.freeze() }))
    }
}

impl Unfinished {
    fn add(&mut self, data: &[u8]) -> Result<(), PieceError> {
        let missing = self.length - self.payload.len();
        if data.len() > missing {
            return Err(PieceError::Overrun { code: self.code });
        }
        if self.payload.capacity() < self.payload.len() + data.len() {
            // Memory for what has arrived, twice as much at most.
            self.payload.reserve(data.len().max(self.payload.len()).min(missing));
        }
        self.payload.extend_from_slice(data);
        Ok(())
    }
}

/// Takes the next record from the input, if it is complete.
fn take_record(input: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
    let Some(&header) = input.first_chunk() else { return Ok(None) };
    let size = usize::from(u16::from_be_bytes(header));
    if !(TAG_SIZE..=MAX_PLAINTEXT + TAG_SIZE).contains(&size) {
        return Err(FrameError::Record);
    }
    let whole = HEADER_SIZE + size;
    Ok((input.len() >= whole).then(|| input.split_to(whole)))
}
