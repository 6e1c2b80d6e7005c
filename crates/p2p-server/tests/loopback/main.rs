//! Servers over real sockets on loopback. No test sleeps in real time: each waits for an event.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[cfg(feature = "serde")]
mod admin;
mod candidates;
#[cfg(feature = "discovery")]
mod discovery;
mod failing;
mod flood;
mod hostile;
mod links;
#[cfg(feature = "dns")]
mod lists;
mod memory;
mod own_streams;
mod peers;
mod protocols;
mod proxy;
mod refused;
mod rules;
mod simultaneous;
mod start;
mod stop;
mod support;
mod wrong_ends;
