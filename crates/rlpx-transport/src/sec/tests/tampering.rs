//! Attempts of attackers with ever more keys to change a handshake, or to repeat parts of another one.

use std::env;

use bytes::BytesMut;
use p2p_identity::ecies;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rlp_codec::{Encodable, Item, Raw, encode_list};

use super::{DIALER, LISTENER, answer, key, says, settings, start};
use crate::{Accepted, HandshakeError, HandshakeStep, Recipient, SecError, SecPolicy};

/// Attempts without `RLPX_TAMPERINGS`: a hundredth of those by `cargo xtask test --long`.
const ATTEMPTS: u64 = 1000;

/// What is done to a packet. The last five need the key of its receiver: of an attacker who compels the owner, or breaks
/// secp256k1.
#[derive(Clone, Copy, Debug)]
enum Change {
    Bit,
    Shorter,
    OfAnotherHandshake,
    Removed,
    OfAnotherElement,
    OtherSuite,
    OtherName,
    OtherShare,
}

const CHANGES: [Change; 8] = [
    Change::Bit,
    Change::Shorter,
    Change::OfAnotherHandshake,
    Change::Removed,
    Change::OfAnotherElement,
    Change::OtherSuite,
    Change::OtherName,
    Change::OtherShare,
];

impl Change {
    /// The packet to `receiver` as it arrives; `other` is the same packet of another handshake.
    fn apply(self, packet: &[u8], other: &[u8], receiver: u8, rng: &mut StdRng) -> Vec<u8> {
        let bit = rng.random_range(0..8 * packet.len());
        match self {
            Self::Bit => {
                let mut changed = packet.to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                changed
            }
            Self::Shorter => packet[..bit / 8].to_vec(),
            Self::OfAnotherHandshake => other.to_vec(),
            // There is no element to change in an answer with plain RLPx.
            _ if items(packet, receiver).iter().all(|item| item.len() < 1000) => packet.to_vec(),
            _ => {
                let element = self.element(packet, other, receiver, rng);
                with_element(packet, element.as_deref(), receiver)
            }
        }
    }

    fn element(
        self,
        packet: &[u8],
        other: &[u8],
        receiver: u8,
        rng: &mut StdRng,
    ) -> Option<Vec<u8>> {
        let mut element = items(packet, receiver).pop()?;
        let at = |range: std::ops::Range<usize>, rng: &mut StdRng| rng.random_range(range);
        match self {
            Self::Removed => return None,
            Self::OfAnotherElement => return items(other, receiver).pop(),
            Self::OtherSuite => element[at(8..9, rng)] ^= 3,
            Self::OtherName => element[at(3..8, rng)] ^= 1,
            _ => {
                let end = element.len();
                element[at(9..end, rng)] ^= 1;
            }
        }
        Some(element)
    }
}

/// The encoded elements of a handshake message.
fn items(packet: &[u8], receiver: u8) -> Vec<Vec<u8>> {
    let plaintext = ecies::open(&key(receiver), &packet[2..], &packet[..2]).unwrap();
    let (list, _) = Item::parse_prefix(&plaintext).unwrap();
    list.items().unwrap().map(|item| item.unwrap().raw().to_vec()).collect()
}

/// The same message with another last element, sealed again.
fn with_element(packet: &[u8], element: Option<&[u8]>, receiver: u8) -> Vec<u8> {
    let mut items = items(packet, receiver);
    items.pop();
    items.extend(element.map(<[u8]>::to_vec));
    let raw: Vec<Raw<'_>> = items.iter().map(|item| Raw(item)).collect();
    let all: Vec<&dyn Encodable> = raw.iter().map(|item| item as &dyn Encodable).collect();
    let mut plaintext = Vec::new();
    encode_list(&mut plaintext, &all);
    plaintext.resize(plaintext.len() + 150, 0);
    let size = u16::try_from(plaintext.len() + ecies::OVERHEAD).unwrap().to_be_bytes();
    let sealed = ecies::seal(&key(receiver).public_key(), &plaintext, &size, &mut rand::rng());
    [&size[..], &sealed].concat()
}

/// One attempt. No end may take a record from the other, and no two ends may talk over frames.
fn attempt(seed: u64, policy: SecPolicy, on_auth: Option<Change>, on_ack: Option<Change>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let sec = settings(policy);
    let (initiator, auth) = start(&sec, seed).unwrap();
    let (_, other_auth) = start(&sec, !seed).unwrap();
    let arrived = match on_auth {
        None => auth,
        Some(change) => change.apply(&auth, &other_auth, LISTENER, &mut rng),
    };
    let recipient = Recipient::with_sec(&key(LISTENER), &sec);
    let accepted = recipient.handle(&mut BytesMut::from(&arrived[..]), &mut rng);
    // A packet that is cut off is waited for.
    let Ok(HandshakeStep::Done(Accepted { session: mut far, ack })) = accepted else { return };
    let other_ack = answer(&sec, &other_auth, !seed).unwrap().ack;
    let arrived = match on_ack {
        None => ack,
        Some(change) => change.apply(&ack, &other_ack, DIALER, &mut rng),
    };
    let finished = initiator.handle(&mut BytesMut::from(&arrived[..]));
    let Ok(HandshakeStep::Done(mut near)) = finished else { return };
    let told = (on_auth, on_ack, policy, near.link(), far.link());
    if policy == SecPolicy::Require {
        assert!(near.link().is_sec() && far.link().is_sec(), "{told:?}");
    }
    let heard = [says(&mut near, &mut far), says(&mut far, &mut near)]
        .map(|heard| heard.is_ok_and(|code| code.is_some()));
    // The MACs of a direction of plain RLPx depend on the packet of that direction only. So who has the recipient's key
    // and removes the offer can let the recipient's Hello pass, but not the initiator's, without which none stays.
    let refused = match near.link().is_sec() || far.link().is_sec() {
        true => heard == [false; 2],
        false => heard != [true; 2],
    };
    assert!(refused, "{told:?}, heard {heard:?}");
}

#[test]
fn no_change_of_the_handshake_yields_a_connection() {
    let attempts = env::var("RLPX_TAMPERINGS").ok().and_then(|text| text.parse().ok());
    for seed in 0..attempts.unwrap_or(ATTEMPTS) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut any = || CHANGES[rng.random_range(0..CHANGES.len())];
        let (on_auth, on_ack) = match seed % 3 {
            0 => (Some(any()), None),
            1 => (None, Some(any())),
            _ => (Some(any()), Some(any())),
        };
        let policy = if seed % 2 == 0 { SecPolicy::Prefer } else { SecPolicy::Require };
        attempt(seed, policy, on_auth, on_ack);
    }
}

/// Without a change the same attempt connects, so the test above refuses because of the changes.
#[test]
#[should_panic(expected = "None, None")]
fn without_a_change_there_is_a_connection() {
    attempt(1, SecPolicy::Prefer, None, None);
}

#[test]
fn an_offer_that_was_removed_is_refused_where_it_is_required() {
    let (_, auth) = start(&settings(SecPolicy::Prefer), 1).unwrap();
    let without = with_element(&auth, None, LISTENER);
    let refused = answer(&settings(SecPolicy::Require), &without, 1).err();
    assert_eq!(refused, Some(HandshakeError::Sec(SecError::Required)));
    assert!(!answer(&settings(SecPolicy::Prefer), &without, 1).unwrap().session.link().is_sec());
}
