//! A packet with its hash and signature: what a datagram holds.

use bytes::{BufMut as _, Bytes, BytesMut};
use keccak_lanes::{Digest, keccak256};
use p2p_identity::{NodeId, SecretKey, Signature};

use super::{Packet, PacketError, PacketKind};

/// The most bytes that a datagram may have.
pub const MAX_DATAGRAM: usize = 1280;

const HASH: usize = 32;
const SIGNATURE: usize = 65;
/// Hash, signature, kind.
const HEAD: usize = HASH + SIGNATURE + 1;

/// A datagram as it arrived: `hash ‖ signature ‖ kind ‖ body`. Nothing of it has been checked but
/// its size and that the kind is one of discv4.
///
/// The rest is done step by step, the cheap before the costly, so that a receiver can drop a
/// datagram for any reason in between:
/// [`check_hash`](Self::check_hash), [`packet`](Self::packet), [`signer`](Self::signer).
///
/// ```
/// use p2p_discovery::v4::{Datagram, EnrRequest, Packet};
/// use p2p_identity::SecretKey;
///
/// let key = SecretKey::random(&mut rand::rng());
/// let packet = Packet::EnrRequest(EnrRequest { expiration: 1_700_000_000 });
/// let sealed = packet.seal(&key)?;
///
/// let datagram = Datagram::parse(&sealed.bytes)?;
/// datagram.check_hash()?;
/// assert_eq!((datagram.packet()?, datagram.signer()?), (packet, key.id()));
/// # Ok::<_, p2p_discovery::v4::PacketError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    hash: &'a Digest,
    /// What the hash covers: signature, kind, body.
    hashed: &'a [u8],
    signature: &'a [u8; SIGNATURE],
    kind: PacketKind,
}

impl<'a> Datagram<'a> {
    /// Looks at the size and the kind.
    ///
    /// # Errors
    ///
    /// [`PacketError::TooShort`], [`PacketError::TooLong`], [`PacketError::Kind`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let len = bytes.len();
        if len > MAX_DATAGRAM {
            return Err(PacketError::TooLong { len });
        }
        let short = PacketError::TooShort { len };
        let (hash, hashed) = bytes.split_first_chunk().ok_or(short)?;
        let (signature, signed) = hashed.split_first_chunk().ok_or(short)?;
        let [kind, _, ..] = *signed else { return Err(short) };
        let kind = PacketKind::from_byte(kind).ok_or(PacketError::Kind(kind))?;
        Ok(Self { hash, hashed, signature, kind })
    }

    /// The kind that the datagram says it is of.
    #[must_use]
    pub const fn kind(&self) -> PacketKind {
        self.kind
    }

    /// The hash that the datagram says it has: by it a ping or a record request is answered.
    #[must_use]
    pub const fn hash(&self) -> &'a Digest {
        self.hash
    }

    /// Checks the hash: some 0.3 µs for a ping.
    ///
    /// # Errors
    ///
    /// [`PacketError::Hash`].
    pub fn check_hash(&self) -> Result<(), PacketError> {
        if keccak256(self.hashed) == *self.hash { Ok(()) } else { Err(PacketError::Hash) }
    }

    /// Reads the body: some 0.1 µs for a ping.
    ///
    /// # Errors
    ///
    /// [`PacketError::Body`].
    pub fn packet(&self) -> Result<Packet, PacketError> {
        Ok(Packet::decode_body(self.kind, &self.hashed[SIGNATURE + 1..])?)
    }

    /// Who signed it: some 30 µs, whatever is in it.
    ///
    /// # Errors
    ///
    /// [`PacketError::Signature`]. Of a changed packet the signer is some unrelated key, not an
    /// error.
    pub fn signer(&self) -> Result<NodeId, PacketError> {
        let digest = keccak256(&self.hashed[SIGNATURE..]);
        Ok(Signature::from_bytes(self.signature)?.recover(&digest)?.id())
    }
}

/// A packet ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPacket {
    /// The whole datagram.
    pub bytes: Bytes,
    /// Its hash, by which the answer will refer to it.
    pub hash: Digest,
}

impl Packet {
    /// Signs the packet.
    ///
    /// # Errors
    ///
    /// [`PacketError::TooLong`] if it does not fit a datagram: only too many neighbours, or bytes
    /// that are no record, can make that.
    pub fn seal(&self, key: &SecretKey) -> Result<SealedPacket, PacketError> {
        let mut bytes = BytesMut::with_capacity(256);
        bytes.put_bytes(0, HEAD - 1);
        bytes.put_u8(self.kind() as u8);
        self.encode_body(&mut bytes);
        if bytes.len() > MAX_DATAGRAM {
            return Err(PacketError::TooLong { len: bytes.len() });
        }
        let signature = key.sign(&keccak256(&bytes[HEAD - 1..]));
        bytes[HASH..HEAD - 1].copy_from_slice(&signature.to_bytes());
        let hash = keccak256(&bytes[HASH..]);
        bytes[..HASH].copy_from_slice(&hash);
        Ok(SealedPacket { bytes: bytes.freeze(), hash })
    }
}
