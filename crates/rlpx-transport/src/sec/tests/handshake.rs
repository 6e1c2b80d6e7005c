//! Which links come about, and the sizes of the packets.

use bytes::BytesMut;
use rand::rngs::StdRng;
use rand::{CryptoRng, RngCore, SeedableRng};

use super::{DIALER, LISTENER, answer, connect, done, finish, key, says, settings, start};
use crate::{
    Accepted, HandshakeError, Initiator, Link, MAX_HANDSHAKE_SIZE, Recipient, SecError, SecLibrary,
    SecPolicy, SecSettings, Stock, StockSize, Suite,
};
use SecPolicy::{Off, Prefer, Require};

#[test]
fn the_link_follows_from_both_policies() {
    let sec = Ok(Link::Sec(Suite::Aes256Gcm));
    let required = Err(HandshakeError::Sec(SecError::Required));
    for (dialer, listener, expected) in [
        (Require, Require, sec.clone()),
        (Require, Prefer, sec.clone()),
        (Prefer, Require, sec.clone()),
        (Prefer, Prefer, sec),
        (Prefer, Off, Ok(Link::Rlpx)),
        (Off, Prefer, Ok(Link::Rlpx)),
        (Off, Off, Ok(Link::Rlpx)),
        (Require, Off, required.clone()),
        (Off, Require, required),
    ] {
        let made = connect(&settings(dialer), &settings(listener), 1);
        let link = made.map(|(mut near, mut far)| {
            assert_eq!(near.link(), far.link());
            assert_eq!(says(&mut near, &mut far), Ok(Some(7)));
            assert_eq!(says(&mut far, &mut near), Ok(Some(7)));
            near.link()
        });
        assert_eq!(link, expected, "{dialer} dials {listener}");
    }
}

#[test]
fn aes_is_used_if_both_prefer_it() {
    use Suite::{Aes256Gcm, ChaCha20Poly1305};
    for (dialer, listener, used) in [
        (Aes256Gcm, Aes256Gcm, Aes256Gcm),
        (Aes256Gcm, ChaCha20Poly1305, ChaCha20Poly1305),
        (ChaCha20Poly1305, Aes256Gcm, ChaCha20Poly1305),
        (ChaCha20Poly1305, ChaCha20Poly1305, ChaCha20Poly1305),
    ] {
        let prefers = |suite| SecSettings { suite, ..settings(Require) };
        let (mut near, mut far) = connect(&prefers(dialer), &prefers(listener), 1).unwrap();
        assert_eq!((near.link(), far.link()), (Link::Sec(used), Link::Sec(used)));
        assert_eq!(says(&mut near, &mut far), Ok(Some(7)));
        assert_eq!(says(&mut far, &mut near), Ok(Some(7)));
    }
}

/// The two libraries agree on keys and on records, in both roles.
#[cfg(feature = "sec")]
#[test]
fn each_library_opens_what_the_other_makes() {
    let libraries = [SecLibrary::aws_lc(), SecLibrary::rust_crypto()];
    for (dialer, listener) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            let with = |index: usize| SecSettings {
                suite,
                library: Some(libraries[index]),
                policy: Require,
            };
            let (mut near, mut far) = connect(&with(dialer), &with(listener), 1).unwrap();
            for _ in 0..3 {
                assert_eq!(says(&mut near, &mut far), Ok(Some(7)), "{dialer} {listener}");
                assert_eq!(says(&mut far, &mut near), Ok(Some(7)), "{dialer} {listener}");
            }
        }
    }
}

#[test]
fn a_program_without_a_library_is_a_node_without_sec() {
    let without = |policy| SecSettings { library: None, ..settings(policy) };
    let unavailable = HandshakeError::Sec(SecError::Unavailable);
    assert_eq!(start(&without(Require), 1).err(), Some(unavailable.clone()));
    let (_, auth) = start(&settings(Prefer), 1).unwrap();
    assert_eq!(answer(&without(Require), &auth, 1).err(), Some(unavailable));
    let (near, far) = connect(&without(Prefer), &settings(Prefer), 1).unwrap();
    assert_eq!((near.link(), far.link()), (Link::Rlpx, Link::Rlpx));
}

/// Invalid shares, each in a packet that is otherwise right.
#[test]
fn invalid_shares_are_refused() {
    use super::super::shares::{Answer, Offer};
    let (initiator, _) = start(&settings(Prefer), 1).unwrap();
    let library = SecLibrary::best().unwrap_or_else(SecLibrary::rust_crypto);
    let sec = settings(Prefer);
    for library in [library, SecLibrary::rust_crypto()] {
        let mut rng = rand::rng();
        let (_, good) = super::super::PendingOffer::new(library, &sec, &mut rng).unwrap();
        let refuse =
            |element: &[u8]| super::super::answer(library, &sec, element, &mut rand::rng()).err();
        assert_eq!(refuse(&good), None);
        let mut low_order = Offer::decode(&good).unwrap();
        low_order.x25519 = [0; 32];
        assert_eq!(refuse(&low_order.encode()), Some(SecError::Share));
        let mut no_key = Offer::decode(&good).unwrap();
        no_key.kem.fill(0xff);
        assert_eq!(refuse(&no_key.encode()), Some(SecError::Share), "{library:?}");
        let mut suite = good.clone();
        suite[5] = 9;
        assert_eq!(refuse(&suite), Some(SecError::Suite(9)));
        let short = SecError::Size { size: good.len() - 1, expected: good.len() };
        assert_eq!(refuse(&good[..good.len() - 1]), Some(short));

        let (_, element) = super::super::answer(library, &sec, &good, &mut rand::rng()).unwrap();
        let mut low_order = Answer::decode(&element).unwrap();
        low_order.x25519 = [0; 32];
        let (pending, _) = super::super::PendingOffer::new(library, &sec, &mut rng).unwrap();
        assert_eq!(pending.finish(&low_order.encode()).err(), Some(SecError::Share));
        // AES, where the initiator prefers the other.
        let chacha = SecSettings { suite: Suite::ChaCha20Poly1305, ..sec };
        let (pending, _) = super::super::PendingOffer::new(library, &chacha, &mut rng).unwrap();
        assert_eq!(pending.finish(&element).err(), Some(SecError::Suite(1)));
    }
    drop(initiator);
}

/// A generator whose 32-bit numbers, of which the padding is made, are given.
struct Padded(StdRng, u32);

impl RngCore for Padded {
    fn next_u32(&mut self) -> u32 {
        self.1
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }
}

impl CryptoRng for Padded {}

/// go-ethereum, reth and this crate refuse larger packets. The padding is random; nothing else changes the sizes.
#[test]
fn both_packets_stay_below_the_limit_with_every_padding() {
    let sec = settings(Prefer);
    let stock = Stock::new(&key(DIALER), StockSize { keys: 0, peers: 0 });
    let to = key(LISTENER).public_key();
    for padding in 0..200 {
        let rng = &mut Padded(StdRng::seed_from_u64(padding.into()), padding);
        let (initiator, auth) = Initiator::start_with(&stock, &to, &sec, rng).unwrap();
        let recipient = Recipient::with_sec(&key(LISTENER), &sec);
        let Accepted { ack, session } =
            done(recipient.handle(&mut BytesMut::from(&auth[..]), rng).unwrap());
        assert_eq!((auth.len(), ack.len()), (1610 + padding as usize, 1447 + padding as usize));
        assert!(auth.len().max(ack.len()) < MAX_HANDSHAKE_SIZE);
        assert_eq!(session.remote, key(DIALER).id());
        assert!(finish(initiator, &ack).unwrap().link().is_sec());
    }
}
