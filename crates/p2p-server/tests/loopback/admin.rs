//! The JSON of `admin_nodeInfo` and `admin_peers`: field names, order and types are those of go-ethereum.

use p2p_server::mux::{Capability, Protocol, identity::Record, rlp};
use serde_json::{Value, json};

use crate::support::{addr, config, pair, start};

/// The keys of an object, in the order of the text.
fn keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let (mut depth, mut rest) = (0, text);
    while let Some(at) = rest.find(['{', '}', '[', ']', '"']) {
        let (mark, after) = (rest.as_bytes()[at], &rest[at + 1..]);
        rest = after;
        match mark {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {
                let end = after.find('"').unwrap();
                rest = &after[end + 1..];
                if depth == 1 && rest.starts_with(':') {
                    keys.push(after[..end].to_owned());
                }
            }
        }
    }
    keys
}

fn describing() -> Protocol {
    Protocol::new("talk", 1, 1, |_peer, mut channel| async move {
        while channel.recv().await.is_some() {}
        Ok(())
    })
    .node_info(|| r#"{"version":"1.0","minimumPoW":0.2}"#.to_owned())
    .peer_info(|_id| Some(r#"{"light":false}"#.to_owned()))
}

#[tokio::test]
async fn node_info_has_the_shape_of_geth() {
    let a = start(config(1).protocol(describing())).await;
    let info = a.node_info();
    let text = serde_json::to_string(&info).unwrap();
    assert_eq!(
        keys(&text),
        ["id", "name", "enode", "enr", "ip", "ports", "listenAddr", "protocols"]
    );
    let listen = addr(&a);
    let hash: String = a.id().hash().iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = json!({
        "id": hash,
        "name": "node-1",
        "enode": format!("enode://{}@{listen}?discport=0", a.id()),
        "enr": info.enr,
        "ip": "127.0.0.1",
        "ports": {"discovery": 0, "listener": listen.port()},
        "listenAddr": listen.to_string(),
        "protocols": {"quiet": "unknown", "talk": {"version": "1.0", "minimumPoW": 0.2}},
    });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    assert!(
        text.contains(r#""talk":{"version":"1.0","minimumPoW":0.2}"#),
        "as the sub-protocol wrote it"
    );
    assert_eq!(serde_json::to_value(&info).unwrap(), expected);
}

#[tokio::test]
async fn the_record_has_the_address_and_the_sub_protocols() {
    let a = start(config(1).protocol(describing())).await;
    let record = |text: &str| {
        let digits = text.strip_prefix("0x").unwrap();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        Record::decode(&(0..digits.len()).step_by(2).map(byte).collect::<Vec<u8>>()).unwrap()
    };
    let first = record(&a.node_info().enr);
    assert_eq!(first.enode(), Some(a.enode()));
    let capability = |name: &str| Capability::new(name, 1);
    let expected = rlp::encode(&vec![capability("quiet"), capability("talk")]);
    assert_eq!(first.raw("cap"), Some(expected.as_slice()));
    assert_eq!(record(&a.node_info().enr), first, "nothing has changed");
}

#[tokio::test]
async fn peer_info_has_the_shape_of_geth() {
    let (a, b) = pair(config(1).protocol(describing()), config(2).protocol(describing())).await;
    let (outbound, inbound) = (a.peers().remove(0), b.peers().remove(0));
    let text = serde_json::to_string(&outbound).unwrap();
    assert_eq!(keys(&text), ["enode", "id", "name", "caps", "network", "protocols"]);
    let hash: String = b.id().hash().iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = json!({
        "enode": b.enode().to_string(),
        "id": hash,
        "name": "node-2",
        "caps": ["quiet/1", "talk/1"],
        "network": {
            "localAddress": outbound.network.local_address.to_string(),
            "remoteAddress": addr(&b).to_string(),
            "inbound": false,
            "trusted": false,
            "static": true,
            "link": a.peer(&b.id()).unwrap().link().to_string(),
        },
        "protocols": {"quiet": "unknown", "talk": {"light": false}},
    });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);

    assert!(inbound.network.inbound && !inbound.network.is_static);
    assert_eq!(inbound.enode, format!("enode://{}@{}", a.id(), outbound.network.local_address));
    b.add_trusted(a.id());
    assert!(b.peers()[0].network.trusted);
    b.remove_trusted(&a.id());
    assert!(!b.peers()[0].network.trusted);
}
