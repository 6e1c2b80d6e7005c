//! A signed letter to one reader. A relay that has no key sees only the topic, the times and a padded size; a changed bit
//! is noticed.
//!
//! `cargo run -p whisper-envelope --example letter`

use std::error::Error;

use rand::rng;
use whisper_envelope::{Bloom, Dialect, Draft, Envelope, OpenError, Recipient, SecretKey, Topic};

const MAIL: Topic = Topic(*b"mail");

fn main() -> Result<(), Box<dyn Error>> {
    let (alice, bob) = (SecretKey::random(&mut rng()), SecretKey::random(&mut rng()));

    // Alice writes. Without a key, a short letter looks like an empty one: both are padded to 256 bytes.
    let write = |text: &str| {
        Draft::new(Dialect::V6, Recipient::Asymmetric(&bob.public_key()), 1_700_000_000)
            .payload(text.as_bytes())
            .topic(MAIL)
            .sign(&alice)
            .encrypt(&mut rng())
    };
    let sent = write("meet me at noon")?.seal(0);
    assert_eq!(sent.raw().len(), write("")?.seal(0).raw().len());

    // A relay passes it to nodes that want the topic, and cannot open it.
    let at_relay = Envelope::decode(Dialect::V6, sent.raw().clone())?;
    println!(
        "relay: topic {}, {} bytes, until {}",
        at_relay.topic(),
        at_relay.raw().len(),
        at_relay.expiry()
    );
    assert!(Bloom::of(MAIL).contains(&at_relay.bloom()));
    let relay = SecretKey::random(&mut rng());
    assert_eq!(at_relay.open_asymmetric(&relay), Err(OpenError::WrongKey));

    // Bob reads, and knows the author.
    let letter = at_relay.open_asymmetric(&bob)?;
    println!("bob:   {:?} of {}", letter.payload, alice.id());
    assert_eq!(letter.payload, "meet me at noon");
    assert_eq!(letter.signer, Some(alice.public_key()));

    // One bit of the content is changed on the way.
    let mut changed = sent.raw().to_vec();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let changed = Envelope::decode(Dialect::V6, changed.into())?;
    assert_eq!(changed.open_asymmetric(&bob), Err(OpenError::WrongKey));
    Ok(())
}

#[test]
fn only_the_reader_opens_the_letter() {
    main().unwrap();
}
