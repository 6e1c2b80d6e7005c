//! Servers over real sockets on loopback. Nothing here sleeps: every test waits for what must
//! happen.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[cfg(feature = "serde")]
mod admin;
mod candidates;
#[cfg(feature = "discovery")]
mod discovery;
mod flood;
mod hostile;
#[cfg(feature = "dns")]
mod lists;
mod memory;
mod own_streams;
mod peers;
mod protocols;
mod proxy;
mod refusal;
mod rules;
mod simultaneous;
mod start;
mod stop;
mod support;
