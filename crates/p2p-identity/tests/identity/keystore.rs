//! Keystore files of version 3.

use p2p_identity::{Keystore, KeystoreCost, KeystoreError, MAX_KEYSTORE, SecretKey};
use serde_json::{Value, json};

/// The two vectors of the Web3 Secret Storage Definition.
const VECTORS: &str = include_str!("../vectors/keystore-v3.json");

fn vectors() -> Vec<(Value, String, String)> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let all = vectors["vectors"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.map(|it| (it["json"].clone(), text(&it["password"]), text(&it["priv"]))).collect()
}

fn read(json: &Value) -> Result<Keystore, KeystoreError> {
    Keystore::from_json(json.to_string().as_bytes())
}

#[test]
fn the_published_files_are_opened() {
    assert_eq!(vectors().len(), 2);
    for (json, password, secret) in vectors() {
        let keystore = read(&json).unwrap();
        assert_eq!(keystore.open(&password).unwrap(), SecretKey::from_hex(&secret).unwrap());
        assert_eq!(keystore.open(""), Err(KeystoreError::Password));
        // What is written is what was read.
        let written: Value = serde_json::from_str(&keystore.to_json()).unwrap();
        assert_eq!(written, json);
    }
}

#[test]
fn a_key_comes_back_only_with_its_password() {
    let mut rng = rand::rng();
    let key = SecretKey::random(&mut rng);
    let sealed = Keystore::seal(&key, "swordfish", KeystoreCost::Light, &mut rng);
    let text = sealed.to_json();
    assert!(!text.contains(&hex::encode(*key.to_bytes())));
    assert!(text.contains(&hex::encode(key.public_key().address())));
    let read = Keystore::from_json(text.as_bytes()).unwrap();
    assert_eq!(read, sealed);
    assert_eq!(read.open("swordfish"), Ok(key.clone()));
    assert_eq!(read.open("Swordfish"), Err(KeystoreError::Password));
    let again = Keystore::seal(&key, "swordfish", KeystoreCost::Light, &mut rng);
    assert_ne!(again, sealed, "salt, counter and id are random");
}

/// The address of the key 1, which is known everywhere.
#[test]
fn an_address_is_that_of_ethereum() {
    let key = SecretKey::from_hex(&format!("{:064x}", 1)).unwrap();
    let address = hex::encode(key.public_key().address());
    assert_eq!(address, "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
}

#[test]
fn a_changed_file_is_refused() {
    let mut rng = rand::rng();
    let key = SecretKey::random(&mut rng);
    let text = Keystore::seal(&key, "", KeystoreCost::Light, &mut rng).to_json();
    let file: Value = serde_json::from_str(&text).unwrap();
    for field in ["/crypto/ciphertext", "/crypto/mac", "/crypto/kdfparams/salt"] {
        let mut changed = file.clone();
        let value = changed.pointer_mut(field).unwrap();
        let digits = value.as_str().unwrap();
        let first = if digits.starts_with('0') { "1" } else { "0" };
        *value = json!(format!("{first}{}", &digits[1..]));
        assert_eq!(read(&changed).unwrap().open(""), Err(KeystoreError::Password), "{field}");
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let (scrypt, pbkdf2) = (vectors().remove(1).0, vectors().remove(0).0);
    let with = |base: &Value, pointer: &str, value: Value| {
        let mut changed = base.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        read(&changed).unwrap_err()
    };
    let field = |error: KeystoreError| match error {
        KeystoreError::Field { field, .. } => field,
        other => panic!("{other:?}"),
    };
    for (base, pointer, value, name) in [
        (&scrypt, "/crypto/cipher", json!("aes-128-cbc"), "cipher"),
        (&scrypt, "/crypto/kdf", json!("argon2"), "kdf"),
        (&scrypt, "/crypto/kdfparams/n", json!(1000), "n"),
        (&scrypt, "/crypto/kdfparams/n", json!(1), "n"),
        (&scrypt, "/crypto/kdfparams/r", json!(0), "r"),
        (&scrypt, "/crypto/kdfparams/p", json!(0), "p"),
        (&scrypt, "/crypto/kdfparams/dklen", json!(64), "dklen"),
        (&scrypt, "/crypto/kdfparams/salt", json!("x"), "salt"),
        (&scrypt, "/crypto/cipherparams/iv", json!("00"), "iv"),
        (&scrypt, "/crypto/ciphertext", json!("00"), "ciphertext"),
        (&scrypt, "/crypto/mac", json!(""), "mac"),
        (&scrypt, "/id", json!("3"), "id"),
        (&scrypt, "/version", json!("3"), "version"),
        (&pbkdf2, "/crypto/kdfparams/prf", json!("hmac-sha512"), "prf"),
    ] {
        assert_eq!(field(with(base, pointer, value)), name);
    }
    assert_eq!(with(&scrypt, "/version", json!(1)), KeystoreError::Version(1));
    // A file must not take all memory or time of its reader.
    for (base, pointer, value) in [
        (&scrypt, "/crypto/kdfparams/n", json!(1_u64 << 40)),
        (&scrypt, "/crypto/kdfparams/n", json!(1_u64 << 63)),
        (&scrypt, "/crypto/kdfparams/r", json!(u32::MAX)),
        (&scrypt, "/crypto/kdfparams/p", json!(u32::MAX)),
        (&pbkdf2, "/crypto/kdfparams/c", json!(u32::MAX)),
        (&pbkdf2, "/crypto/kdfparams/c", json!(0)),
    ] {
        assert_eq!(with(base, pointer, value), KeystoreError::Cost, "{pointer}");
    }
    assert!(matches!(Keystore::from_json(b"{}"), Err(KeystoreError::Json(_))));
    let long = vec![b' '; MAX_KEYSTORE + 1];
    assert_eq!(Keystore::from_json(&long), Err(KeystoreError::TooLarge));
}
