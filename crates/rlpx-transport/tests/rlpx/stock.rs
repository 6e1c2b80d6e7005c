//! Handshakes with keys made ahead and peers that are known.

use crate::peers::{buffer, done, key, rng};
use bytes::BytesMut;
use p2p_identity::ecies;
use proptest::prelude::*;
use rlpx_transport::{Initiator, Recipient, SecSettings, Session, Stock, StockSize};

/// The stock of the node `byte`, with `keys` keys in it.
fn stock(byte: u8, keys: usize) -> Stock {
    let stock = Stock::new(&key(byte), StockSize { keys, peers: 4 });
    assert_eq!(stock.refill(usize::MAX, &mut rng(byte.into())), keys);
    stock
}

/// A handshake between the owners of two stocks, with the packets that it took.
fn shake(near: &Stock, far: &Stock, seed: u64) -> ([Session; 2], [Vec<u8>; 2]) {
    let rng = &mut rng(seed);
    let (initiator, auth) =
        Initiator::start_with(near, &key(2).public_key(), &SecSettings::off(), rng).unwrap();
    let accepted = done(
        Recipient::with_stock(far, &SecSettings::off()).handle(&mut buffer(&auth), rng).unwrap(),
    );
    let session = done(initiator.handle(&mut buffer(&accepted.ack)).unwrap());
    ([session, accepted.session], [auth, accepted.ack])
}

/// Checks that each side can read the frames of the other.
fn talk([near, far]: &mut [Session; 2]) {
    assert_eq!((near.remote, far.remote), (key(2).id(), key(1).id()));
    let mut wire = BytesMut::new();
    near.sealer.seal(16, b"there", &mut wire).unwrap();
    assert_eq!(far.opener.open(&mut wire).unwrap().unwrap().payload[..], *b"there");
    far.sealer.seal(17, b"and back", &mut wire).unwrap();
    assert_eq!(near.opener.open(&mut wire).unwrap().unwrap().payload[..], *b"and back");
}

#[test]
fn each_end_takes_two_keys_and_does_without_when_there_are_none() {
    let (near, far) = (stock(1, 5), stock(2, 3));
    for (left_near, left_far) in [(3, 1), (1, 0), (0, 0), (0, 0)] {
        talk(&mut shake(&near, &far, 7).0);
        assert_eq!((near.keys(), far.keys()), (left_near, left_far));
    }
    assert_eq!(near.refill(2, &mut rng(3)), 2);
    assert_eq!((near.keys(), near.refill(10, &mut rng(4)), near.keys()), (2, 3, 5));
}

/// Both runs use the same random numbers, so only the stock can make a difference.
#[test]
fn no_key_is_used_twice() {
    let (near, far) = (stock(1, 8), stock(2, 8));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..4 {
        let (_, [auth, ack]) = shake(&near, &far, 7);
        for (packet, key) in [(auth, key(2)), (ack, key(1))] {
            assert!(seen.insert(packet[3..67].to_vec()), "the key of a box came again");
            let message = ecies::open(&key, &packet[2..], &packet[..2]).unwrap();
            // A signature by the ephemeral key in auth, the key itself in ack.
            assert!(seen.insert(message[4..68].to_vec()), "an ephemeral key came again");
        }
    }
}

#[test]
fn a_known_secret_is_the_one_that_would_be_computed() {
    let (near, far) = (stock(1, 0), stock(2, 0));
    let (_, unknown) = shake(&near, &far, 7);
    near.learn(&key(2).public_key());
    far.learn(&key(1).public_key());
    let (mut sessions, known) = shake(&near, &far, 7);
    assert_eq!(unknown, known);
    talk(&mut sessions);
}

#[test]
fn the_peers_used_last_stay_known() {
    let near = stock(1, 0);
    for byte in 2..6 {
        near.learn(&key(byte).public_key());
    }
    // Used: by a handshake, and by being learned.
    let _ = Initiator::start_with(&near, &key(2).public_key(), &SecSettings::off(), &mut rng(1));
    near.learn(&key(6).public_key());
    let known = |byte: u8| near.is_known(&key(byte).id());
    assert_eq!([2, 3, 4, 5, 6].map(known), [true, false, true, true, true]);
    near.learn(&key(6).public_key());
    assert!(known(4), "learning a known peer evicts none");
    near.forget(&key(4).id());
    assert_eq!([2, 3, 4, 5, 6].map(known), [true, false, false, true, true]);

    let none = Stock::new(&key(1), StockSize { keys: 0, peers: 0 });
    none.learn(&key(2).public_key());
    assert!(!none.is_known(&key(2).id()));
    assert_eq!(none.refill(usize::MAX, &mut rng(1)), 0);
}

/// An attacker who knows the id of the node can start handshakes with any number of keys.
#[test]
fn a_stranger_is_not_learned() {
    let far = stock(2, 0);
    far.learn(&key(1).public_key());
    for byte in 10..20 {
        let (_, auth) = Initiator::start(&key(byte), &key(2).public_key(), &mut rng(1));
        let _ = done(
            Recipient::with_stock(&far, &SecSettings::off())
                .handle(&mut buffer(&auth), &mut rng(2))
                .unwrap(),
        );
        assert!(!far.is_known(&key(byte).id()));
    }
    assert!(far.is_known(&key(1).id()));
}

#[test]
fn clones_share_one_stock_between_threads() {
    let far = stock(2, 0);
    let filled = Stock::new(&key(1), StockSize { keys: 20, peers: 4 });
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let filler = filled.clone();
            scope.spawn(move || filler.refill(usize::MAX, &mut rng(seed)));
        }
    });
    assert_eq!(filled.keys(), 20);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (near, far) = (filled.clone(), far.clone());
            scope.spawn(move || talk(&mut shake(&near, &far, seed).0));
        }
    });
    assert_eq!(filled.keys(), 12);
}

#[test]
fn debug_shows_numbers_only() {
    let near = stock(1, 3);
    near.learn(&key(2).public_key());
    assert_eq!(format!("{near:?}"), "Stock { keys: 3, known: 1 }");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Sessions work with any content of the two stocks.
    #[test]
    fn any_stock_leads_to_a_session(
        keys in (0..4usize, 0..4usize),
        knows in any::<(bool, bool)>(),
        seed in any::<u64>(),
    ) {
        let (near, far) = (stock(1, keys.0), stock(2, keys.1));
        if knows.0 {
            near.learn(&key(2).public_key());
        }
        if knows.1 {
            far.learn(&key(1).public_key());
        }
        talk(&mut shake(&near, &far, seed).0);
    }
}
