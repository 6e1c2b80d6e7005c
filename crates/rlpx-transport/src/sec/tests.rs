//! Tests of `sec/1`.

mod attack;
mod handshake;
mod records;
mod tampering;
mod vectors;

use bytes::BytesMut;
use p2p_identity::SecretKey;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{SecLibrary, SecPolicy, SecSettings, Suite};
use crate::{
    Accepted, FrameError, HandshakeError, HandshakeStep, Initiator, Recipient, Session, Stock,
    StockSize,
};

/// The two ends of the tests.
const DIALER: u8 = 1;
const LISTENER: u8 = 2;

fn key(byte: u8) -> SecretKey {
    SecretKey::from_bytes(&[byte; 32]).unwrap()
}

/// Settings whose random numbers are given.
fn settings(policy: SecPolicy) -> SecSettings {
    let library = Some(SecLibrary::rust_crypto());
    SecSettings { policy, suite: Suite::Aes256Gcm, library }
}

/// The dialer in front of its auth packet.
fn start(sec: &SecSettings, seed: u64) -> Result<(Initiator, Vec<u8>), HandshakeError> {
    let stock = Stock::new(&key(DIALER), StockSize { keys: 0, peers: 0 });
    let mut rng = StdRng::seed_from_u64(seed);
    Initiator::start_with(&stock, &key(LISTENER).public_key(), sec, &mut rng)
}

fn answer(sec: &SecSettings, auth: &[u8], seed: u64) -> Result<Accepted, HandshakeError> {
    let recipient = Recipient::with_sec(&key(LISTENER), sec);
    let mut rng = StdRng::seed_from_u64(!seed);
    recipient.handle(&mut BytesMut::from(auth), &mut rng).map(done)
}

fn finish(initiator: Initiator, ack: &[u8]) -> Result<Session, HandshakeError> {
    initiator.handle(&mut BytesMut::from(ack)).map(done)
}

fn done<S, T>(step: HandshakeStep<S, T>) -> T {
    match step {
        HandshakeStep::Done(outcome) => outcome,
        HandshakeStep::NeedMore(_) => panic!("all of the packet is there"),
    }
}

/// Both sessions of a handshake, the dialer's first.
fn connect(
    dialer: &SecSettings,
    listener: &SecSettings,
    seed: u64,
) -> Result<(Session, Session), HandshakeError> {
    let (initiator, auth) = start(dialer, seed)?;
    let Accepted { session, ack } = answer(listener, &auth, seed)?;
    Ok((finish(initiator, &ack)?, session))
}

fn sessions(seed: u64) -> (Session, Session) {
    let sec = settings(SecPolicy::Require);
    connect(&sec, &sec, seed).unwrap()
}

/// What a message of `from` comes to at the other end.
fn says(from: &mut Session, to: &mut Session) -> Result<Option<u64>, FrameError> {
    let mut wire = BytesMut::new();
    from.sealer.seal(7, b"something", &mut wire).unwrap();
    to.opener.open(&mut wire).map(|message| message.map(|message| message.code))
}
