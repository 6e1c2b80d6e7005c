//! The flags about JSON-RPC.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use clap::{ArgAction, Args};
use whisper_rpc::{
    HttpSettings, Namespace, RpcAccess, RpcConfig, RpcLimits, Tls, Token, WebNameError, WebSetting,
    WsSettings,
};

use super::key::{require_regular_file, warn_if_exposed};
use super::list::{List, list};
use crate::cli::config::teams_settings;
use crate::cli::failure::Failure;

/// The namespaces that HTTP and WebSocket serve: [`Namespace::DEFAULT`], which a test compares.
const DEFAULT_API: &str = "history,net,shh,web3";

/// Where JSON-RPC is served, and access control.
#[derive(Args, Clone, Debug)]
pub(crate) struct RpcFlags {
    #[command(flatten)]
    http: HttpFlags,

    #[command(flatten)]
    ws: WsFlags,

    #[command(flatten)]
    ipc: IpcFlags,

    #[command(flatten)]
    security: SecurityFlags,
}

/// The parser of an entry of a list of hosts or origins.
fn web_name(setting: WebSetting) -> impl Fn(&str) -> Result<String, WebNameError> + Clone {
    move |text| setting.check(text).map(|()| text.to_owned())
}

// `on`, address, port and namespaces are the same for HTTP and WebSocket. They stay two structs: clap cannot add a prefix
// to the names of flattened flags, and an implementation of `Args` by hand is longer than these four flags.

/// JSON-RPC over HTTP.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "JSON-RPC")]
struct HttpFlags {
    /// Serve JSON-RPC over HTTP (--http=false turns it off)
    #[arg(long, alias = "rpc", value_name = "BOOL", action = ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    http: bool,

    /// Address of the HTTP server
    #[arg(long = "http.addr", alias = "rpcaddr", value_name = "IP", default_value_t = HttpSettings::default().addr.ip())]
    http_addr: IpAddr,

    /// Port of the HTTP server; 0: any free port
    #[arg(long = "http.port", alias = "rpcport", value_name = "PORT", default_value_t = HttpSettings::default().addr.port())]
    http_port: u16,

    /// Namespaces served over HTTP, comma-separated. With admin, clients control the node and may change its shh settings
    #[arg(long = "http.api", alias = "rpcapi", value_name = "NAMES", value_parser = list(Namespace::from_str), default_value = DEFAULT_API)]
    http_api: Vec<List<Namespace>>,

    /// Origins whose web pages may call (CORS), comma-separated, or *
    #[arg(long = "http.corsdomain", alias = "rpccorsdomain", value_name = "ORIGINS", value_parser = list(web_name(WebSetting::Cors)))]
    http_corsdomain: Vec<List<String>>,

    /// Accepted host names in requests, comma-separated, or *
    #[arg(long = "http.vhosts", alias = "rpcvhosts", value_name = "NAMES", value_parser = list(web_name(WebSetting::VirtualHosts)), default_value = "localhost")]
    http_vhosts: Vec<List<String>>,

    /// Serve a chat page at / of the HTTP port, an example of an application
    #[arg(long = "http.chat")]
    http_chat: bool,
}

/// JSON-RPC over WebSocket.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "JSON-RPC")]
struct WsFlags {
    /// Serve JSON-RPC over WebSocket (--ws=false turns it off)
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    ws: bool,

    /// Address of the WebSocket server
    #[arg(long = "ws.addr", alias = "wsaddr", value_name = "IP", default_value_t = WsSettings::default().addr.ip())]
    ws_addr: IpAddr,

    /// Port of the WebSocket server; 0: any free port
    #[arg(long = "ws.port", alias = "wsport", value_name = "PORT", default_value_t = WsSettings::default().addr.port())]
    ws_port: u16,

    /// Namespaces served over WebSocket, comma-separated. See --http.api
    #[arg(long = "ws.api", alias = "wsapi", value_name = "NAMES", value_parser = list(Namespace::from_str), default_value = DEFAULT_API)]
    ws_api: Vec<List<Namespace>>,

