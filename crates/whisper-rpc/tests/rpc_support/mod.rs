//! A node with JSON-RPC in this process, and clients that send exactly the bytes they are told to.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod client;
pub mod http;
#[cfg(unix)]
pub mod ipc;
pub mod json;
pub mod node;
pub mod ws;
