//! How calls come in: HTTP, WebSocket and IPC.

pub(crate) mod control;
pub(crate) mod conversation;
pub(crate) mod cors;
pub(crate) mod http;
#[cfg(unix)]
pub(crate) mod ipc;
pub(crate) mod listening;
pub(crate) mod origins;
pub(crate) mod start_error;
pub(crate) mod tls;
pub(crate) mod token;
pub(crate) mod transports;
pub(crate) mod vhosts;
pub(crate) mod ws;
