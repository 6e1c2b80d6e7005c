//! Discovery, or its stand-in where that is not built.

#[cfg(feature = "discovery")]
mod bound;
#[cfg(not(feature = "discovery"))]
mod off;
#[cfg(feature = "discovery")]
mod on;

#[cfg(not(feature = "discovery"))]
pub(crate) use off::Discovery;
#[cfg(feature = "discovery")]
pub use on::DiscoveryConfig;
#[cfg(feature = "discovery")]
pub(crate) use on::{Discovery, Running};
