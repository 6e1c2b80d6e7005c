//! The sending direction.

use bytes::{BufMut, BytesMut};

use super::directory::Directory;
use super::library::Place;
use super::schedule::Keys;
use super::{HEADER_SIZE, MAX_PIECE, MAX_PLAINTEXT, Part, Suite, TAG_SIZE};
use crate::{FrameError, MAX_PAYLOAD};

/// Puts pieces into records, and seals these.
///
/// Small pieces wait for the record to be full, or for [`finish`](Self::finish).
pub(crate) struct RecordSealer {
    keys: Keys,
    /// The data of the pieces in the unfinished record.
    data: Vec<u8>,
    directory: Directory,
    records: u64,
}

impl RecordSealer {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys, data: Vec::new(), directory: Directory::default(), records: 0 }
    }

    pub(crate) const fn suite(&self) -> Suite {
        self.keys.suite()
    }

    /// Records that were sealed.
    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    /// Whether pieces wait for [`finish`](Self::finish).
    pub(crate) fn has_unfinished(&self) -> bool {
        !self.directory.is_empty()
    }

    /// Adds a whole message, in as many pieces as it needs.
    pub(crate) fn put(
        &mut self,
        code: u64,
        payload: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), FrameError> {
        let length = payload.len();
        if length > MAX_PAYLOAD {
            return Err(FrameError::TooLarge { size: length, limit: MAX_PAYLOAD });
        }
        if length <= MAX_PIECE {
            self.put_piece(code, Part::Whole, payload, out);
            return Ok(());
        }
        // At once, so that the sealed bytes are not copied from buffer to buffer.
        let records = length.div_ceil(MAX_PIECE) + 1;
        out.reserve(records * (HEADER_SIZE + MAX_PLAINTEXT + TAG_SIZE));
        let mut part = Part::Begin { length };
        for data in payload.chunks(MAX_PIECE) {
            self.put_piece(code, part, data, out);
            part = Part::More;
        }
        Ok(())
    }

    /// Adds a piece of at most [`MAX_PIECE`] bytes.
    pub(crate) fn put_piece(&mut self, code: u64, part: Part, data: &[u8], out: &mut BytesMut) {
        debug_assert!(data.len() <= MAX_PIECE);
        if !self.directory.has_room(self.data.len(), data.len()) {
            self.finish(out);
        }
        self.directory.push(code, part, data.len());
        // A record that this piece fills is sealed without a copy of the data.
        if self.data.is_empty() && !self.directory.has_room(data.len(), 0) {
            self.seal(data, out);
            return;
        }
        self.data.extend_from_slice(data);
    }

    /// Seals the pieces that wait.
    pub(crate) fn finish(&mut self, out: &mut BytesMut) {
        if self.has_unfinished() {
            let mut data = std::mem::take(&mut self.data);
            self.seal(&data, out);
            data.clear();
            self.data = data;
        }
    }

    /// Frees the memory of the unfinished record, if nothing is in it.
    pub(crate) fn shrink(&mut self) {
        self.directory.shrink();
        if self.data.is_empty() {
            self.data = Vec::new();
        }
    }

    /// Seals a record with these `data` and the entries in the directory.
    fn seal(&mut self, data: &[u8], out: &mut BytesMut) {
        let directory = self.directory.finish();
        let size = data.len() + directory.len() + TAG_SIZE;
        let [.., high, low] = size.to_be_bytes();
        let header = [high, low];
        let start = out.len() + HEADER_SIZE;
        out.reserve(HEADER_SIZE + size);
        out.extend_from_slice(&header);
        out.put_bytes(0, size);
        let (key, nonce) = self.keys.next();
        key.seal(Place { nonce, header }, data, directory, &mut out[start..]);
        self.directory.clear();
        self.records += 1;
    }
}
