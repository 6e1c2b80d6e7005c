//! Key pairs and symmetric keys, named by their ids.

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::Params;
use p2p_identity::{KeyError, SecretKey};
use whisper_envelope::SymmetricKey;
use zeroize::Zeroizing;

use super::super::arguments::Arguments;
use super::super::error::CallError;
use super::super::hex::HexBytes;
use super::Shh;
use crate::KeyId;

pub(super) fn register(module: &mut RpcModule<Shh>) -> Result<(), RegisterMethodError> {
    register_pairs(module)?;
    register_symmetric(module)
}

fn register_pairs(module: &mut RpcModule<Shh>) -> Result<(), RegisterMethodError> {
    module.register_method("shh_newKeyPair", |_, shh, _| {
        Ok::<_, CallError>(shh.whisper.keys().new_key_pair().to_string())
    })?;
    module.register_method("shh_addPrivateKey", |params, shh, _| {
        let key = secret_key(&Arguments::of(&params, 1)?.required()?)?;
        Ok::<_, CallError>(shh.whisper.keys().add_private_key(key).to_string())
    })?;
    module.register_method("shh_hasKeyPair", |params, shh, _| {
        Ok::<_, CallError>(id(&params)?.1.is_some_and(|id| shh.whisper.keys().has_key_pair(&id)))
    })?;
    module.register_method("shh_getPublicKey", |params, shh, _| {
        let key = id(&params)?.1.and_then(|id| shh.whisper.keys().public_key(&id));
        let key = key.ok_or(CallError::NoSuchKeyPair)?;
        Ok::<_, CallError>(HexBytes::from(key.to_uncompressed()))
    })?;
    module.register_method("shh_getPrivateKey", |params, shh, _| {
        let key = id(&params)?.1.and_then(|id| shh.whisper.keys().private_key(&id));
        let key = key.ok_or(CallError::NoSuchKeyPair)?;
        Ok::<_, CallError>(HexBytes::from(key.to_bytes().as_slice()))
    })?;
    module.register_method("shh_deleteKeyPair", |params, shh, _| {
        let (name, id) = id(&params)?;
        match id.is_some_and(|id| shh.whisper.keys().delete_key_pair(&id)) {
            true => Ok(true),
            false => Err(CallError::KeyPairNotFound { name }),
        }
    })?;
    Ok(())
}

fn register_symmetric(module: &mut RpcModule<Shh>) -> Result<(), RegisterMethodError> {
    module.register_method("shh_newSymKey", |_, shh, _| {
        Ok::<_, CallError>(shh.whisper.keys().new_symmetric().to_string())
    })?;
    module.register_method("shh_addSymKey", |params, shh, _| {
        let bytes: HexBytes = Arguments::of(&params, 1)?.required()?;
        let size = bytes.as_slice().len();
        let key = Zeroizing::new(bytes.array().ok_or(CallError::SymmetricKeySize { size })?);
        let key = SymmetricKey::from_bytes(*key);
        Ok::<_, CallError>(shh.whisper.keys().add_symmetric(key).to_string())
    })?;
    // Deriving a key is slow by design: not on the threads that answer.
    module.register_blocking_method("shh_generateSymKeyFromPassword", |params, shh, _| {
        let password = Zeroizing::new(Arguments::of(&params, 1)?.required::<String>()?);
        Ok::<_, CallError>(shh.whisper.keys().symmetric_from_password(&password).to_string())
    })?;
    module.register_method("shh_hasSymKey", |params, shh, _| {
        Ok::<_, CallError>(id(&params)?.1.is_some_and(|id| shh.whisper.keys().has_symmetric(&id)))
    })?;
    module.register_method("shh_getSymKey", |params, shh, _| {
        let key = id(&params)?.1.and_then(|id| shh.whisper.keys().symmetric(&id));
        let key = key.ok_or(CallError::NoSuchSymmetricKey)?;
        Ok::<_, CallError>(HexBytes::from(key.as_bytes().as_slice()))
    })?;
    module.register_method("shh_deleteSymKey", |params, shh, _| {
        Ok::<_, CallError>(
            id(&params)?.1.is_some_and(|id| shh.whisper.keys().delete_symmetric(&id)),
        )
    })?;
    Ok(())
}

/// The only argument, the name of a key: as given, and as an id. What is not an id names no key, which is no other
/// error than an id that does not.
fn id(params: &Params<'_>) -> Result<(String, Option<KeyId>), CallError> {
    let name: String = Arguments::of(params, 1)?.required()?;
    let id = name.parse().ok();
    Ok((name, id))
}

fn secret_key(bytes: &HexBytes) -> Result<SecretKey, CallError> {
    let key = Zeroizing::new(bytes.array().ok_or(CallError::PrivateKeySize)?);
    SecretKey::from_bytes(&key).map_err(|error| match error {
        KeyError::Zero => CallError::PrivateKeyZero,
        _ => CallError::PrivateKeyTooLarge,
    })
}
