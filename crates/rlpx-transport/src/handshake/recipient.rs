//! The end that is dialled.

use std::fmt;

use bytes::BytesMut;
use p2p_identity::{PublicKey, SecretKey};
use rand_core::CryptoRng;

use super::message::{Ack, Auth};
use super::packet::{self, Form, Packet, Reader};
use super::source::{Fresh, Source};
use super::{Step, Stock};
use crate::secrets::{Half, Secrets};
use crate::{HandshakeError, Session};

/// The end that is dialled: it waits for auth. See [`Initiator`](crate::Initiator) for an example.
#[must_use]
pub struct Recipient {
    local: SecretKey,
    stock: Option<Stock>,
    reader: Reader,
}

/// What a recipient has when it has read auth.
#[must_use]
#[derive(Debug)]
pub struct Accepted {
    /// The connection. Frames can be sealed at once; they go out after `ack`.
    pub session: Session,
    /// The ack packet, to be sent at once: in the form of EIP-8, or 210 bytes in the plain form if
    /// auth was plain.
    pub ack: Vec<u8>,
}

impl Recipient {
    /// Waits for auth with the node key `local`. Costs nothing yet.
    pub fn new(local: &SecretKey) -> Self {
        Self { local: local.clone(), stock: None, reader: Reader::default() }
    }

    /// [`new`](Self::new) for the node that `stock` belongs to. The answer is made with what the
    /// stock has by then.
    pub fn with_stock(stock: &Stock) -> Self {
        let local = stock.local().clone();
        Self { local, stock: Some(stock.clone()), reader: Reader::default() }
    }

    /// Looks for the auth packet at the front of `input`, takes it away, and answers it.
    ///
    /// `rng` as in [`Initiator::start`](crate::Initiator::start). Costs nothing until the packet is
    /// complete; then one multiplication on the curve for a packet that was not sealed for us (two
    /// where it could be of either form), and four, two key generations and a signature recovery
    /// for one that was; less with a [`Stock`].
    ///
    /// An auth packet can be replayed: the session then names a node that is not there, and the
    /// first frame is refused. So believe in [`Session::remote`] only after the first frame.
    ///
    /// # Errors
    ///
    /// If the packet is too large, not sealed for us, or not what it should be; see
    /// [`HandshakeError`]. Drop the connection without a word.
    pub fn handle(
        mut self,
        input: &mut BytesMut,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Step<Self, Accepted>, HandshakeError> {
        let Some(auth) = self.reader.read::<Auth>(&self.local, input)? else {
            return Ok(Step::NeedMore(self));
        };
        let mut source = Source { stock: self.stock.as_ref(), rng };
        let secret = source.static_secret(&self.local, &auth.body.key);
        let ephemeral = auth.body.ephemeral(secret)?;
        let fresh = source.fresh();
        let ack = seal(&Ack::new(&fresh), &auth, &mut source);
        let session = secrets(&fresh, &auth.body, &ephemeral).session(
            auth.body.key.id(),
            &Half { nonce: &fresh.nonce, packet: &ack },
            &Half { nonce: &auth.body.nonce, packet: &auth.bytes },
        );
        Ok(Step::Done(Accepted { session, ack }))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").finish_non_exhaustive()
    }
}

/// The packet with `ack`, in the form of the `auth` that it answers.
fn seal<R: CryptoRng + ?Sized>(
    ack: &Ack,
    auth: &Packet<Auth>,
    source: &mut Source<'_, R>,
) -> Vec<u8> {
    let to = &auth.body.key;
    match auth.form {
        Form::Plain => source.seal(to, &ack.to_plain(), &[]),
        Form::Eip8 => packet::seal(to, ack.to_rlp(), source),
    }
}

/// The secrets as the recipient comes to them.
pub(super) fn secrets(fresh: &Fresh, auth: &Auth, ephemeral: &PublicKey) -> Secrets {
    Secrets::derive(&fresh.key.ecdh(ephemeral), &auth.nonce, &fresh.nonce)
}
