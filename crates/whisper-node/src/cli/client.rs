//! Commands that use a running node over JSON-RPC.

mod channel;
pub(crate) mod chat;
pub(super) mod connection;
pub(super) mod file;
pub(super) mod listen;
pub(super) mod send;
pub(super) mod top;
pub(super) mod trace;
