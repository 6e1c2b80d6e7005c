//! How a frame is laid out (RLPx, "Framing").
//!
//! ```text
//! header (16) ‖ tag (16) ‖ body, padded with zeros to a multiple of 16 ‖ tag (16)
//! header = size of the body before padding (3, big-endian) ‖ header data (C2 80 80) ‖ 0 …
//! body   = message code (RLP integer) ‖ payload
//! ```

use crate::mac::TAG_SIZE;

/// The largest body of a frame, message code included, 2^24 − 1 bytes: what the size field holds.
pub const MAX_FRAME_SIZE: usize = 0xff_ffff;

/// The largest payload that can be received, before and after inflating, in bytes. It is also the
/// limit that an [`Opener`](crate::Opener) starts with; go-ethereum has the same. What can be sent
/// is smaller by the size of the message code.
pub const MAX_PAYLOAD: usize = MAX_FRAME_SIZE;

/// The encrypted header.
pub(crate) const HEADER_SIZE: usize = 16;
/// The header and its tag.
pub(crate) const SEALED_HEADER_SIZE: usize = HEADER_SIZE + TAG_SIZE;
/// A body is encrypted and hashed in pieces of so many bytes, so that the second finds in the
/// processor's first cache what the first has just touched.
pub(crate) const PIECE: usize = 16 * 1024;
/// The most that a message code takes: a `u64` with its RLP header.
pub(crate) const MAX_CODE_SIZE: usize = 9;

/// `[0, 0]`: the capability id and context id of a multiplexing scheme that never came to be.
const HEADER_DATA: [u8; 3] = [0xc2, 0x80, 0x80];

/// The plain header of a frame whose body has `size` bytes, at most [`MAX_FRAME_SIZE`].
pub(crate) const fn header(size: usize) -> [u8; HEADER_SIZE] {
    let [.., high, middle, low] = size.to_be_bytes();
    let [a, b, c] = HEADER_DATA;
    [high, middle, low, a, b, c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// The size of the body that a plain header announces. The header data is not looked at: there are
/// peers that write something else there.
pub(crate) const fn size(header: &[u8; HEADER_SIZE]) -> usize {
    u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize
}

/// The size of a body of `size` bytes with its padding.
pub(crate) const fn padded(size: usize) -> usize {
    size.next_multiple_of(16)
}

/// The size of a body of `size` bytes with its padding and its tag.
pub(crate) const fn sealed(size: usize) -> usize {
    padded(size) + TAG_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_its_size_and_nothing_else() {
        for body in [1, 15, 16, 255, 256, 65_535, 65_536, MAX_FRAME_SIZE] {
            let mut header = header(body);
            assert_eq!(header[3..6], HEADER_DATA);
            header[3..].fill(0xff); // whatever a peer writes there
            assert_eq!(size(&header), body);
        }
    }

    #[test]
    fn bodies_are_padded_to_blocks() {
        assert_eq!([1, 16, 17].map(padded), [16, 16, 32]);
        assert_eq!(sealed(17), 48);
    }
}
