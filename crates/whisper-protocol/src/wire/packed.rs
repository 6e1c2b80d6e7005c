//! Envelopes to be sent, packed in one buffer.

use std::ops::Range;

use bytes::{BufMut as _, Bytes, BytesMut};
use p2p_mux::rlp::Header;

/// Bytes left free before the first envelope. The header of the list is written there at the end, so that no envelope
/// is moved.
const HEADROOM: usize = 9;

/// Envelopes to be sent, one after another in one buffer, with the bytes in which they arrived.
#[derive(Debug, Default)]
pub(crate) struct PackedEnvelopes {
    /// Begins with the headroom if there is an envelope.
    buffer: BytesMut,
    /// The end of each envelope in the buffer.
    ends: Vec<usize>,
}

impl PackedEnvelopes {
    /// Appends an envelope. `expected`: the estimated number of bytes of all envelopes.
    pub(crate) fn push(&mut self, raw: &[u8], expected: usize) {
        if self.ends.is_empty() {
            self.buffer.reserve(HEADROOM + expected.max(raw.len()));
            self.buffer.put_bytes(0, HEADROOM);
        }
        self.buffer.extend_from_slice(raw);
        self.ends.push(self.buffer.len());
    }

    /// Number of bytes of all envelopes.
    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len().saturating_sub(HEADROOM)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn spans(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = [HEADROOM].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| start..*end)
    }

    /// Encodes one list of all envelopes.
    pub(crate) fn into_list(mut self) -> Bytes {
        if self.is_empty() {
            self.buffer.put_bytes(0, HEADROOM);
        }
        let mut header = [0; HEADROOM];
        let mut free = header.as_mut_slice();
        Header { list: true, payload_length: self.bytes() }.encode(&mut free);
        let length = HEADROOM - free.len();
        let start = HEADROOM - length;
        self.buffer[start..HEADROOM].copy_from_slice(&header[..length]);
        self.buffer.freeze().slice(start..)
    }

    /// Encodes each envelope by itself.
    pub(crate) fn into_each(self) -> Vec<Bytes> {
        let spans: Vec<_> = self.spans().collect();
        let buffer = self.buffer.freeze();
        spans.into_iter().map(|span| buffer.slice(span)).collect()
    }
}

#[cfg(test)]
mod tests {
    use p2p_mux::rlp::Item;

    use super::*;

    fn packed(raws: &[Vec<u8>]) -> PackedEnvelopes {
        let mut packed = PackedEnvelopes::default();
        raws.iter().for_each(|raw| packed.push(raw, 0));
        packed
    }

    #[test]
    fn a_list_of_any_length_has_its_header_before_it() {
        for count in [0, 1, 2, 60, 1000, 70_000] {
            // A string of one byte is its own encoding.
            let raws: Vec<Vec<u8>> = (0..0x80).cycle().take(count).map(|byte| vec![byte]).collect();
            let list = packed(&raws).into_list();
            let read: Vec<Vec<u8>> = Item::parse(&list)
                .unwrap()
                .items()
                .unwrap()
                .map(|it| it.unwrap().raw().to_vec())
                .collect();
            assert_eq!(read, raws, "{count}");
        }
    }

    #[test]
    fn each_is_what_was_pushed() {
        let raws = [vec![1; 300], vec![2; 10], vec![3; 1000]];
        let packed = packed(&raws);
        assert_eq!(packed.bytes(), 1310);
        assert_eq!(packed.into_each(), raws);
        assert_eq!(PackedEnvelopes::default().into_each().len(), 0);
    }
}
