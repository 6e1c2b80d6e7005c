//! What `sec/1` adds to a handshake.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use p2p_identity::SecretKey;
use rlpx_transport::{
    HandshakeStep, Initiator, Recipient, SecPolicy, SecSettings, Stock, StockSize,
};

/// Handshakes of each kind, one after the other.
const HANDSHAKES: u32 = 500;

/// Reports the processor time of both ends that `sec/1` adds, in microseconds, and as a share of a plain handshake.
pub(crate) fn extra() {
    if !benches::wanted("sec.handshake_us_extra sec.handshake_extra_share") {
        return;
    }
    let (plain, sec) = (SecSettings::off(), SecSettings::new(SecPolicy::Require));
    let rounds = if benches::measuring() { HANDSHAKES } else { 1 };
    let (mut of_plain, mut of_sec) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..rounds {
        of_plain += handshake(&plain);
        of_sec += handshake(&sec);
    }
    let micros = |sum: Duration| sum.as_secs_f64() * 1e6 / f64::from(rounds);
    let extra = micros(of_sec) - micros(of_plain);
    benches::measured("sec.handshake_us_extra", extra);
    benches::measured("sec.handshake_extra_share", extra / micros(of_plain));
}

/// The time of a handshake in memory, both ends.
fn handshake(sec: &SecSettings) -> Duration {
    let rng = &mut rand::rng();
    let (near, far) = (SecretKey::random(rng), SecretKey::random(rng));
    let (to, stock) = (far.public_key(), Stock::new(&near, StockSize { keys: 0, peers: 0 }));
    let clock = Instant::now();
    let (initiator, auth) = Initiator::start_with(&stock, &to, sec, rng).expect("a library");
    let recipient = Recipient::with_sec(&far, sec);
    let step = recipient.handle(&mut BytesMut::from(&auth[..]), rng).expect("a good auth");
    let HandshakeStep::Done(accepted) = step else { panic!("auth is complete") };
    let step = initiator.handle(&mut BytesMut::from(&accepted.ack[..])).expect("a good ack");
    let HandshakeStep::Done(session) = step else { panic!("ack is complete") };
    let spent = clock.elapsed();
    assert_eq!(session.link(), accepted.session.link());
    spent
}
