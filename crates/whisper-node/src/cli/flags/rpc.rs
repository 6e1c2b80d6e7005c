//! The flags about JSON-RPC.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use whisper_rpc::{HttpSettings, Namespace, RpcConfig, Tls, Token, WsSettings};

use super::super::failure::Failure;

/// Where and to whom JSON-RPC is served.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "JSON-RPC")]
pub(crate) struct RpcFlags {
    /// Serve JSON-RPC over HTTP (--http=false turns it off)
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) http: bool,

    /// Address of the HTTP server
    #[arg(long = "http.addr", value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) http_addr: IpAddr,

    /// Port of the HTTP server; 0 takes a free one
    #[arg(long = "http.port", value_name = "PORT", default_value_t = 8545)]
    pub(crate) http_port: u16,

    /// Namespaces served over HTTP, comma-separated
    #[arg(
        long = "http.api",
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "admin,net,shh,web3"
    )]
    pub(crate) http_api: Vec<Namespace>,

    /// Origins that browsers may call from, comma-separated, or *
    #[arg(long = "http.corsdomain", value_name = "ORIGINS", value_delimiter = ',')]
    pub(crate) http_corsdomain: Vec<String>,

    /// Host names that requests may be addressed to, comma-separated, or *
    #[arg(
        long = "http.vhosts",
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "localhost"
    )]
    pub(crate) http_vhosts: Vec<String>,

    /// Serve JSON-RPC over WebSocket (--ws=false turns it off)
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) ws: bool,

    /// Address of the WebSocket server
    #[arg(long = "ws.addr", value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) ws_addr: IpAddr,

    /// Port of the WebSocket server; 0 takes a free one
    #[arg(long = "ws.port", value_name = "PORT", default_value_t = 8546)]
    pub(crate) ws_port: u16,

    /// Namespaces served over WebSocket, comma-separated
    #[arg(
        long = "ws.api",
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "admin,net,shh,web3"
    )]
    pub(crate) ws_api: Vec<Namespace>,

    /// Origins that browsers may connect from, comma-separated, or *
    #[arg(long = "ws.origins", value_name = "ORIGINS", value_delimiter = ',')]
    pub(crate) ws_origins: Vec<String>,

    /// Do not serve JSON-RPC over IPC
    #[arg(long)]
    pub(crate) ipcdisable: bool,

    /// Socket for JSON-RPC over IPC, with all namespaces, for this user only; a mere name is one in the data directory
    #[arg(long, value_name = "PATH", default_value = "whisper-node.ipc")]
    pub(crate) ipcpath: PathBuf,

    /// Require of clients over HTTP and WebSocket the token in this file, which is made if it is not there
    #[arg(long = "rpc.token-file", value_name = "FILE")]
    pub(crate) rpc_token_file: Option<PathBuf>,

    /// Serve HTTP and WebSocket over TLS with the certificate in this PEM file
    #[arg(long = "rpc.tls-cert", value_name = "FILE", requires = "rpc_tls_key")]
    pub(crate) rpc_tls_cert: Option<PathBuf>,

    /// The certificate's private key, in this PEM file
    #[arg(long = "rpc.tls-key", value_name = "FILE", requires = "rpc_tls_cert")]
    pub(crate) rpc_tls_key: Option<PathBuf>,
}

impl RpcFlags {
    /// What JSON-RPC is served as. `datadir`: where the socket lies, unless told otherwise. Reads the token and the
    /// certificate, and makes the token where needed.
    pub(crate) fn config(self, datadir: PathBuf) -> Result<RpcConfig, Failure> {
        let ipc = self.ipc(&datadir);
        let token = self.rpc_token_file.as_ref().map(Token::load_or_create).transpose()?;
        let tls = match (&self.rpc_tls_cert, &self.rpc_tls_key) {
            (Some(certificates), Some(key)) => Some(Tls::load(certificates, key)?),
            _ => None,
        };
        let http = self.http.then(|| HttpSettings {
            addr: SocketAddr::new(self.http_addr, self.http_port),
            api: self.http_api,
            cors: self.http_corsdomain,
            vhosts: self.http_vhosts,
        });
        let ws = self.ws.then(|| WsSettings {
            addr: SocketAddr::new(self.ws_addr, self.ws_port),
            api: self.ws_api,
            origins: self.ws_origins,
        });
        Ok(RpcConfig { http, ws, ipc, token, tls, datadir, ..RpcConfig::default() })
    }

    /// As go-ethereum: a name without a folder is one in the data directory. Where there are no Unix sockets, none.
    fn ipc(&self, datadir: &Path) -> Option<PathBuf> {
        let is_name = self.ipcpath.parent() == Some(Path::new(""));
        let path = if is_name { datadir.join(&self.ipcpath) } else { self.ipcpath.clone() };
        (cfg!(unix) && !self.ipcdisable).then_some(path)
    }
}