    /// Origins whose web pages may connect, comma-separated, or * [default: pages of this machine]
    #[arg(long = "ws.origins", alias = "wsorigins", value_name = "ORIGINS", value_parser = list(web_name(WebSetting::WsOrigins)))]
    ws_origins: Vec<List<String>>,
}

/// JSON-RPC over IPC.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "JSON-RPC")]
struct IpcFlags {
    /// Do not serve JSON-RPC over IPC
    #[arg(long)]
    ipcdisable: bool,

    /// Socket for JSON-RPC over IPC. It serves all namespaces, only for the user that runs the node. A
    /// name without a folder is in the data directory
    #[arg(long, value_name = "PATH", default_value = "whisper-node.ipc")]
    ipcpath: PathBuf,
}

/// Token, encryption, and limits.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "JSON-RPC")]
struct SecurityFlags {
    /// File with the token that clients of HTTP and WebSocket must send; made if it does not exist
    #[arg(long = "rpc.token-file", value_name = "FILE")]
    rpc_token_file: Option<PathBuf>,

    /// File with the teams whose clients share this node, in TOML. Each client of HTTP and WebSocket must send a token of
    /// a team. What one team makes does not exist for another
    #[arg(long, value_name = "FILE", conflicts_with = "rpc_token_file")]
    teams: Option<PathBuf>,

    /// File to which administration, refused calls and changes of teams are appended, a line of JSON for each, bound to the
    /// one before by its hash; made if it does not exist
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,

    /// Serve HTTP and WebSocket over TLS with the certificate in this PEM file
    #[arg(long = "rpc.tls-cert", value_name = "FILE", requires = "rpc_tls_key")]
    rpc_tls_cert: Option<PathBuf>,

    /// The private key of the certificate, in this PEM file
    #[arg(long = "rpc.tls-key", value_name = "FILE", requires = "rpc_tls_cert")]
    rpc_tls_key: Option<PathBuf>,

    /// Maximum time for the proof of work of a post, in seconds. A post that asks for more is refused
    #[arg(long = "rpc.max-pow-time", value_name = "SECONDS", default_value_t = RpcLimits::default().pow_time.as_secs())]
    rpc_max_pow_time: u64,

    /// Maximum memory for what all clients send and have not read yet, in megabytes. Above it, the client that occupies
    /// most is disconnected
    #[arg(long = "rpc.memory", value_name = "MB", default_value_t = default_memory(), value_parser = clap::value_parser!(u32).range(1..))]
    rpc_memory: u32,
}

fn default_memory() -> u32 {
    u32::try_from(RpcLimits::default().memory >> 20).unwrap_or(u32::MAX)
}

impl RpcFlags {
    /// The configuration of the servers. Reads the token and the certificate; makes the token if needed.
    pub(crate) fn config(self, datadir: PathBuf) -> Result<RpcConfig, Failure> {
        let ipc = self.ipc.path(&datadir);
        let SecurityFlags {
            rpc_token_file,
            teams,
            audit: _,
            rpc_tls_cert,
            rpc_tls_key,
            rpc_max_pow_time,
            rpc_memory,
        } = self.security;
        for (flag, file) in [
            ("--rpc.token-file", &rpc_token_file),
            ("--teams", &teams),
            ("--rpc.tls-cert", &rpc_tls_cert),
            ("--rpc.tls-key", &rpc_tls_key),
        ] {
            file.as_deref().map_or(Ok(()), |file| require_regular_file(flag, file))?;
        }
        [&rpc_token_file, &rpc_tls_key].into_iter().flatten().for_each(warn_if_exposed);
        let access = match (&rpc_token_file, &teams) {
            (Some(file), _) => RpcAccess::Token(Token::load_or_create(file)?),
            (None, Some(file)) => RpcAccess::Teams(teams_settings(file)?),
            (None, None) => RpcAccess::Open,
        };
        let tls = match (&rpc_tls_cert, &rpc_tls_key) {
            (Some(certificates), Some(key)) => Some(Tls::load(certificates, key)?),
            _ => None,
        };
        let (http, ws) = (self.http.settings(), self.ws.settings());
        let memory = usize::try_from(rpc_memory).unwrap_or(usize::MAX).saturating_mul(1 << 20);
        let pow_time = Duration::from_secs(rpc_max_pow_time);
        let limits = RpcLimits { pow_time, memory, ..RpcLimits::default() };
        Ok(RpcConfig { http, ws, ipc, access, tls, limits, datadir, ..RpcConfig::default() })
    }
}

