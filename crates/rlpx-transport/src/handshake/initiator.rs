//! The end that dials.

use std::fmt;

use bytes::BytesMut;
use p2p_identity::{PublicKey, SecretKey};
use rand_core::CryptoRng;

use super::message::{Ack, Auth};
use super::packet::{self, Packet, Reader};
use super::source::{Fresh, Source};
use super::{Step, Stock};
use crate::secrets::{Half, Secrets};
use crate::{HandshakeError, Session};

/// The end that dials: it has sent auth and waits for ack.
///
/// ```
/// use bytes::BytesMut;
/// use p2p_identity::SecretKey;
/// use rlpx_transport::{Initiator, Recipient, Step};
///
/// let mut rng = rand::rng();
/// let (local, remote) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
///
/// let (initiator, auth) = Initiator::start(&local, &remote.public_key(), &mut rng);
/// // ... auth goes over the wire ...
/// let mut received = BytesMut::from(&auth[..]);
/// let Step::Done(accepted) = Recipient::new(&remote).handle(&mut received, &mut rng)? else {
///     panic!("all of auth is there");
/// };
/// // ... and ack comes back.
/// let mut received = BytesMut::from(&accepted.ack[..]);
/// let Step::Done(session) = initiator.handle(&mut received)? else {
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
    /// Begins a handshake with the node whose key is `remote`. The bytes are the auth packet, to be
    /// sent at once: some 400 to 600 bytes, in the form of EIP-8.
    ///
    /// Costs two key generations, two multiplications on the curve and a signature; the ack then
    /// costs two multiplications. `rng` gives the ephemeral keys, the nonce and the length of the
    /// padding: with a generator that can be guessed, so can the connection.
    pub fn start(
        local: &SecretKey,
        remote: &PublicKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> (Self, Vec<u8>) {
        Self::begin(local, remote, &mut Source { stock: None, rng })
    }

    /// [`start`](Self::start) by the node that `stock` belongs to, with what the stock has: without
    /// the key generations if there are keys, with one multiplication less if `remote` is known.
    pub fn start_with(
        stock: &Stock,
        remote: &PublicKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> (Self, Vec<u8>) {
        Self::begin(stock.local(), remote, &mut Source { stock: Some(stock), rng })
    }

    fn begin<R: CryptoRng + ?Sized>(
        local: &SecretKey,
        remote: &PublicKey,
        source: &mut Source<'_, R>,
    ) -> (Self, Vec<u8>) {
        let fresh = source.fresh();
        let auth = Auth::new(local, source.static_secret(local, remote), &fresh);
        let auth = packet::seal(remote, auth.to_rlp(), source);
        let (local, remote) = (local.clone(), *remote);
        (Self { local, remote, fresh, auth: auth.clone(), reader: Reader::default() }, auth)
    }

    /// Looks for the ack packet at the front of `input` and takes it away. What follows it are
    /// frames for the session's [`Opener`](crate::Opener) and stays.
    ///
    /// Only the holder of the remote key can have read auth, so whoever answers with an ack that
    /// leads to the same secrets is the node that was dialled. The first frame shows it.
    ///
    /// # Errors
    ///
    /// If the packet is too large or was not sealed for this handshake; see [`HandshakeError`].
    /// Drop the connection.
    pub fn handle(mut self, input: &mut BytesMut) -> Result<Step<Self, Session>, HandshakeError> {
        Ok(match self.reader.read(&self.local, input)? {
            None => Step::NeedMore(self),
            Some(ack) => Step::Done(self.secrets(&ack).session(
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
