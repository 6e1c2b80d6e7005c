//! The recipient of a handshake: the node that is dialed.

use std::fmt;

use bytes::BytesMut;
use p2p_identity::{PublicKey, SecretKey};
use rand_core::CryptoRng;

use super::key_source::{Fresh, KeySource};
use super::message::{Ack, Auth};
use super::packet::{self, Form, Packet, Reader};
use super::{HandshakeStep, Stock};
use crate::secrets::{Half, Secrets};
use crate::{HandshakeError, Session};

/// The handshake of the node that is dialed: it waits for auth. See [`Initiator`](crate::Initiator) for an
/// example.
#[must_use]
pub struct Recipient {
    local: SecretKey,
    stock: Option<Stock>,
    reader: Reader,
}

/// The outcome of a recipient's handshake.
#[must_use]
#[derive(Debug)]
pub struct Accepted {
    /// The session. Frames can be sealed at once, but must be sent after `ack`.
    pub session: Session,
    /// The ack packet, to be sent at once: in the form of EIP-8, or in the plain form of 210 bytes if auth was
    /// plain.
    pub ack: Vec<u8>,
}

impl Recipient {
    /// Waits for auth with the node key `local`. Computes nothing yet.
    pub fn new(local: &SecretKey) -> Self {
        Self { local: local.clone(), stock: None, reader: Reader::default() }
    }

    /// [`new`](Self::new) for the node of this `stock`, which is used when auth arrives.
    pub fn with_stock(stock: &Stock) -> Self {
        let local = stock.local().clone();
        Self { local, stock: Some(stock.clone()), reader: Reader::default() }
    }

    /// Takes the auth packet from the front of `input` and makes the answer.
    ///
    /// `rng` as in [`Initiator::start`](crate::Initiator::start). Computes nothing until the packet is
    /// complete. A packet for another key then costs one multiplication on the curve (two if it could have
    /// either form). A packet for this key costs four, two key generations and a signature recovery; less
    /// with a [`Stock`].
    ///
    /// An auth packet can be replayed: the session then names a node that did not connect, and its first
    /// frame is refused. Trust [`Session::remote`] only after the first valid frame.
    ///
    /// # Errors
    ///
    /// The packet is too large, not sealed for this key, or malformed; see [`HandshakeError`]. Drop the
    /// connection without sending anything.
    pub fn handle(
        mut self,
        input: &mut BytesMut,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<HandshakeStep<Self, Accepted>, HandshakeError> {
        let Some(auth) = self.reader.read::<Auth>(&self.local, input)? else {
            return Ok(HandshakeStep::NeedMore(self));
        };
        let mut source = KeySource { stock: self.stock.as_ref(), rng };
        let secret = source.static_secret(&self.local, &auth.body.key);
        let ephemeral = auth.body.ephemeral(secret)?;
        let fresh = source.fresh();
        let ack = seal(&Ack::new(&fresh), &auth, &mut source);
        let session = secrets(&fresh, &auth.body, &ephemeral).session(
            auth.body.key.id(),
            &Half { nonce: &fresh.nonce, packet: &ack },
            &Half { nonce: &auth.body.nonce, packet: &auth.bytes },
        );
        Ok(HandshakeStep::Done(Accepted { session, ack }))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").finish_non_exhaustive()
    }
}

/// The packet with `ack`, in the same form as `auth`.
fn seal<R: CryptoRng + ?Sized>(
    ack: &Ack,
    auth: &Packet<Auth>,
    source: &mut KeySource<'_, R>,
) -> Vec<u8> {
    let to = &auth.body.key;
    match auth.form {
        Form::Plain => source.seal(to, &ack.to_plain(), &[]),
        Form::Eip8 => packet::seal(to, ack.to_rlp(), source),
    }
}

/// The secrets, derived by the recipient.
pub(super) fn secrets(fresh: &Fresh, auth: &Auth, ephemeral: &PublicKey) -> Secrets {
    Secrets::derive(&fresh.key.ecdh(ephemeral), &auth.nonce, &fresh.nonce)
}
