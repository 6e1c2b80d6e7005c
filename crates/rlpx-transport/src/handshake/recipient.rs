//! The recipient of a handshake: the node that is dialed.

use std::fmt;

use bytes::BytesMut;
use p2p_identity::{NodeId, PublicKey, SecretKey};
use rand_core::CryptoRng;

use super::key_source::{Fresh, KeySource};
use super::message::{Ack, Auth};
use super::packet::{self, Form, Packet, Reader};
use super::{HandshakeStep, Stock};
use crate::sec::{Agreement, Transcript, answer};
use crate::secrets::{Half, Secrets};
use crate::{HandshakeError, SecError, SecSettings, Session};

/// The handshake of the node that is dialed: it waits for auth. See [`Initiator`](crate::Initiator) for an
/// example.
#[must_use]
pub struct Recipient {
    local: SecretKey,
    stock: Option<Stock>,
    reader: Reader,
    sec: SecSettings,
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
    /// Waits for auth with the node key `local`, to answer with plain RLPx. Computes nothing yet.
    pub fn new(local: &SecretKey) -> Self {
        Self::with_sec(local, &SecSettings::off())
    }

    /// Waits for auth, and answers an offer of `sec/1` as these settings say.
    pub fn with_sec(local: &SecretKey, sec: &SecSettings) -> Self {
        Self { local: local.clone(), stock: None, reader: Reader::default(), sec: *sec }
    }

    /// [`with_sec`](Self::with_sec) for the node of this `stock`, which is used when auth arrives.
    pub fn with_stock(stock: &Stock, sec: &SecSettings) -> Self {
        Self { stock: Some(stock.clone()), ..Self::with_sec(stock.local(), sec) }
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
        self,
        input: &mut BytesMut,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<HandshakeStep<Self, Accepted>, HandshakeError> {
        let sec = self.sec;
        self.handle_by(input, |_| sec, rng)
    }

    /// [`handle`](Self::handle) with settings for `sec/1` that depend on the node that auth names. Whether it is this node
    /// is not proven yet.
    ///
    /// # Errors
    ///
    /// As those of [`handle`](Self::handle).
    pub fn handle_by(
        mut self,
        input: &mut BytesMut,
        sec: impl FnOnce(&NodeId) -> SecSettings,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<HandshakeStep<Self, Accepted>, HandshakeError> {
        let Some(auth) = self.reader.read::<Auth>(&self.local, input)? else {
            return Ok(HandshakeStep::NeedMore(self));
        };
        let mut source = KeySource { stock: self.stock.as_ref(), rng };
        let secret = source.static_secret(&self.local, &auth.body.key);
        let ephemeral = auth.body.ephemeral(secret)?;
        let agreed = agree(&sec(&auth.body.key.id()), &auth.body, source.rng)?;
        let fresh = source.fresh();
        let mut ack = Ack::new(&fresh);
        let agreement = agreed.map(|(agreement, element)| {
            ack.sec = Some(element);
            agreement
        });
        let ack = seal(&ack, &auth, &mut source);
        let remote = auth.body.key.id();
        let session = match agreement {
            None => secrets(&fresh, &auth.body, &ephemeral).session(
                remote,
                &Half { nonce: &fresh.nonce, packet: &ack },
                &Half { nonce: &auth.body.nonce, packet: &auth.bytes },
            ),
            Some(agreement) => {
                let (initiator, recipient) = (remote, self.local.id());
                let transcript = Transcript { initiator, recipient, auth: &auth.bytes, ack: &ack };
                let shared = fresh.agree(&ephemeral);
                let (sealer, opener) = agreement.directions(&shared, &transcript, false);
                Session { remote, sealer: sealer.into(), opener: opener.into() }
            }
        };
        Ok(HandshakeStep::Done(Accepted { session, ack }))
    }
}

/// The answer to an offer of `sec/1`; `None` for plain RLPx.
fn agree(
    sec: &SecSettings,
    auth: &Auth,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Option<(Agreement, Vec<u8>)>, HandshakeError> {
    match (sec.active(), &auth.sec) {
        (Some(library), Some(offer)) => Ok(Some(answer(library, sec, offer, rng)?)),
        (None, _) if sec.is_required() => Err(SecError::Unavailable.into()),
        _ if sec.is_required() => Err(SecError::Required.into()),
        _ => Ok(None),
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
    Secrets::derive(&fresh.agree(ephemeral), &auth.nonce, &fresh.nonce)
}
