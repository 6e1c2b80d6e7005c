//! A node with JSON-RPC in this process, and clients that send exactly the bytes they are told to.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod http;
pub mod json;
pub mod node;
pub mod ws;
