//! What every archive promises, tested on each kind of store.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod embedded;
mod memory;
#[cfg(feature = "postgres")]
mod nodes;
#[cfg(feature = "postgres")]
mod postgres;
mod promises;
#[cfg(feature = "postgres")]
mod renewal;
mod samples;
#[cfg(feature = "postgres")]
mod tls;
