//! What a running node says, for tests.

use serde_json::json;
use whisper_rpc::types::{NodeInfoJson, PeerInfoJson};

/// A node with this name, which names itself as `ip`, and listens at `listens`.
pub(super) fn node(name: &str, ip: &str, listens: &str) -> NodeInfoJson {
    let node = json!({
        "id": "", "name": name, "enode": "", "enr": "", "ip": ip, "listenAddr": listens, "protocols": {},
        "ports": {"discovery": 0, "listener": 0},
    });
    serde_json::from_value(node).unwrap()
}

/// A peer with this name and these capabilities. It is at `remote`, and it dialed the node or not.
pub(super) fn peer(name: &str, caps: &[&str], remote: &str, is_inbound: bool) -> PeerInfoJson {
    let network = json!({
        "localAddress": "", "remoteAddress": remote, "inbound": is_inbound, "trusted": false, "static": false,
    });
    let peer = json!({
        "enode": "", "id": "0123456789", "name": name, "caps": caps, "protocols": {}, "network": network,
    });
    serde_json::from_value(peer).unwrap()
}
