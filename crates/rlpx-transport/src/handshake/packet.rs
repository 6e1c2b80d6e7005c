//! A handshake packet on the wire: an ECIES box, in the form of EIP-8 with a size prefix.

use bytes::{Bytes, BytesMut};
use p2p_identity::{PublicKey, SecretKey, ecies};
use rand_core::CryptoRng;

use super::foreign::ForeignProtocol;
use super::key_source::KeySource;
use super::message::Body;
use crate::HandshakeError;
use crate::curve;

/// Maximum size in the prefix of an EIP-8 handshake packet, in bytes. Packets in use have 300 to 700; the
/// prefix could say 65 535.
pub const MAX_HANDSHAKE_SIZE: usize = 2048;

/// Length of the size prefix. The prefix is big-endian and authenticated by the box.
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
    /// The packet as received: the MACs start with it.
    pub(super) bytes: Bytes,
}

/// Takes one packet from the front of the input when it is complete.
///
/// Only the first byte distinguishes the two forms, and not reliably: `0x04` begins a plain packet, or an EIP-8
/// packet of 1024 to 1279 bytes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Whether decrypting it as a plain packet failed. Stored so that it is tried once, at the cost of one
    /// multiplication, and not for every byte that arrives.
    not_plain: bool,
}

impl Reader {
    /// The packet, if it is complete. Bytes after it stay in `input`.
    ///
    /// Needs at most [`MAX_HANDSHAKE_SIZE`] + 2 bytes to decide.
    pub(super) fn read<T: Body>(
        &mut self,
        key: &SecretKey,
        input: &mut BytesMut,
    ) -> Result<Option<Packet<T>>, HandshakeError> {
        let Some(&prefix) = input.first_chunk::<PREFIX>() else { return Ok(None) };
        if prefix[0] == UNCOMPRESSED && !self.not_plain {
            let Some(packet) = input.get(..T::PLAIN_PACKET) else { return Ok(None) };
            if let Ok(plain) = curve::open(key, packet, &[]) {
                let bytes = input.split_to(T::PLAIN_PACKET).freeze();
                return Ok(Some(Packet { body: T::from_plain(&plain)?, form: Form::Plain, bytes }));
            }
            self.not_plain = true;
        }

        let size = usize::from(u16::from_be_bytes(prefix));
        if size > MAX_HANDSHAKE_SIZE {
            if let Some(protocol) = ForeignProtocol::of(prefix) {
                return Err(HandshakeError::Foreign(protocol));
            }
            return Err(HandshakeError::Oversized { size, limit: MAX_HANDSHAKE_SIZE });
        }
        if size <= ecies::OVERHEAD {
            return Err(HandshakeError::Undersized { size });
        }
        let Some(packet) = input.get(PREFIX..PREFIX + size) else { return Ok(None) };
        let rlp = curve::open(key, packet, &prefix)?;
        let bytes = input.split_to(PREFIX + size).freeze();
        Ok(Some(Packet { body: T::from_rlp(&rlp)?, form: Form::Eip8, bytes }))
    }
}

/// An EIP-8 packet for the holder of the key `to`.
///
/// It is padded with 100 to 299 zero bytes, so that it is longer than every plain packet and its size does not
/// reveal its content.
pub(super) fn seal<R: CryptoRng + ?Sized>(
    to: &PublicKey,
    mut rlp: Vec<u8>,
    source: &mut KeySource<'_, R>,
) -> Vec<u8> {
    rlp.resize(rlp.len() + source.padding(), 0);
    let prefix = prefix(&rlp);
    let sealed = source.seal(to, &rlp, &prefix);
    [&prefix[..], &sealed].concat()
}

/// The size prefix of the packet with this `plaintext`.
pub(super) fn prefix(plaintext: &[u8]) -> [u8; PREFIX] {
    let [.., high, low] = (plaintext.len() + ecies::OVERHEAD).to_be_bytes();
    [high, low]
}
