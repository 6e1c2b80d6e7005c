//! Why the servers could not start.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use jsonrpsee::core::RegisterMethodError;
use whisper_protocol::StateError;

use crate::web_name::{WebNameError, WebSetting};

/// A transport that listens on a TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// JSON-RPC over HTTP.
    Http,
    /// JSON-RPC over WebSocket.
    Ws,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Ws => "WebSocket",
        })
    }
}

/// Why the servers could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The port is taken, by another program or by another node.
    #[error("cannot serve JSON-RPC over {transport} at {address}: the address is already in use")]
    AddressInUse {
        /// The transport.
        transport: Transport,
        /// The address.
        address: SocketAddr,
    },
    /// The node cannot listen on the address.
    #[error("cannot listen at {address} for JSON-RPC over {transport}")]
    Bind {
        /// The transport.
        transport: Transport,
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// Another node listens on the IPC socket.
    #[error("another running node uses the IPC socket {}", path.display())]
    IpcInUse {
        /// The path of the socket.
        path: PathBuf,
    },
    /// There is a file at the path of the IPC socket, and it is not a socket.
    #[error("cannot make the IPC socket {}: the file exists and is not a socket", path.display())]
    IpcNotASocket {
        /// The path of the socket.
        path: PathBuf,
    },
    /// The path of the IPC socket is too long. Systems allow about 100 bytes.
    #[error("the path of the IPC socket is too long: {}", path.display())]
    IpcPath {
        /// The path of the socket.
        path: PathBuf,
    },
    /// The IPC socket cannot be made.
    #[error("cannot listen at {} for JSON-RPC over IPC", path.display())]
    IpcBind {
        /// The path of the socket.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A configured name of web pages is invalid.
    #[error("cannot use {name:?} as {setting}")]
    WebName {
        /// What it was given as.
        setting: WebSetting,
        /// The name as configured.
        name: String,
        /// What is wrong with it.
        source: WebNameError,
    },
    /// What clients had before cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// Two methods have the same name. This is a bug in this crate.
    #[error("two methods have the same name")]
    Methods(#[from] RegisterMethodError),
}

impl RpcError {
    pub(crate) fn bind(transport: Transport, address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressInUse { transport, address },
            _ => Self::Bind { transport, address, source },
        }
    }
}
