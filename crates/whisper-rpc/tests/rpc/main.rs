//! Nodes with JSON-RPC on loopback, and clients that send exactly the bytes they are told to.
#![expect(clippy::unwrap_used, reason = "a failed test panics")]

mod access;
mod admin;
mod bad;
mod client;
mod dialect;
mod discover;
mod explain;
#[cfg(unix)]
mod golden;
mod history;
#[cfg(unix)]
mod ipc;
mod limits;
mod memory;
#[cfg(unix)]
mod replay;
mod slow;
mod start;
mod support;
mod surrogates;
mod teams;
mod texts;
mod ws;
