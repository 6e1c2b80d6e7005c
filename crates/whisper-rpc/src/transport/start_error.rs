//! Why the servers could not start.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use jsonrpsee::core::RegisterMethodError;

/// A way for clients to reach the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// JSON-RPC over HTTP.
    Http,
    /// JSON-RPC over WebSocket.
    Ws,
}

impl Transport {
    /// The program's flag for the port.
    #[must_use]
    pub const fn port_flag(self) -> &'static str {
        match self {
            Self::Http => "--http.port",
            Self::Ws => "--ws.port",
        }
    }
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
    /// Another program, or another of our nodes, listens there.
    #[error("{address} is already in use: choose another port for JSON-RPC over {transport} with {}", transport.port_flag())]
    AddressInUse {
        /// What was to be served.
        transport: Transport,
        /// Where.
        address: SocketAddr,
    },
    /// The address cannot be listened at.
    #[error("cannot listen at {address} for JSON-RPC over {transport}")]
    Bind {
        /// What was to be served.
        transport: Transport,
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Another node listens at the IPC socket.
    #[error("{} is another running node's: choose another --ipcpath or --datadir, or --ipcdisable", path.display())]
    IpcInUse {
        /// Where.
        path: PathBuf,
    },
    /// A file lies where the IPC socket should be.
    #[error("{} is in the way and no socket: choose another --ipcpath", path.display())]
    IpcNotASocket {
        /// Where.
        path: PathBuf,
    },
    /// The system's names of sockets are short: some hundred bytes.
    #[error("{} cannot be the name of a socket, it is too long: choose a shorter --ipcpath", path.display())]
    IpcPath {
        /// Where.
        path: PathBuf,
    },
    /// The IPC socket cannot be made.
    #[error("cannot listen at {} for JSON-RPC (--ipcpath)", path.display())]
    IpcBind {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A CORS origin that cannot be sent in a header.
    #[error("{origin:?} cannot be a CORS origin (--http.corsdomain)")]
    CorsOrigin {
        /// The origin as configured.
        origin: String,
    },
    /// Two methods of one name: a fault of this program.
    #[error("a method is registered twice")]
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
