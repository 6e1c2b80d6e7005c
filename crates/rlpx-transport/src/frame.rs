//! The layout of a frame (RLPx, "Framing").
//!
//! ```text
//! header (16) ‖ tag (16) ‖ body, padded with zeros to a multiple of 16 ‖ tag (16)
//! header = size of the body before padding (3, big-endian) ‖ header data (C2 80 80) ‖ 0 …
//! body   = message code (RLP integer) ‖ payload
//! ```

use crate::mac::TAG_SIZE;

/// Maximum size of a frame's body with its message code: 2^24 − 1 bytes, the maximum of the size field.
pub const MAX_FRAME_SIZE: usize = 0xff_ffff;

/// Maximum size of a received payload in bytes, compressed and decompressed. It is the initial limit of an
/// [`Opener`](crate::Opener), as in go-ethereum. A payload to be sent must be smaller by the size of
/// the message code.
pub const MAX_PAYLOAD: usize = MAX_FRAME_SIZE;

/// Size of an encrypted header.
pub(crate) const HEADER_SIZE: usize = 16;
/// Size of an encrypted header and its tag.
pub(crate) const SEALED_HEADER_SIZE: usize = HEADER_SIZE + TAG_SIZE;
/// A body is encrypted and hashed in pieces of this size, so that a piece is still in the processor's L1 cache
/// when it is hashed.
pub(crate) const PIECE_BYTES: usize = 16 * 1024;
/// Maximum size of a message code: a `u64` with its RLP header.
pub(crate) const MAX_CODE_SIZE: usize = 9;

/// `[0, 0]`: the capability id and context id of a multiplexing scheme that was never used.
const HEADER_DATA: [u8; 3] = [0xc2, 0x80, 0x80];

/// The plain header of a frame whose body has `size` bytes, at most [`MAX_FRAME_SIZE`].
pub(crate) const fn header(size: usize) -> [u8; HEADER_SIZE] {
    let [.., high, middle, low] = size.to_be_bytes();
    let [a, b, c] = HEADER_DATA;
    [high, middle, low, a, b, c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// The size of the body that a plain header announces. The header data is ignored: some peers write other
/// values there.
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
    fn only_the_size_of_a_header_is_read() {
        for body in [1, 15, 16, 255, 256, 65_535, 65_536, MAX_FRAME_SIZE] {
            let mut header = header(body);
            assert_eq!(header[3..6], HEADER_DATA);
            header[3..].fill(0xff); // ignored
            assert_eq!(size(&header), body);
        }
    }

    #[test]
    fn bodies_are_padded_to_blocks() {
        assert_eq!([1, 16, 17].map(padded), [16, 16, 32]);
        assert_eq!(sealed(17), 48);
    }
}
