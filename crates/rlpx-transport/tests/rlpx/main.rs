//! Tests of the public items of the crate.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod allocations;
mod errors;
mod frames;
mod handshake;
mod machines;
mod peers;
mod stock;
#[cfg(feature = "tokio")]
mod stream;
