//! A node with JSON-RPC in this process, and clients that send exactly the bytes they are told to.
#![allow(unreachable_pub, reason = "a module of one test target")]

pub mod client;
pub mod eventually;
pub mod http;
#[cfg(unix)]
pub mod ipc;
pub mod json;
pub mod node;
pub mod teams;
pub mod tls;
pub mod ws;
