//! A handshake packet on the wire: an ECIES box, with its size in front since EIP-8.

use bytes::{Bytes, BytesMut};
use p2p_identity::{PublicKey, SecretKey, ecies};
use rand_core::CryptoRng;

use super::message::Body;
use super::source::Source;
use crate::HandshakeError;

/// The most that the size in front of an EIP-8 handshake packet may say, in bytes. Packets in use
/// have 300 to 700; the field could say 65 535.
pub const MAX_HANDSHAKE_SIZE: usize = 2048;

/// The size, big-endian, which the box vouches for.
const PREFIX: usize = 2;
/// The first byte of a box: its ephemeral key is an uncompressed point.
const UNCOMPRESSED: u8 = 0x04;

/// The two forms of a handshake packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A bare box of fixed size.
    Plain,
    /// A size and a box with an RLP list and padding.
    Eip8,
}

/// A packet that was received and opened.
pub(super) struct Packet<T> {
    pub(super) body: T,
    pub(super) form: Form,
    /// All of it as it was on the wire: the MACs begin with it.
    pub(super) bytes: Bytes,
}

/// Takes one packet from the front of the input, once it is there.
///
/// Only the first byte tells the two forms apart, and not for certain: where it is that of a box,
/// the packet is plain or an EIP-8 packet of 1024 bytes or more.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// It was tried as plain and is not. Remembered so that a peer that sends byte by byte does
    /// not make us try, at the cost of a multiplication, for each.
    not_plain: bool,
}

impl Reader {
    /// The packet, if it is complete. Bytes after it stay in `input`.
    ///
    /// Asks for at most [`MAX_HANDSHAKE_SIZE`] + 2 bytes before it says yes or no.
    pub(super) fn read<T: Body>(
        &mut self,
        key: &SecretKey,
        input: &mut BytesMut,
    ) -> Result<Option<Packet<T>>, HandshakeError> {
        let Some(&prefix) = input.first_chunk::<PREFIX>() else { return Ok(None) };
        if prefix[0] == UNCOMPRESSED && !self.not_plain {
            let Some(packet) = input.get(..T::PLAIN_PACKET) else { return Ok(None) };
            if let Ok(plain) = ecies::open(key, packet, &[]) {
                let bytes = input.split_to(T::PLAIN_PACKET).freeze();
                return Ok(Some(Packet { body: T::from_plain(&plain)?, form: Form::Plain, bytes }));
            }
            self.not_plain = true;
        }

        let size = usize::from(u16::from_be_bytes(prefix));
        if size > MAX_HANDSHAKE_SIZE {
            return Err(HandshakeError::Oversized { size, limit: MAX_HANDSHAKE_SIZE });
        }
        if size <= ecies::OVERHEAD {
            return Err(HandshakeError::Undersized { size });
        }
        let Some(packet) = input.get(PREFIX..PREFIX + size) else { return Ok(None) };
        let rlp = ecies::open(key, packet, &prefix)?;
        let bytes = input.split_to(PREFIX + size).freeze();
        Ok(Some(Packet { body: T::from_rlp(&rlp)?, form: Form::Eip8, bytes }))
    }
}

/// An EIP-8 packet for the holder of the key `to`.
///
/// It is padded with 100 to 299 zero bytes: enough to be longer than any plain packet, and of a
/// size that does not tell what is inside.
pub(super) fn seal<R: CryptoRng + ?Sized>(
    to: &PublicKey,
    mut rlp: Vec<u8>,
    source: &mut Source<'_, R>,
) -> Vec<u8> {
    rlp.resize(rlp.len() + source.padding(), 0);
    let prefix = prefix(&rlp);
    let sealed = source.seal(to, &rlp, &prefix);
    [&prefix[..], &sealed].concat()
}

/// The size of the packet with this `plaintext`, as it goes in front.
pub(super) fn prefix(plaintext: &[u8]) -> [u8; PREFIX] {
    let [.., high, low] = (plaintext.len() + ecies::OVERHEAD).to_be_bytes();
    [high, low]
}
