//! No cryptography, for simulations of thousands of nodes: packets and records have the same form and size, and nothing in
//! them is secret or proven.
//!
//! Only a thread that asks for it works like this, and only in a program that was built with the feature `null`.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::OnceLock;

use p2p_identity::ecies::{EciesError, OVERHEAD};
use p2p_identity::{PublicKey, SecretKey, Signature};

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Makes the handshakes of this thread, and the sessions that they begin, compute no cryptography until the guard is dropped.
///
/// Both ends of a connection must do so. A node that is dialed with another id than its own still notices it; otherwise
/// nothing is checked. **Never use this outside a simulation.**
///
/// ```
/// use rlpx_transport::{SecSettings, null_cryptography};
///
/// let _guard = null_cryptography();
/// assert_eq!(format!("{:?}", SecSettings::default().library), "Some(null)");
/// ```
pub fn null_cryptography() -> NullGuard {
    NullGuard { before: ON.replace(true), _not_send: PhantomData }
}

/// Ends the effect of [`null_cryptography`] when it is dropped, on the thread that called it.
#[derive(Debug)]
#[must_use]
pub struct NullGuard {
    before: bool,
    _not_send: PhantomData<*const ()>,
}

impl Drop for NullGuard {
    fn drop(&mut self) {
        ON.set(self.before);
    }
}

/// Whether this thread computes no cryptography.
pub(crate) fn is_on() -> bool {
    ON.get()
}

/// The ephemeral key of every handshake.
pub(crate) fn key() -> SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(|| SecretKey::from_bytes(&[1; 32]).expect("a number below the order")).clone()
}

/// The signature of everything.
pub(crate) fn signature() -> Signature {
    Signature::from_bytes(&[1; 65]).expect("two numbers below the order, and a recovery id")
}

/// A box of the right size that says for whom it is.
pub(crate) fn seal(to: &PublicKey, plaintext: &[u8]) -> Vec<u8> {
    let id = to.id().0;
    let mut sealed = vec![0; OVERHEAD];
    sealed[..id.len()].copy_from_slice(&id);
    sealed.extend_from_slice(plaintext);
    sealed
}

/// Opens such a box for the holder of `key`, like one of ECIES that was sealed for another key if it is not for this one.
pub(crate) fn open(key: &SecretKey, sealed: &[u8]) -> Result<Vec<u8>, EciesError> {
    match sealed.split_at_checked(OVERHEAD) {
        Some((head, plaintext)) if head.starts_with(&key.id().0) => Ok(plaintext.to_vec()),
        _ => Err(EciesError::WrongTag),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::{Accepted, HandshakeError, HandshakeStep, Initiator, Recipient};
    use crate::{SecPolicy, SecSettings, Session, Stock, StockSize};

    /// The two sessions of a handshake of the key 1 with one that it takes for the key `dialed`.
    fn handshake(dialed: u8, listens: u8) -> Result<[Session; 2], HandshakeError> {
        let key = |number| SecretKey::from_bytes(&[number; 32]).unwrap();
        let stock = Stock::new(&key(1), StockSize::default());
        let (sec, mut rng) = (SecSettings::new(SecPolicy::Require), rand::rng());
        let (initiator, auth) =
            Initiator::start_with(&stock, &key(dialed).public_key(), &sec, &mut rng)?;
        let recipient = Recipient::with_sec(&key(listens), &sec);
        let step = recipient.handle(&mut BytesMut::from(&auth[..]), &mut rng)?;
        let HandshakeStep::Done(Accepted { session, ack }) = step else { panic!("all of auth") };
        let step = initiator.handle(&mut BytesMut::from(&ack[..]))?;
        let HandshakeStep::Done(near) = step else { panic!("all of ack") };
        assert_eq!((near.remote, session.remote), (key(dialed).id(), key(1).id()));
        Ok([near, session])
    }

    fn record(session: &mut Session, payload: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        session.sealer.seal(7, payload, &mut out).unwrap();
        out
    }

    #[test]
    fn messages_pass_as_they_are_and_are_as_large_as_encrypted_ones() {
        let [mut real, _] = handshake(2, 2).unwrap();
        let encrypted = record(&mut real, b"word");
        let _guard = null_cryptography();
        let [mut near, mut far] = handshake(2, 2).unwrap();
        let mut sealed = record(&mut near, b"word");
        assert_eq!(sealed.len(), encrypted.len());
        let readable = |bytes: &[u8]| bytes.windows(4).any(|part| part == b"word");
        assert!(readable(&sealed) && !readable(&encrypted));
        let message = far.opener.open(&mut sealed).unwrap().unwrap();
        assert_eq!((message.code, &message.payload[..]), (7, &b"word"[..]));
    }

    #[test]
    fn a_wrong_key_and_a_lost_record_are_noticed() {
        let _guard = null_cryptography();
        assert!(matches!(handshake(2, 3), Err(HandshakeError::Sealed(_))));
        let [mut near, mut far] = handshake(2, 2).unwrap();
        record(&mut near, b"lost");
        assert!(far.opener.open(&mut record(&mut near, b"next")).is_err());
    }

    #[test]
    fn cryptography_is_back_when_the_guard_is_dropped() {
        drop(null_cryptography());
        assert!(!is_on());
        let [mut near, _] = handshake(2, 2).unwrap();
        assert!(!record(&mut near, b"word").windows(4).any(|part| part == b"word"));
    }
}
