//! The messages of a transfer: the payloads of Whisper messages, as RLP.

use p2p_mux::rlp::rlp_list;

/// Size of a piece, in bytes. The last one is shorter.
pub(super) const PIECE_BYTES: u32 = 32 * 1024;

/// Maximum number of pieces that are asked for at once.
pub(super) const MAX_WANTED: usize = 16;

/// A message of a transfer. `id`: the beginning of the hash of the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileMessage {
    /// A file can be had: `[0, magic, hash, size, name]`. The hash is Keccak-256 of the content.
    Offer { magic: [u8; 4], hash: [u8; 32], size: u64, name: String },
    /// Pieces are wanted: `[1, magic, id, [number ..]]`.
    Want { magic: [u8; 4], id: [u8; 16], pieces: Vec<u64> },
    /// A piece: `[2, magic, id, number, content]`.
    Piece { magic: [u8; 4], id: [u8; 16], number: u64, content: Vec<u8> },
    /// A receiver has the whole file: `[3, magic, id]`.
    Done { magic: [u8; 4], id: [u8; 16] },
}

rlp_list!(enum FileMessage {
    0 => Offer { magic, hash, size, name },
    1 => Want { magic, id, pieces },
    2 => Piece { magic, id, number, content as bytes },
    3 => Done { magic, id },
});

/// Tells these messages from others on the topic.
pub(super) const MAGIC: [u8; 4] = *b"wnf1";

/// The id of a file with this hash.
pub(super) fn id_of(hash: &[u8; 32]) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id
}

/// Number of pieces of a file of this size.
pub(super) fn pieces_of(size: u64) -> u64 {
    size.div_ceil(PIECE_BYTES.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        let (magic, id) = (MAGIC, [7; 16]);
        let all = [
            FileMessage::Offer { magic, hash: [1; 32], size: 5, name: "a b".to_owned() },
            FileMessage::Want { magic, id, pieces: vec![0, 300] },
            FileMessage::Piece { magic, id, number: 3, content: vec![0, 1] },
            FileMessage::Done { magic, id },
        ];
        for message in all {
            let bytes = p2p_mux::rlp::encode(&message);
            assert_eq!(p2p_mux::rlp::decode(&bytes), Ok(message));
        }
        assert!(p2p_mux::rlp::decode::<FileMessage>(b"alice: hello").is_err());
    }

    #[test]
    fn the_last_piece_may_be_short() {
        let piece = u64::from(PIECE_BYTES);
        assert_eq!([0, 1, piece, piece + 1].map(pieces_of), [0, 1, 1, 2]);
    }
}
