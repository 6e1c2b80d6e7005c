//! Stores Whisper envelopes, so that a client that was away misses nothing.
//!
//! [`EmbeddedArchive`] keeps them in one file. It is an [`Archive`](whisper_protocol::Archive): it numbers the envelopes in
//! the order in which it stores them, and finds them by topics, by bloom, by hashes and by the time of sending.
#![doc = include_str!("../README.md")]

mod embedded;
mod retention;

pub use embedded::{EmbeddedArchive, OpenError};
pub use retention::Retention;
