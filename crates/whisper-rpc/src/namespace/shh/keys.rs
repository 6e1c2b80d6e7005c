//! Key pairs and symmetric keys. Each has an id.

use p2p_identity::{KeyError, SecretKey};
use whisper_envelope::SymmetricKey;
use zeroize::Zeroizing;

use super::context::ShhContext;
use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::types::hex::HexBytes;
use whisper_protocol::{KeyId, Keys};

pub(super) fn declare(api: &mut Api<ShhContext>) {
    declare_pairs(api);
    declare_symmetric(api);
}

fn declare_pairs(api: &mut Api<ShhContext>) {
    api.call_by("shh_newKeyPair", [], |_, caller, ()| Ok(keys(caller).new_key_pair().to_string()))
        .about("Makes a key pair; returns its id.");
    api.call_by("shh_addPrivateKey", ["key"], |_, caller, (key,): (HexBytes,)| {
        Ok(keys(caller).add_private_key(secret_key(&key)?).to_string())
    })
    .about("Stores a private key of 32 bytes; returns the id of the key pair.")
    .fails([
        CallError::PrivateKeySize,
        CallError::PrivateKeyZero,
        CallError::PrivateKeyTooLarge,
    ]);
    api.call_by("shh_hasKeyPair", ["id"], |_, caller, (name,): (String,)| {
        Ok(id(&name).is_some_and(|id| keys(caller).has_key_pair(&id)))
    })
    .about("Returns whether a key pair with this id is stored.");
    api.call_by("shh_getPublicKey", ["id"], |_, caller, (name,): (String,)| {
        let key = id(&name).and_then(|id| keys(caller).public_key(&id));
        Ok(HexBytes::from(key.ok_or_else(|| CallError::no_key_pair(&name))?.to_uncompressed()))
    })
    .about("Returns the public key of a key pair, uncompressed, 65 bytes.")
    .fails([no_key_pair()]);
    api.call_by("shh_getPrivateKey", ["id"], |shh, caller, (name,): (String,)| {
        let key = exported(shh, &name)?.and_then(|id| keys(caller).private_key(&id));
        Ok(HexBytes::from(key.ok_or_else(|| CallError::no_key_pair(&name))?.to_bytes().as_slice()))
    })
    .about("Returns the private key of a key pair, 32 bytes.")
    .fails([no_key_pair(), CallError::KeyExport]);
    api.call_by("shh_deleteKeyPair", ["id"], |_, caller, (name,): (String,)| {
        match id(&name).is_some_and(|id| keys(caller).delete_key_pair(&id)) {
            true => Ok(true),
            false => Err(CallError::KeyPairNotFound { name }),
        }
    })
    .about("Deletes a key pair. Filters that were made with it keep working.")
    .fails([CallError::KeyPairNotFound { name: "00".repeat(32) }]);
}

fn declare_symmetric(api: &mut Api<ShhContext>) {
    api.call_by("shh_newSymKey", [], |_, caller, ()| Ok(keys(caller).new_symmetric().to_string()))
        .about("Makes a symmetric key; returns its id.");
    api.call_by("shh_addSymKey", ["key"], |_, caller, (bytes,): (HexBytes,)| {
        let size = bytes.as_slice().len();
        let key = Zeroizing::new(bytes.array().ok_or(CallError::SymmetricKeySize { size })?);
        let key = SymmetricKey::from_bytes(*key);
        Ok(keys(caller).add_symmetric(key).to_string())
    })
    .about("Stores a symmetric key of 32 bytes; returns its id.")
    .fails([CallError::SymmetricKeySize { size: 31 }]);
    // Deriving a key is slow by design, so it runs on a thread of its own.
    api.blocking(
        "shh_generateSymKeyFromPassword",
        ["password"],
        |_, caller, (password,): (String,)| {
            let password = Zeroizing::new(password);
            Ok(keys(caller).symmetric_from_password(&password).to_string())
        },
    )
    .about("Derives a symmetric key from a password and stores it; returns its id.");
    api.call_by("shh_hasSymKey", ["id"], |_, caller, (name,): (String,)| {
        Ok(id(&name).is_some_and(|id| keys(caller).has_symmetric(&id)))
    })
    .about("Returns whether a symmetric key with this id is stored.");
    api.call_by("shh_getSymKey", ["id"], |shh, caller, (name,): (String,)| {
        let key = exported(shh, &name)?.and_then(|id| keys(caller).symmetric(&id));
        let key = key.ok_or(CallError::NoSuchSymmetricKey)?;
        Ok(HexBytes::from(key.as_bytes().as_slice()))
    })
    .about("Returns a symmetric key, 32 bytes.")
    .fails([CallError::NoSuchSymmetricKey, CallError::KeyExport]);
    api.call_by("shh_deleteSymKey", ["id"], |_, caller, (name,): (String,)| {
        Ok(id(&name).is_some_and(|id| keys(caller).delete_symmetric(&id)))
    })
    .about("Deletes a symmetric key; returns whether it was stored. Filters that were made with it keep working.");
}

/// An example of the error about the id of a key pair.
pub(super) fn no_key_pair() -> CallError {
    CallError::no_key_pair(&"00".repeat(32))
}

/// The keys of the caller's team.
fn keys(caller: &Caller) -> &Keys {
    caller.team().whisper.keys()
}

/// The id of a key. An invalid id is treated like the id of a key that is not stored.
fn id(name: &str) -> Option<KeyId> {
    name.parse().ok()
}

/// The id of a key to export, if keys may be exported.
fn exported(shh: &ShhContext, name: &str) -> Result<Option<KeyId>, CallError> {
    if shh.key_export { Ok(id(name)) } else { Err(CallError::KeyExport) }
}

fn secret_key(bytes: &HexBytes) -> Result<SecretKey, CallError> {
    let key = Zeroizing::new(bytes.array().ok_or(CallError::PrivateKeySize)?);
    SecretKey::from_bytes(&key).map_err(|error| match error {
        KeyError::Zero => CallError::PrivateKeyZero,
        _ => CallError::PrivateKeyTooLarge,
    })
}
