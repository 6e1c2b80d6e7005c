//! Connections, as two nodes over a pipe or as state machines without I/O. No test sleeps in real time:
//! the clock of the runtime is paused, or time is a parameter.

#![allow(clippy::unwrap_used, reason = "a test")]

mod chunk;
mod closing;
mod driver;
mod hello;
mod isolation;
mod kept_memory;
mod machine;
mod memory;
mod properties;
mod records;
mod requests;
mod restart;
mod round_trip;
mod service;
mod shares;
mod support;
mod traffic;
