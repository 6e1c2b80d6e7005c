//! Two machines in one thread, without sockets, tasks or a runtime, as in a custom event
//! loop.
//!
//! `cargo run -p rlpx-transport --example drive`

use std::error::Error;

use bytes::BytesMut;
use p2p_identity::SecretKey;
use rlpx_transport::{HandshakeStep, Initiator, Recipient, Session};

/// One direction of a pipe that passes a few bytes at a time, as a network does.
#[derive(Default)]
struct Wire {
    sent: BytesMut,
    received: BytesMut,
}

impl Wire {
    fn carry(&mut self) {
        let some = self.sent.len().min(100);
        self.received.extend_from_slice(&self.sent.split_to(some));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = rand::rng();
    let (alice, bob) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
    let (mut there, mut back) = (Wire::default(), Wire::default());

    let (mut at_alice, mut at_bob) = handshake(&alice, &bob, &mut there, &mut back)?;
    println!("alice talks to {:?}", at_alice.remote);
    println!("bob talks to   {:?}", at_bob.remote);

    // From here on each direction is an object of its own.
    at_alice.sealer.seal(16, b"ping", &mut there.sent)?;
    let ping = loop {
        there.carry();
        if let Some(message) = at_bob.opener.open(&mut there.received)? {
            break message;
        }
    };
    println!("bob reads {ping:?}");
    assert_eq!((ping.code, &ping.payload[..]), (16, &b"ping"[..]));

    at_bob.sealer.seal(17, &ping.payload, &mut back.sent)?;
    let pong = loop {
        back.carry();
        if let Some(message) = at_alice.opener.open(&mut back.received)? {
            break message;
        }
    };
    println!("alice reads {pong:?}");
    assert_eq!((pong.code, &pong.payload[..]), (17, &b"ping"[..]));
    Ok(())
}

/// Auth one way, ack the other, in as many pieces as it takes.
fn handshake(
    alice: &SecretKey,
    bob: &SecretKey,
    there: &mut Wire,
    back: &mut Wire,
) -> Result<(Session, Session), Box<dyn Error>> {
    let mut rng = rand::rng();
    let (mut initiator, auth) = Initiator::start(alice, &bob.public_key(), &mut rng);
    there.sent.extend_from_slice(&auth);

    let mut recipient = Recipient::new(bob);
    let accepted = loop {
        there.carry();
        recipient = match recipient.handle(&mut there.received, &mut rng)? {
            HandshakeStep::NeedMore(recipient) => recipient,
            HandshakeStep::Done(accepted) => break accepted,
        };
    };
    back.sent.extend_from_slice(&accepted.ack);

    let session = loop {
        back.carry();
        initiator = match initiator.handle(&mut back.received)? {
            HandshakeStep::NeedMore(initiator) => initiator,
            HandshakeStep::Done(session) => break session,
        };
    };
    Ok((session, accepted.session))
}

#[test]
fn both_ends_read_what_the_other_sends() {
    main().unwrap();
}
