//! A datagram: a packet with its hash and signature.

use bytes::{BufMut as _, Bytes, BytesMut};
use keccak_lanes::{Digest, keccak256};
use p2p_identity::{NodeId, SecretKey, Signature};

use super::{DatagramError, Packet, PacketKind};

/// Maximum size of a datagram in bytes.
pub const MAX_DATAGRAM: usize = 1280;

const HASH: usize = 32;
const SIGNATURE: usize = 65;
/// The bytes before the body: hash, signature, kind.
const HEAD: usize = HASH + SIGNATURE + 1;

/// A received datagram: `hash ‖ signature ‖ kind ‖ body`. Only its size and kind have been checked.
///
/// The other checks are separate methods, so that a receiver can drop a datagram before the costly
/// ones: [`check_hash`](Self::check_hash), [`packet`](Self::packet), [`signer`](Self::signer).
///
/// ```
/// use p2p_discovery::v4::{Datagram, EnrRequest, Packet};
/// use p2p_identity::SecretKey;
///
/// let key = SecretKey::generate();
/// let packet = Packet::EnrRequest(EnrRequest { expiration: 1_700_000_000 });
/// let sealed = packet.seal(&key)?;
///
/// let datagram = Datagram::parse(&sealed.bytes)?;
/// datagram.check_hash()?;
/// assert_eq!((datagram.packet()?, datagram.signer()?), (packet, key.id()));
/// # Ok::<_, p2p_discovery::v4::DatagramError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    hash: &'a Digest,
    /// The bytes that the hash covers: signature, kind, body.
    hashed: &'a [u8],
    signature: &'a [u8; SIGNATURE],
    kind: PacketKind,
}

impl<'a> Datagram<'a> {
    /// Checks the size and the kind.
    ///
    /// # Errors
    ///
    /// [`DatagramError::TooShort`], [`DatagramError::TooLong`], [`DatagramError::Kind`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DatagramError> {
        let len = bytes.len();
        if len > MAX_DATAGRAM {
            return Err(DatagramError::TooLong { len });
        }
        let short = DatagramError::TooShort { len };
        let (hash, hashed) = bytes.split_first_chunk().ok_or(short)?;
        let (signature, signed) = hashed.split_first_chunk().ok_or(short)?;
        let [kind, _, ..] = *signed else { return Err(short) };
        let kind = PacketKind::from_byte(kind).ok_or(DatagramError::Kind(kind))?;
        Ok(Self { hash, hashed, signature, kind })
    }

    /// The kind of the packet.
    #[must_use]
    pub const fn kind(&self) -> PacketKind {
        self.kind
    }

    /// The hash that the datagram carries, unchecked. The answer to a ping or a record request refers to
    /// the request by it.
    #[must_use]
    pub const fn hash(&self) -> &'a Digest {
        self.hash
    }

    /// Checks the hash. Takes about 0.3 µs for a ping.
    ///
    /// # Errors
    ///
    /// [`DatagramError::Hash`].
    pub fn check_hash(&self) -> Result<(), DatagramError> {
        if keccak256(self.hashed) == *self.hash { Ok(()) } else { Err(DatagramError::Hash) }
    }

    /// Decodes the body. Takes about 0.1 µs for a ping.
    ///
    /// # Errors
    ///
    /// [`DatagramError::Body`].
    pub fn packet(&self) -> Result<Packet, DatagramError> {
        Ok(Packet::decode_body(self.kind, &self.hashed[SIGNATURE + 1..])?)
    }

    /// Recovers the signer. Takes about 30 µs.
    ///
    /// # Errors
    ///
    /// [`DatagramError::Signature`]. A changed packet usually gives no error but an unrelated key.
    pub fn signer(&self) -> Result<NodeId, DatagramError> {
        let digest = keccak256(&self.hashed[SIGNATURE..]);
        Ok(Signature::from_bytes(self.signature)?.recover(&digest)?.id())
    }
}

/// A packet ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPacket {
    /// The whole datagram.
    pub bytes: Bytes,
    /// Its hash, by which the answer refers to it.
    pub hash: Digest,
}

impl Packet {
    /// Signs the packet and makes a datagram of it.
    ///
    /// # Errors
    ///
    /// [`DatagramError::TooLong`] if it does not fit a datagram, which is possible only with too many
    /// neighbours, or with bytes in [`EnrResponse`](super::EnrResponse) that are not a record.
    pub fn seal(&self, key: &SecretKey) -> Result<SealedPacket, DatagramError> {
        let mut bytes = BytesMut::with_capacity(256);
        bytes.put_bytes(0, HEAD - 1);
        bytes.put_u8(self.kind() as u8);
        self.encode_body(&mut bytes);
        if bytes.len() > MAX_DATAGRAM {
            return Err(DatagramError::TooLong { len: bytes.len() });
        }
        let signature = key.sign(&keccak256(&bytes[HEAD - 1..]));
        bytes[HASH..HEAD - 1].copy_from_slice(&signature.to_bytes());
        let hash = keccak256(&bytes[HASH..]);
        bytes[..HASH].copy_from_slice(&hash);
        Ok(SealedPacket { bytes: bytes.freeze(), hash })
    }
}