/// What other parts of the program need to know.
impl RpcFlags {
    /// The file with the token.
    pub(crate) fn token_file(&self) -> Option<&Path> {
        self.security.rpc_token_file.as_deref()
    }

    /// The file with the teams.
    pub(crate) fn teams_file(&self) -> Option<&Path> {
        self.security.teams.as_deref()
    }

    /// The file of the audit log.
    pub(crate) fn audit_file(&self) -> Option<&Path> {
        self.security.audit.as_deref()
    }

    /// The file with the certificate.
    pub(crate) fn tls_cert(&self) -> Option<&Path> {
        self.security.rpc_tls_cert.as_deref()
    }

    /// The address of HTTP, if it is to be served.
    pub(crate) fn http_addr(&self) -> Option<SocketAddr> {
        self.http.clone().settings().map(|http| http.addr)
    }

    /// The address of WebSocket, if it is to be served.
    pub(crate) fn ws_addr(&self) -> Option<SocketAddr> {
        self.ws.clone().settings().map(|ws| ws.addr)
    }

    /// The path of the socket, if it is to be served.
    pub(crate) fn ipc_path(&self, datadir: &Path) -> Option<PathBuf> {
        self.ipc.path(datadir)
    }
}

impl HttpFlags {
    fn settings(self) -> Option<HttpSettings> {
        self.http.then(|| HttpSettings {
            addr: SocketAddr::new(self.http_addr, self.http_port),
            api: List::joined(self.http_api),
            cors: List::joined(self.http_corsdomain),
            vhosts: List::joined(self.http_vhosts),
            chat: self.http_chat,
        })
    }
}

impl WsFlags {
    fn settings(self) -> Option<WsSettings> {
        self.ws.then(|| WsSettings {
            addr: SocketAddr::new(self.ws_addr, self.ws_port),
            api: List::joined(self.ws_api),
            origins: List::joined(self.ws_origins),
        })
    }
}

impl IpcFlags {
    /// The path of the socket; `None` on systems without Unix sockets. Like in go-ethereum, a name without a folder is in
    /// the data directory.
    fn path(&self, datadir: &Path) -> Option<PathBuf> {
        let is_name = self.ipcpath.parent() == Some(Path::new(""));
        let path = if is_name { datadir.join(&self.ipcpath) } else { self.ipcpath.clone() };
        (cfg!(unix) && !self.ipcdisable).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        rpc: RpcFlags,
    }

    fn config(words: &[&str]) -> RpcConfig {
        let words = ["whisper-node"].iter().chain(words);
        Command::try_parse_from(words).unwrap().rpc.config(PathBuf::from(".")).unwrap()
    }

    #[test]
    fn both_servers_are_on_unless_turned_off() {
        assert!(config(&[]).http.is_some() && config(&[]).ws.is_some());
        assert!(config(&["--http", "--ws"]).http.is_some());
        assert!(config(&["--http=false"]).http.is_none());
        assert!(config(&["--ws=false"]).ws.is_none());
    }

    #[test]
    fn the_defaults_are_those_of_the_library_except_for_ipc() {
        let mut config = config(&[]);
        let defaults = RpcConfig::default();
        config.ipc = defaults.ipc.clone();
        assert_eq!(format!("{config:?}"), format!("{defaults:?}"));
    }
}
