//! Who can call the node, in a line for its operator.

use std::fmt;
use std::net::SocketAddr;

use whisper_rpc::{Namespace, RpcConfig};

/// Who can call the node over HTTP and WebSocket, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    doors: Vec<Door>,
    ipc: bool,
    token: bool,
    tls: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Door {
    name: &'static str,
    addr: SocketAddr,
    api: Vec<Namespace>,
}

impl Access {
    /// That of a node with this configuration.
    pub(crate) fn of(config: &RpcConfig) -> Self {
        let http = config.http.as_ref().map(|http| ("HTTP", http.addr, http.api.clone()));
        let ws = config.ws.as_ref().map(|ws| ("WebSocket", ws.addr, ws.api.clone()));
        let doors = [http, ws].into_iter().flatten();
        Self {
            doors: doors.map(|(name, addr, api)| Door { name, addr, api }).collect(),
            ipc: config.ipc.is_some(),
            token: config.token.is_some(),
            tls: config.tls.is_some(),
        }
    }

    /// Those of the URLs of HTTP and WebSocket.
    pub(crate) fn schemes(&self) -> (&'static str, &'static str) {
        if self.tls { ("https", "wss") } else { ("http", "ws") }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Door { name, addr, api } in &self.doors {
            let whom = if addr.ip().is_loopback() { "this machine" } else { "anywhere" };
            let api: Vec<_> = api.iter().map(|namespace| namespace.name()).collect();
            write!(f, "{name} from {whom} ({}), ", api.join(","))?;
        }
        let or_no = |there: bool, name: &str| format!("{}{name}", if there { "" } else { "no " });
        match (self.doors.is_empty(), self.ipc) {
            (true, true) => f.write_str("this user only"),
            (true, false) => f.write_str("nobody"),
            (false, _) => write!(f, "{}, {}", or_no(self.token, "token"), or_no(self.tls, "TLS")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_told_who_may_come() {
        let mut config = RpcConfig::default();
        let ours = "HTTP from this machine (net,shh,web3), WebSocket from this machine (net,shh,web3), no token, no TLS";
        assert_eq!(Access::of(&config).to_string(), ours);
        config.ws = None;
        config.http.as_mut().unwrap().addr = "0.0.0.0:8545".parse().unwrap();
        let open = Access { token: true, ..Access::of(&config) };
        assert_eq!(open.to_string(), "HTTP from anywhere (net,shh,web3), token, no TLS");
        config.http = None;
        assert_eq!(Access::of(&config).to_string(), "nobody");
        config.ipc = Some("node.ipc".into());
        assert_eq!(Access::of(&config).to_string(), "this user only");
    }
}
