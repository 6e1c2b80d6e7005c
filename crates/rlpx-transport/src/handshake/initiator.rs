//! The initiator of a handshake: the node that dials.

use std::fmt;

use bytes::BytesMut;
use p2p_identity::{PublicKey, SecretKey};
use rand_core::CryptoRng;

use super::key_source::{Fresh, KeySource};
use super::message::{Ack, Auth};
use super::packet::{self, Packet, Reader};
use super::{HandshakeStep, Stock};
use crate::secrets::{Half, Secrets};
use crate::{HandshakeError, Session};

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
}

impl Initiator {
    /// Starts a handshake with the node with the key `remote`. The returned bytes are the auth packet,
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
        Self::begin(local, remote, &mut KeySource { stock: None, rng })
    }

    /// [`start`](Self::start) for the node of this `stock`. Ready keys save the key generations; a known
    /// `remote` saves one multiplication.
    pub fn start_with(
        stock: &Stock,
        remote: &PublicKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> (Self, Vec<u8>) {
        Self::begin(stock.local(), remote, &mut KeySource { stock: Some(stock), rng })
    }

    fn begin<R: CryptoRng + ?Sized>(
        local: &SecretKey,
        remote: &PublicKey,
        source: &mut KeySource<'_, R>,
    ) -> (Self, Vec<u8>) {
        let fresh = source.fresh();
        let auth = Auth::new(local, source.static_secret(local, remote), &fresh);
        let auth = packet::seal(remote, auth.to_rlp(), source);
        let (local, remote) = (local.clone(), *remote);
        (Self { local, remote, fresh, auth: auth.clone(), reader: Reader::default() }, auth)
    }

    /// Takes the ack packet from the front of `input`. Bytes after it stay: they are frames for the
    /// session's [`Opener`](crate::Opener).
    ///
    /// Only the holder of the remote key can read auth. A peer that derives the same secrets is therefore
    /// the dialed node; its first valid frame proves it.
    ///
    /// # Errors
    ///
    /// The packet is too large or was not sealed for this handshake; see [`HandshakeError`]. Drop the
    /// connection.
    pub fn handle(
        mut self,
        input: &mut BytesMut,
    ) -> Result<HandshakeStep<Self, Session>, HandshakeError> {
        Ok(match self.reader.read(&self.local, input)? {
            None => HandshakeStep::NeedMore(self),
            Some(ack) => HandshakeStep::Done(self.secrets(&ack).session(
                self.remote.id(),
                &Half { nonce: &self.fresh.nonce, packet: &self.auth },
                &Half { nonce: &ack.body.nonce, packet: &ack.bytes },
            )),
        })
    }

    pub(super) fn secrets(&self, ack: &Packet<Ack>) -> Secrets {
        let shared = self.fresh.key.ecdh(&ack.body.ephemeral);
        Secrets::derive(&shared, &self.fresh.nonce, &ack.body.nonce)
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator").field("remote", &self.remote.id()).finish_non_exhaustive()
    }
}
