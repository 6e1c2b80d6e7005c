//! Stores Whisper envelopes, so that a client that was away misses nothing.
//!
//! [`EmbeddedArchive`] keeps them in one file, `PostgresArchive` (feature `postgres`) in a database. Each is an [`Archive`](whisper_protocol::Archive): it numbers the envelopes in
//! the order in which it stores them, and finds them by topics, by bloom, by hashes and by the time of sending.
#![doc = include_str!("../README.md")]

mod clock;
mod effort;
mod embedded;
mod group;
mod keys;
#[cfg(feature = "postgres")]
mod postgres;
mod retention;
mod writer;

pub use embedded::{EmbeddedArchive, OpenError};
pub use node_store::Damage;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresAddress, PostgresArchive, PostgresError, Target};
pub use retention::Retention;
