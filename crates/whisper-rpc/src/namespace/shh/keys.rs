//! Key pairs and symmetric keys. Each has an id.

use p2p_identity::{KeyError, SecretKey};
use tokio::sync::oneshot;
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
    api.task_by("shh_newKeyPair", [], |_, caller, ()| {
        kept(caller, Ok(keys(caller).new_key_pair()))
    })
    .about("Makes a key pair; returns its id.")
    .fails([CallError::not_kept()]);
    api.task_by("shh_addPrivateKey", ["key"], |_, caller, (key,): (HexBytes,)| {
        kept(caller, secret_key(&key).map(|key| keys(caller).add_private_key(key)))
    })
    .about("Stores a private key of 32 bytes; returns the id of the key pair.")
    .fails([
        CallError::PrivateKeySize,
        CallError::PrivateKeyZero,
        CallError::PrivateKeyTooLarge,
        CallError::not_kept(),
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
    api.task_by("shh_deleteKeyPair", ["id"], |_, caller, (name,): (String,)| {
        let found = id(&name).filter(|id| keys(caller).has_key_pair(id));
        let caller = caller.clone();
        async move {
            match forget(&caller, found, Keys::delete_key_pair).await? {
                true => Ok(true),
                false => Err(CallError::KeyPairNotFound { name }),
            }
        }
    })
    .about("Deletes a key pair. Filters that were made with it keep working.")
    .fails([CallError::KeyPairNotFound { name: "00".repeat(32) }, CallError::not_kept()]);
}

fn declare_symmetric(api: &mut Api<ShhContext>) {
    api.task_by("shh_newSymKey", [], |_, caller, ()| {
        kept(caller, Ok(keys(caller).new_symmetric()))
    })
    .about("Makes a symmetric key; returns its id.")
    .fails([CallError::not_kept()]);
    api.task_by("shh_addSymKey", ["key"], |_, caller, (bytes,): (HexBytes,)| {
        kept(caller, symmetric_key(&bytes).map(|key| keys(caller).add_symmetric(key)))
    })
    .about("Stores a symmetric key of 32 bytes; returns its id.")
    .fails([CallError::SymmetricKeySize { size: 31 }, CallError::not_kept()]);
    api.task_by(
        "shh_generateSymKeyFromPassword",
        ["password"],
        |shh, caller, (password,): (String,)| {
            let (password, caller) = (Zeroizing::new(password), caller.clone());
            async move { kept(&caller, derive(&shh, &caller, password).await).await }
        },
    )
    .about("Derives a symmetric key from a password and stores it; returns its id.")
    .fails([CallError::Stopping, CallError::not_kept()]);
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
    api.task_by("shh_deleteSymKey", ["id"], |_, caller, (name,): (String,)| {
        let found = id(&name).filter(|id| keys(caller).has_symmetric(id));
        let caller = caller.clone();
        async move { forget(&caller, found, Keys::delete_symmetric).await }
    })
    .about("Deletes a symmetric key; returns whether it was stored. Filters that were made with it keep working.")
    .fails([CallError::not_kept()]);
}

/// The id of a new key, when the key is kept.
fn kept(
    caller: &Caller,
    made: Result<KeyId, CallError>,
) -> impl Future<Output = Result<String, CallError>> + use<> {
    let caller = caller.clone();
    async move {
        let id = made?;
        caller.team().whisper.state().keep_key(id).await?;
        Ok(id.to_string())
    }
}

/// Deletes a key that was found, first where it is kept. Returns whether it was there.
async fn forget(
    caller: &Caller,
    found: Option<KeyId>,
    delete: fn(&Keys, &KeyId) -> bool,
) -> Result<bool, CallError> {
    let Some(id) = found else { return Ok(false) };
    caller.team().whisper.state().forget_key(id).await?;
    Ok(delete(keys(caller), &id))
}

/// Derives a key. That is slow by design, so it does not hold up tasks.
async fn derive(
    shh: &ShhContext,
    caller: &Caller,
    password: Zeroizing<String>,
) -> Result<KeyId, CallError> {
    let (caller, (sender, derived)) = (caller.clone(), oneshot::channel());
    let work = move || {
        // The client may have gone.
        let _ = sender.send(keys(&caller).symmetric_from_password(&password));
    };
    shh.world.run_blocking(Box::new(work)).await;
    derived.await.map_err(|_| CallError::Stopping)
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

fn symmetric_key(bytes: &HexBytes) -> Result<SymmetricKey, CallError> {
    let size = bytes.as_slice().len();
    let key = Zeroizing::new(bytes.array().ok_or(CallError::SymmetricKeySize { size })?);
    Ok(SymmetricKey::from_bytes(*key))
}

fn secret_key(bytes: &HexBytes) -> Result<SecretKey, CallError> {
    let key = Zeroizing::new(bytes.array().ok_or(CallError::PrivateKeySize)?);
    SecretKey::from_bytes(&key).map_err(|error| match error {
        KeyError::Zero => CallError::PrivateKeyZero,
        _ => CallError::PrivateKeyTooLarge,
    })
}
