//! Two connected peers, made from a seed.

use bytes::BytesMut;
use p2p_identity::SecretKey;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rlpx_transport::{HandshakeStep, Initiator, Recipient, Session};

/// A deterministic generator.
pub(crate) fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// The key that `byte` stands for.
pub(crate) fn key(byte: u8) -> SecretKey {
    SecretKey::from_bytes(&[byte; 32]).unwrap()
}

/// Both ends of a connection after its handshake, the initiator's first.
pub(crate) fn sessions() -> (Session, Session) {
    let mut rng = rng(1);
    let (initiator, auth) = Initiator::start(&key(1), &key(2).public_key(), &mut rng);
    let accepted = done(Recipient::new(&key(2)).handle(&mut buffer(&auth), &mut rng).unwrap());
    (done(initiator.handle(&mut buffer(&accepted.ack)).unwrap()), accepted.session)
}

/// The outcome of a step that had all it needed.
pub(crate) fn done<S, T>(step: HandshakeStep<S, T>) -> T {
    match step {
        HandshakeStep::Done(outcome) => outcome,
        HandshakeStep::NeedMore(_) => panic!("all of the packet is there"),
    }
}

/// Received bytes.
pub(crate) fn buffer(bytes: &[u8]) -> BytesMut {
    BytesMut::from(bytes)
}
