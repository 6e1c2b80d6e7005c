//! Transports: HTTP, WebSocket and IPC.

pub(crate) mod client_stream;
pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod cors;
pub(crate) mod error;
pub(crate) mod http;
#[cfg(unix)]
pub(crate) mod ipc;
pub(crate) mod listener;
pub(crate) mod origins;
pub(crate) mod refuse_reason;
pub(crate) mod tls;
pub(crate) mod token;
pub(crate) mod transports;
pub(crate) mod vhosts;
pub(crate) mod ws;
