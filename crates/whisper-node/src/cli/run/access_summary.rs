//! Who can call the node over JSON-RPC, in one line for the operator.

use std::fmt;
use std::net::SocketAddr;

use whisper_rpc::{Namespace, RpcAccess, RpcConfig};

/// Who can call the node over JSON-RPC, and which namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessSummary {
    ports: Vec<Port>,
    ipc: bool,
    credential: &'static str,
    tls: bool,
}

/// A transport with a TCP port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Port {
    transport: &'static str,
    addr: SocketAddr,
    api: Vec<Namespace>,
}

impl AccessSummary {
    /// Summarizes a configuration.
    pub(crate) fn of(config: &RpcConfig) -> Self {
        let http = config.http.as_ref().map(|http| ("HTTP", http.addr, http.api.clone()));
        let ws = config.ws.as_ref().map(|ws| ("WebSocket", ws.addr, ws.api.clone()));
        let ports = [http, ws].into_iter().flatten();
        Self {
            ports: ports.map(|(transport, addr, api)| Port { transport, addr, api }).collect(),
            ipc: config.ipc.is_some(),
            credential: match config.access {
                RpcAccess::Open => "no token",
                RpcAccess::Token(_) => "token",
                RpcAccess::Teams(_) => "tokens of teams",
            },
            tls: config.tls.is_some(),
        }
    }

    /// The URL schemes of HTTP and WebSocket.
    pub(crate) fn schemes(&self) -> (&'static str, &'static str) {
        if self.tls { ("https", "wss") } else { ("http", "ws") }
    }
}

impl fmt::Display for AccessSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Port { transport, addr, api } in &self.ports {
            let from = if addr.ip().is_loopback() { "this machine" } else { "anywhere" };
            let api: Vec<_> = api.iter().map(|namespace| namespace.name()).collect();
            write!(f, "{transport} from {from} ({}), ", api.join(","))?;
        }
        let tls = if self.tls { "TLS" } else { "no TLS" };
        match (self.ports.is_empty(), self.ipc) {
            (true, true) => f.write_str("this user only"),
            (true, false) => f.write_str("none"),
            (false, _) => write!(f, "{}, {tls}", self.credential),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_from_where_the_node_can_be_called() {
        let mut config = RpcConfig::default();
        let default = "HTTP from this machine (history,net,shh,web3), WebSocket from this machine (history,net,shh,web3), no token, no TLS";
        assert_eq!(AccessSummary::of(&config).to_string(), default);
        config.ws = None;
        config.http.as_mut().unwrap().addr = "0.0.0.0:8545".parse().unwrap();
        let open = AccessSummary { credential: "token", ..AccessSummary::of(&config) };
        assert_eq!(open.to_string(), "HTTP from anywhere (history,net,shh,web3), token, no TLS");
        config.http = None;
        assert_eq!(AccessSummary::of(&config).to_string(), "none");
        config.ipc = Some("node.ipc".into());
        assert_eq!(AccessSummary::of(&config).to_string(), "this user only");
    }
}
