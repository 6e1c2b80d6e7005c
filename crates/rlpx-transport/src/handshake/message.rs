//! What is inside a handshake packet: auth and ack, in the RLP form of EIP-8 and in the plain form
//! of before.

use p2p_identity::{NodeId, PublicKey, SecretKey, Signature, ecies};
use rlp_codec::{decode_open_list, encode_list};
use zeroize::Zeroizing;

use super::Nonce;
use super::source::Fresh;
use crate::HandshakeError;

/// The version that we write. What a peer writes is ignored: a higher one promises to be
/// compatible (EIP-8).
const VERSION: u64 = 4;

const SIGNATURE: usize = 65;
const DIGEST: usize = 32;
const ID: usize = 64;
const NONCE: usize = 32;

/// A message that a handshake packet can hold.
pub(super) trait Body: Sized {
    /// The size of a plain packet with it. The old form has no length in front.
    const PLAIN_PACKET: usize;

    /// Reads the plain form.
    fn from_plain(plain: &[u8]) -> Result<Self, HandshakeError>;

    /// Reads the EIP-8 form; more elements and bytes after the list are ignored.
    fn from_rlp(rlp: &[u8]) -> Result<Self, HandshakeError>;
}

/// The initiator's message.
pub(super) struct Auth {
    /// By the initiator's ephemeral key, over `static shared secret XOR nonce`: it proves that the
    /// initiator has its static key, and tells the ephemeral one.
    pub(super) signature: Signature,
    /// The initiator's static key.
    pub(super) key: PublicKey,
    pub(super) nonce: Nonce,
    /// The hash of the ephemeral key, which only the plain form has.
    ephemeral_hash: Option<[u8; DIGEST]>,
}

impl Auth {
    /// By the node whose key is `local`; `secret` is that of the two static keys.
    pub(super) fn new(local: &SecretKey, secret: Zeroizing<[u8; 32]>, fresh: &Fresh) -> Self {
        Self {
            signature: fresh.key.sign(&challenge(secret, &fresh.nonce)),
            key: local.public_key(),
            nonce: fresh.nonce,
            ephemeral_hash: None,
        }
    }

    /// The initiator's ephemeral key, as the recipient finds it; `secret` is that of the two static
    /// keys.
    ///
    /// Some key can be recovered from nearly every signature. If it is not the initiator's, the
    /// two ends come to different secrets, and the first frame is refused.
    pub(super) fn ephemeral(
        &self,
        secret: Zeroizing<[u8; 32]>,
    ) -> Result<PublicKey, HandshakeError> {
        let ephemeral = self.signature.recover(&challenge(secret, &self.nonce))?;
        if self.ephemeral_hash.is_some_and(|hash| hash != ephemeral.id().hash()) {
            return Err(HandshakeError::EphemeralKey);
        }
        Ok(ephemeral)
    }

    pub(super) fn to_rlp(&self) -> Vec<u8> {
        let mut out = Vec::new();
        encode_list(&mut out, &[&self.signature.to_bytes(), &self.key.id(), &self.nonce, &VERSION]);
        out
    }
}

impl Body for Auth {
    /// signature ‖ hash of the ephemeral key ‖ static key ‖ nonce ‖ a flag that is always 0
    const PLAIN_PACKET: usize = SIGNATURE + DIGEST + ID + NONCE + 1 + ecies::OVERHEAD;

    fn from_plain(plain: &[u8]) -> Result<Self, HandshakeError> {
        let mut fields = Fields(plain);
        let signature = fields.next::<SIGNATURE>()?;
        let ephemeral_hash = Some(*fields.next()?);
        let key = NodeId(*fields.next()?).public_key()?;
        let nonce = *fields.next()?;
        Ok(Self { signature: Signature::from_bytes(signature)?, key, nonce, ephemeral_hash })
    }

    fn from_rlp(rlp: &[u8]) -> Result<Self, HandshakeError> {
        decode_open_list(rlp, |list| {
            let signature = Signature::from_bytes(&list.array()?)?;
            let key = NodeId(list.array()?).public_key()?;
            let nonce = list.array()?;
            let _version: u64 = list.uint()?;
            Ok(Self { signature, key, nonce, ephemeral_hash: None })
        })
    }
}

/// The recipient's message.
pub(super) struct Ack {
    /// The recipient's ephemeral key.
    pub(super) ephemeral: PublicKey,
    pub(super) nonce: Nonce,
}

impl Ack {
    pub(super) fn new(fresh: &Fresh) -> Self {
        Self { ephemeral: fresh.key.public_key(), nonce: fresh.nonce }
    }

    pub(super) fn to_rlp(&self) -> Vec<u8> {
        let mut out = Vec::new();
        encode_list(&mut out, &[&self.ephemeral.id(), &self.nonce, &VERSION]);
        out
    }

    /// The form for an initiator that wrote a plain auth, and knows no other.
    pub(super) fn to_plain(&self) -> Vec<u8> {
        [&self.ephemeral.id().0[..], &self.nonce, &[0]].concat()
    }
}

impl Body for Ack {
    /// ephemeral key ‖ nonce ‖ a flag that is always 0
    const PLAIN_PACKET: usize = ID + NONCE + 1 + ecies::OVERHEAD;

    fn from_plain(plain: &[u8]) -> Result<Self, HandshakeError> {
        let mut fields = Fields(plain);
        Ok(Self { ephemeral: NodeId(*fields.next()?).public_key()?, nonce: *fields.next()? })
    }

    fn from_rlp(rlp: &[u8]) -> Result<Self, HandshakeError> {
        decode_open_list(rlp, |list| {
            let ephemeral = NodeId(list.array()?).public_key()?;
            let nonce = list.array()?;
            let _version: u64 = list.uint()?;
            Ok(Self { ephemeral, nonce })
        })
    }
}

/// What the initiator signs: the secret of the two static keys, hidden by the initiator's nonce.
fn challenge(mut secret: Zeroizing<[u8; 32]>, nonce: &Nonce) -> Zeroizing<[u8; 32]> {
    for (byte, with) in secret.iter_mut().zip(nonce) {
        *byte ^= with;
    }
    secret
}

/// The fields of a plain message, one after another.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next<const N: usize>(&mut self) -> Result<&'a [u8; N], HandshakeError> {
        let (field, rest) =
            self.0.split_first_chunk().ok_or(HandshakeError::Undersized { size: self.0.len() })?;
        self.0 = rest;
        Ok(field)
    }
}
