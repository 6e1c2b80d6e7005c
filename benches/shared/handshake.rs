//! Handshakes in memory.

use bytes::BytesMut;
use rlpx_transport::{HandshakeStep, Initiator, Recipient, Session};

/// Both sessions of a handshake that the initiator has started.
pub(crate) fn finish(
    (initiator, auth): (Initiator, Vec<u8>),
    recipient: Recipient,
) -> (Session, Session) {
    let step = recipient.handle(&mut BytesMut::from(&auth[..]), &mut rand::rng());
    let HandshakeStep::Done(accepted) = step.expect("a good auth") else {
        panic!("auth is complete")
    };
    let step = initiator.handle(&mut BytesMut::from(&accepted.ack[..])).expect("a good ack");
    let HandshakeStep::Done(session) = step else { panic!("ack is complete") };
    (session, accepted.session)
}
