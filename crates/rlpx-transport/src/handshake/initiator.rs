//! The initiator of a handshake: the node that dials.

use std::fmt;

use bytes::BytesMut;
use p2p_identity::{PublicKey, SecretKey};
use rand_core::CryptoRng;

use super::key_source::{Fresh, KeySource};
use super::message::{Ack, Auth};
use super::packet::{self, Packet, Reader};
use super::{HandshakeStep, Stock};
use crate::sec::{PendingOffer, Transcript};
use crate::secrets::{Half, Secrets};
use crate::{HandshakeError, SecError, SecSettings, Session};

/// The handshake of the node that dials: it has sent auth and waits for ack.
///
/// ```
/// use bytes::BytesMut;
/// use p2p_identity::SecretKey;
/// use rlpx_transport::{Initiator, Recipient, HandshakeStep};
///
/// let mut rng = rand::rng();
/// let (local, remote) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
///
/// let (initiator, auth) = Initiator::start(&local, &remote.public_key(), &mut rng);
/// // ... auth goes over the wire ...
/// let mut received = BytesMut::from(&auth[..]);
/// let HandshakeStep::Done(accepted) = Recipient::new(&remote).handle(&mut received, &mut rng)? else {
///     panic!("all of auth is there");
/// };
/// // ... and ack comes back.
/// let mut received = BytesMut::from(&accepted.ack[..]);
/// let HandshakeStep::Done(session) = initiator.handle(&mut received)? else {
///     panic!("all of ack is there");
/// };
/// assert_eq!(session.remote, remote.id());
/// assert_eq!(accepted.session.remote, local.id());
/// # Ok::<_, rlpx_transport::HandshakeError>(())
/// ```
#[must_use]
pub struct Initiator {
    pub(super) local: SecretKey,
    pub(super) remote: PublicKey,
    pub(super) fresh: Fresh,
    pub(super) auth: Vec<u8>,
    pub(super) reader: Reader,
    /// What auth offers; `None` for plain RLPx.
    pub(super) offer: Option<PendingOffer>,
    /// Whether plain RLPx is refused.
    pub(super) requires_sec: bool,
}

impl Initiator {
    /// Starts a handshake of plain RLPx with the node with the key `remote`. The returned bytes are the auth packet,
    /// to be sent at once: 400 to 600 bytes, in the form of EIP-8.
    ///
    /// Costs two key generations, two multiplications on the curve and a signature; reading ack costs two
    /// more multiplications. `rng` provides the ephemeral keys, the nonce and the length of the padding.
    /// It must be cryptographically secure: the secrecy of the connection depends on it.
    pub fn start(
        local: &SecretKey,
        remote: &PublicKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> (Self, Vec<u8>) {
        Self::begin(local, remote, &mut KeySource { stock: None, rng }, None)
    }

    /// Starts a handshake of the node of this `stock`, which offers `sec/1` as the settings `sec` say. Auth then has
    /// 1600 to 1850 bytes.
    ///
    /// Ready keys in the stock save the key generations; a known `remote` saves one multiplication. `sec/1` costs a key
    /// generation and a multiplication of X25519 more, and the same of ML-KEM-768: about a fifth of the rest.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Sec`], if `sec/1` is required and this program was built without it.
    pub fn start_with(
        stock: &Stock,
        remote: &PublicKey,
        sec: &SecSettings,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Self, Vec<u8>), HandshakeError> {
        Self::offer(stock.local(), remote, &mut KeySource { stock: Some(stock), rng }, sec)
    }

    /// Starts a handshake with the settings `sec`.
    pub(crate) fn offer<R: CryptoRng + ?Sized>(
        local: &SecretKey,
        remote: &PublicKey,
        source: &mut KeySource<'_, R>,
        sec: &SecSettings,
    ) -> Result<(Self, Vec<u8>), HandshakeError> {
        let offered = match sec.active() {
            Some(library) => Some(PendingOffer::new(library, sec, source.rng)?),
            None if sec.is_required() => return Err(SecError::Unavailable.into()),
            None => None,
        };
        let (mut initiator, auth) = Self::begin(local, remote, source, offered);
        initiator.requires_sec = sec.is_required();
        Ok((initiator, auth))
    }

    fn begin<R: CryptoRng + ?Sized>(
        local: &SecretKey,
        remote: &PublicKey,
        source: &mut KeySource<'_, R>,
        offered: Option<(PendingOffer, Vec<u8>)>,
    ) -> (Self, Vec<u8>) {
        let (offer, element) = offered.unzip();
        let fresh = source.fresh();
        let mut auth = Auth::new(local, source.static_secret(local, remote), &fresh);
        auth.sec = element;
        let auth = packet::seal(remote, auth.to_rlp(), source);
        let (local, remote) = (local.clone(), *remote);
        let (reader, requires_sec) = (Reader::default(), false);
        (Self { local, remote, fresh, auth: auth.clone(), reader, offer, requires_sec }, auth)
    }

    /// Takes the ack packet from the front of `input`. Bytes after it stay: they are frames for the
    /// session's [`Opener`](crate::Opener).
    ///
    /// Only the holder of the remote key can read auth. A peer that derives the same secrets is therefore
    /// the dialed node; its first valid frame proves it.
    ///
    /// # Errors
    ///
    /// The packet is too large or was not sealed for this handshake, or has no `sec/1`, which is required; see
    /// [`HandshakeError`]. Drop the connection.
    pub fn handle(
        mut self,
        input: &mut BytesMut,
    ) -> Result<HandshakeStep<Self, Session>, HandshakeError> {
        Ok(match self.reader.read(&self.local, input)? {
            None => HandshakeStep::NeedMore(self),
            Some(ack) => HandshakeStep::Done(self.finish(&ack)?),
        })
    }

    fn finish(mut self, ack: &Packet<Ack>) -> Result<Session, HandshakeError> {
        let (Some(offer), Some(element)) = (self.offer.take(), &ack.body.sec) else {
            if self.requires_sec {
                return Err(SecError::Required.into());
            }
            return Ok(self.secrets(ack).session(
                self.remote.id(),
                &Half { nonce: &self.fresh.nonce, packet: &self.auth },
                &Half { nonce: &ack.body.nonce, packet: &ack.bytes },
            ));
        };
        let agreement = offer.finish(element)?;
        let ephemeral = self.fresh.agree(&ack.body.ephemeral);
        let transcript = Transcript {
            initiator: self.local.id(),
            recipient: self.remote.id(),
            auth: &self.auth,
            ack: &ack.bytes,
        };
        let (sealer, opener) = agreement.directions(&ephemeral, &transcript, true);
        Ok(Session { remote: self.remote.id(), sealer: sealer.into(), opener: opener.into() })
    }

    /// The secrets of plain RLPx.
    pub(super) fn secrets(&self, ack: &Packet<Ack>) -> Secrets {
        let shared = self.fresh.agree(&ack.body.ephemeral);
        Secrets::derive(&shared, &self.fresh.nonce, &ack.body.nonce)
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator").field("remote", &self.remote.id()).finish_non_exhaustive()
    }
}
