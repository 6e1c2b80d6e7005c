//! Tests of the public items of the crate.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod ecies;
mod enode;
mod key_file;
mod keys;
#[cfg(feature = "keystore")]
mod keystore;
#[cfg(feature = "record")]
mod record;
mod vectors;
