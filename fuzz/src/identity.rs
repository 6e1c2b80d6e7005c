//! Enode URLs and the ECIES box.

use p2p_identity::{Enode, SecretKey, ecies};

use crate::fixture;

/// What parses prints in the one form, which parses to the same.
pub fn enode(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(enode) = text.parse::<Enode>() else { return };
    let printed = enode.to_string();
    assert_eq!(printed.parse().as_ref(), Ok(&enode), "{text}");
    assert_eq!(
        enode.id.public_key().map(|key| key.id()),
        Ok(enode.id),
        "an id is a point on the curve"
    );
}

/// Foreign bytes do not open; our own do, and not when a single bit is changed.
pub fn ecies_open(data: &[u8]) {
    let key = fixture::key(1);
    if let Ok(plaintext) = ecies::open(&key, data, b"") {
        assert_eq!(plaintext.len() + ecies::OVERHEAD, data.len());
    }
    let mut sealed = seal(&key, data);
    assert_eq!(ecies::open(&key, &sealed, b"shared").as_deref(), Ok(data));
    assert!(ecies::open(&key, &sealed, b"other").is_err());
    let bit = fixture::place(data, 8 * sealed.len());
    sealed[bit / 8] ^= 1 << (bit % 8);
    assert!(ecies::open(&key, &sealed, b"shared").is_err(), "bit {bit}");
}

fn seal(key: &SecretKey, plaintext: &[u8]) -> Vec<u8> {
    ecies::seal_with(&fixture::key(2), [3; 16], &key.public_key(), plaintext, b"shared")
}
