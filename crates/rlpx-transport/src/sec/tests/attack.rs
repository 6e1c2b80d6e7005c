//! The attack on the keystream that RLPx uses in both directions (CVE-2015-20112).

use bytes::BytesMut;

use super::{connect, sessions, settings};
use crate::{SecPolicy, SecSettings, Session};

/// A message of this length says more than chance could.
const LENGTH: usize = 1000;

/// What an attacker reads who knows what one end sent, and sees the bytes of both directions: the XOR of the three, at
/// any distance between them.
fn reads(known: &[u8], its_wire: &[u8], other_wire: &[u8], secret: &[u8]) -> bool {
    (0..=its_wire.len() - known.len()).any(|at| {
        let keystream = known.iter().zip(&its_wire[at..]).map(|(byte, on_wire)| byte ^ on_wire);
        let keystream: Vec<u8> = keystream.collect();
        let mut decrypted = (0..=other_wire.len() - LENGTH).map(|other| {
            let bytes = keystream.iter().zip(&other_wire[other..]);
            bytes.map(|(key, on_wire)| key ^ on_wire).collect::<Vec<u8>>()
        });
        decrypted.any(|plain| plain == secret)
    })
}

/// Whether the attacker reads the message of one end after a message of the other that anyone may have posted.
fn attack((mut near, mut far): (Session, Session)) -> bool {
    let known = [0x5a; LENGTH];
    let secret: Vec<u8> = (0..LENGTH).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect();
    let (mut from_near, mut from_far) = (BytesMut::new(), BytesMut::new());
    near.sealer.seal(16, &known, &mut from_near).unwrap();
    far.sealer.seal(16, &secret, &mut from_far).unwrap();
    let read = reads(&known, &from_near, &from_far, &secret);
    assert_eq!(far.opener.open(&mut from_near).unwrap().unwrap().payload, known.as_slice());
    assert_eq!(near.opener.open(&mut from_far).unwrap().unwrap().payload, secret);
    read
}

#[test]
fn known_bytes_in_one_direction_open_the_other_of_rlpx_and_not_of_sec() {
    let plain = connect(&SecSettings::off(), &settings(SecPolicy::Prefer), 1).unwrap();
    assert!(attack(plain), "the attack works, so it would find what it can");
    assert!(!attack(sessions(1)));
}
