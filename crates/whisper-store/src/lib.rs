//! Keeps the keys, the filters and the waiting messages of a Whisper node in an encrypted file.
//!
//! [`EncryptedStore`] is a [`StateStore`](whisper_protocol::StateStore) for
//! [`ApplicationStore::keep`](whisper_protocol::ApplicationStore::keep). `STATE.md` in this crate has the format of the file.
#![doc = include_str!("../README.md")]

mod data_key;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod load;
mod record;
mod secret;
mod store;
mod tables;
#[cfg(feature = "test-util")]
pub mod test_util;
mod wrapped_key;

pub use error::{OpenError, RecordError};
pub use node_store::Damage;
pub use secret::{SecretError, StoreSecret};
pub use store::EncryptedStore;
