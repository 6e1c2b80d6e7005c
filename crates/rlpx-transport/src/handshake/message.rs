//! The messages of the handshake, auth and ack: in the RLP form of EIP-8 and in the older plain form.

use p2p_identity::{NodeId, PublicKey, SecretKey, Signature, ecies};
use rlp_codec::{Encodable, decode_open_list, encode_list};
use zeroize::Zeroizing;

use super::Nonce;
use super::key_source::Fresh;
use crate::HandshakeError;
use crate::curve;
use crate::sec::find_shares;

/// The version that is sent. A received version is ignored: higher ones are compatible (EIP-8).
const VERSION: u64 = 4;

const SIGNATURE: usize = 65;
const DIGEST: usize = 32;
const ID: usize = 64;
const NONCE: usize = 32;

/// A message of the handshake.
pub(super) trait Body: Sized {
    /// Size of a plain packet with this message. The plain form has no length prefix.
    const PLAIN_PACKET: usize;

    /// Reads the plain form.
    fn from_plain(plain: &[u8]) -> Result<Self, HandshakeError>;

    /// Reads the EIP-8 form. Further elements, and bytes after the list, are ignored.
    fn from_rlp(rlp: &[u8]) -> Result<Self, HandshakeError>;
}

/// The initiator's message.
pub(super) struct Auth {
    /// Made with the initiator's ephemeral key over `static shared secret XOR nonce`. It proves that the
    /// initiator has its static key, and the ephemeral key is recovered from it.
    pub(super) signature: Signature,
    /// The initiator's static key.
    pub(super) key: PublicKey,
    pub(super) nonce: Nonce,
    /// The hash of the ephemeral key; only in the plain form.
    ephemeral_hash: Option<[u8; DIGEST]>,
    /// The element of `sec/1`; only in the EIP-8 form.
    pub(super) sec: Option<Vec<u8>>,
}

impl Auth {
    /// The message of the node with the key `local`; `secret` is the shared secret of the static keys.
    pub(super) fn new(local: &SecretKey, secret: Zeroizing<[u8; 32]>, fresh: &Fresh) -> Self {
        Self {
            signature: curve::sign(&fresh.key, &challenge(secret, &fresh.nonce)),
            key: local.public_key(),
            nonce: fresh.nonce,
            ephemeral_hash: None,
            sec: None,
        }
    }

    /// Recovers the initiator's ephemeral key; `secret` is the shared secret of the static keys.
    ///
    /// Nearly every signature yields some key. If it is not the initiator's, the two sides derive different
    /// secrets, and the first frame is refused.
    pub(super) fn ephemeral(
        &self,
        secret: Zeroizing<[u8; 32]>,
    ) -> Result<PublicKey, HandshakeError> {
        let ephemeral = curve::recover(&self.signature, &challenge(secret, &self.nonce))?;
        if self.ephemeral_hash.is_some_and(|hash| hash != ephemeral.id().hash()) {
            return Err(HandshakeError::EphemeralKey);
        }
        Ok(ephemeral)
    }

    pub(super) fn to_rlp(&self) -> Vec<u8> {
        let signature = self.signature.to_bytes();
        encode(&[&signature, &self.key.id(), &self.nonce, &VERSION], self.sec.as_deref())
    }
}

impl Body for Auth {
    /// signature ‖ hash of the ephemeral key ‖ static key ‖ nonce ‖ a flag that is always 0
    const PLAIN_PACKET: usize = SIGNATURE + DIGEST + ID + NONCE + 1 + ecies::OVERHEAD;

    fn from_plain(plain: &[u8]) -> Result<Self, HandshakeError> {
        let mut fields = PlainFields(plain);
        let signature = fields.next::<SIGNATURE>()?;
        let ephemeral_hash = Some(*fields.next()?);
        let key = NodeId(*fields.next()?).public_key()?;
        let nonce = *fields.next()?;
        let signature = Signature::from_bytes(signature)?;
        Ok(Self { signature, key, nonce, ephemeral_hash, sec: None })
    }

    fn from_rlp(rlp: &[u8]) -> Result<Self, HandshakeError> {
        decode_open_list(rlp, |list| {
            let signature = Signature::from_bytes(&list.array()?)?;
            let key = NodeId(list.array()?).public_key()?;
            let nonce = list.array()?;
            let _version: u64 = list.uint()?;
            Ok(Self { signature, key, nonce, ephemeral_hash: None, sec: find_shares(list) })
        })
    }
}

/// The recipient's message.
pub(super) struct Ack {
    /// The recipient's ephemeral key.
    pub(super) ephemeral: PublicKey,
    pub(super) nonce: Nonce,
    /// The element of `sec/1`; only in the EIP-8 form.
    pub(super) sec: Option<Vec<u8>>,
}

impl Ack {
    pub(super) fn new(fresh: &Fresh) -> Self {
        Self { ephemeral: fresh.key.public_key(), nonce: fresh.nonce, sec: None }
    }

    pub(super) fn to_rlp(&self) -> Vec<u8> {
        encode(&[&self.ephemeral.id(), &self.nonce, &VERSION], self.sec.as_deref())
    }

    /// The plain form, for an initiator that sent a plain auth.
    pub(super) fn to_plain(&self) -> Vec<u8> {
        [&self.ephemeral.id().0[..], &self.nonce, &[0]].concat()
    }
}

impl Body for Ack {
    /// ephemeral key ‖ nonce ‖ a flag that is always 0
    const PLAIN_PACKET: usize = ID + NONCE + 1 + ecies::OVERHEAD;

    fn from_plain(plain: &[u8]) -> Result<Self, HandshakeError> {
        let mut fields = PlainFields(plain);
        let ephemeral = NodeId(*fields.next()?).public_key()?;
        Ok(Self { ephemeral, nonce: *fields.next()?, sec: None })
    }

    fn from_rlp(rlp: &[u8]) -> Result<Self, HandshakeError> {
        decode_open_list(rlp, |list| {
            let ephemeral = NodeId(list.array()?).public_key()?;
            let nonce = list.array()?;
            let _version: u64 = list.uint()?;
            Ok(Self { ephemeral, nonce, sec: find_shares(list) })
        })
    }
}

/// The list of these items, with the element of `sec/1` after them.
fn encode(items: &[&dyn Encodable], sec: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    match &sec {
        None => encode_list(&mut out, items),
        Some(sec) => encode_list(&mut out, &[items, &[sec]].concat()),
    }
    out
}

/// What the initiator signs: the shared secret of the static keys XOR the initiator's nonce.
fn challenge(mut secret: Zeroizing<[u8; 32]>, nonce: &Nonce) -> Zeroizing<[u8; 32]> {
    for (byte, with) in secret.iter_mut().zip(nonce) {
        *byte ^= with;
    }
    secret
}

/// Reads the fields of a plain message one by one.
struct PlainFields<'a>(&'a [u8]);

impl<'a> PlainFields<'a> {
    fn next<const N: usize>(&mut self) -> Result<&'a [u8; N], HandshakeError> {
        let (field, rest) =
            self.0.split_first_chunk().ok_or(HandshakeError::Undersized { size: self.0.len() })?;
        self.0 = rest;
        Ok(field)
    }
}
