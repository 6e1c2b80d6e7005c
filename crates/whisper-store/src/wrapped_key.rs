//! The data key, encrypted under a key that follows from the secret of the operator.
//!
//! Another secret changes these few bytes only, so it is changed at once however much is stored.

use argon2::{Algorithm, Argon2, Params, Version};
use p2p_world::rng;
use rlp_codec::{Item, encode_list};
use zeroize::Zeroizing;

use crate::{
    data_key::DataKey,
    error::RecordError,
    secret::{Kind, StoreSecret},
};

/// Where the encrypted key belongs.
const PLACE: &[u8] = b"data key";

/// The kinds of secrets in the file.
const PASSPHRASE: u8 = 1;
const KEY: u8 = 2;

/// The cost of deriving a key from a passphrase with Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    /// Memory in KiB.
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// The cost for new passphrases: 64 MiB and three passes, as RFC 9106 recommends where memory is limited, with one lane.
const NEW_COST: Cost = Cost { memory: 64 << 10, passes: 3, lanes: 1 };

/// The most that a file may ask for: 1 GiB. A changed file must not make the node use all memory.
const MAX_COST: Cost = Cost { memory: 1 << 20, passes: 64, lanes: 64 };

/// How the wrapping key follows from the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Derivation {
    Argon2id {
        salt: [u8; 16],
        cost: Cost,
    },
    /// The secret is the key.
    Direct,
}

/// The data key as it is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrappedKey {
    derivation: Derivation,
    sealed: Vec<u8>,
}

impl WrappedKey {
    /// Encrypts the data key. Takes a fraction of a second if the secret is a passphrase.
    pub(crate) fn wrap(data_key: &[u8; 32], secret: &StoreSecret) -> Self {
        let derivation = match secret.kind() {
            Kind::Passphrase(_) => Derivation::Argon2id { salt: rng().bytes(), cost: NEW_COST },
            Kind::Key(_) => Derivation::Direct,
        };
        let key = derivation.key(secret).expect("the derivation is one of this secret");
        let write = |out: &mut Vec<u8>| out.extend_from_slice(data_key);
        let sealed = DataKey::new(&key).seal(PLACE, data_key.len(), write);
        Self { derivation, sealed }
    }

    /// The data key; `None` if the secret is not the right one. Takes a fraction of a second if it is a passphrase.
    pub(crate) fn unwrap(&self, secret: &StoreSecret) -> Option<Zeroizing<[u8; 32]>> {
        let key = self.derivation.key(secret)?;
        let opened = DataKey::new(&key).open(PLACE, &self.sealed).ok()?;
        Some(Zeroizing::new(opened.as_slice().try_into().ok()?))
    }

    /// Whether a passphrase opens it, and not a key.
    pub(crate) const fn needs_passphrase(&self) -> bool {
        matches!(self.derivation, Derivation::Argon2id { .. })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let (mut out, sealed) = (Vec::new(), self.sealed.as_slice());
        match &self.derivation {
            Derivation::Argon2id { salt, cost: Cost { memory, passes, lanes } } => {
                encode_list(&mut out, &[&PASSPHRASE, salt, memory, passes, lanes, &sealed]);
            }
            Derivation::Direct => encode_list(&mut out, &[&KEY, &sealed]),
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        Item::parse(bytes)?.list(|list| {
            let derivation = match list.uint::<u8>()? {
                PASSPHRASE => {
                    let salt = list.array()?;
                    let [memory, passes, lanes] = [list.uint()?, list.uint()?, list.uint()?];
                    Derivation::Argon2id { salt, cost: Cost { memory, passes, lanes }.checked()? }
                }
                KEY => Derivation::Direct,
                kind => return Err(RecordError::Kind { kind }),
            };
            Ok(Self { derivation, sealed: list.bytes()?.to_vec() })
        })
    }
}

impl Cost {
    fn checked(self) -> Result<Self, RecordError> {
        let is_allowed = self.memory <= MAX_COST.memory
            && self.passes <= MAX_COST.passes
            && self.lanes <= MAX_COST.lanes;
        let is_valid = Params::new(self.memory, self.passes, self.lanes, Some(32)).is_ok();
        if is_allowed && is_valid { Ok(self) } else { Err(RecordError::Cost) }
    }
}

impl Derivation {
    /// The wrapping key; `None` if the secret is of another kind.
    fn key(&self, secret: &StoreSecret) -> Option<Zeroizing<[u8; 32]>> {
        match (self, secret.kind()) {
            (Self::Direct, Kind::Key(key)) => Some(key.clone()),
            (Self::Argon2id { salt, cost }, Kind::Passphrase(text)) => {
                let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(32)).ok()?;
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let mut key = Zeroizing::new([0; 32]);
                argon2.hash_password_into(text.as_bytes(), salt, &mut *key).ok()?;
                Some(key)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> StoreSecret {
        StoreSecret::passphrase(text.to_owned().into()).unwrap()
    }

    #[test]
    fn only_the_same_secret_opens_it() {
        let key = |byte| StoreSecret::key(Zeroizing::new([byte; 32]));
        let secrets = [passphrase("swordfish"), key(1)];
        for (index, secret) in secrets.iter().enumerate() {
            let wrapped = WrappedKey::wrap(&[9; 32], secret);
            let wrapped = WrappedKey::decode(&wrapped.encode()).unwrap();
            assert_eq!(wrapped.unwrap(secret).as_deref(), Some(&[9; 32]));
            assert_eq!(wrapped.needs_passphrase(), index == 0);
            for other in [&secrets[1 - index], &passphrase("Swordfish"), &key(2)] {
                assert_eq!(wrapped.unwrap(other), None, "{other:?}");
            }
        }
    }

    #[test]
    fn a_file_cannot_ask_for_more_memory_than_there_is() {
        let mut wrapped = WrappedKey::wrap(&[9; 32], &passphrase("swordfish"));
        for cost in [
            Cost { memory: MAX_COST.memory + 1, ..NEW_COST },
            Cost { passes: MAX_COST.passes + 1, ..NEW_COST },
            Cost { lanes: MAX_COST.lanes + 1, ..NEW_COST },
            Cost { memory: 1, ..NEW_COST },
            Cost { lanes: 0, ..NEW_COST },
        ] {
            wrapped.derivation = Derivation::Argon2id { salt: [0; 16], cost };
            assert_eq!(WrappedKey::decode(&wrapped.encode()), Err(RecordError::Cost), "{cost:?}");
        }
    }
}
