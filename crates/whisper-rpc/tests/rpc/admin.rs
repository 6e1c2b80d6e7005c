//! The namespace `admin`: who may be a peer, and events of peers.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::client::Client;
use crate::support::node::{Node, request};
use crate::support::ws::WsClient;
use serde_json::{Value, json};

/// Subscribes to the events of a node's peers.
async fn subscribed(node: &Node) -> WsClient {
    let mut client = node.connect().await;
    let answer = client.ask(request("admin_subscribe", json!(["peerEvents"]))).await;
    assert!(answer.contains("\"result\":\"0x"), "{answer}");
    client
}

/// The next event, as text and as JSON.
async fn event(client: &mut WsClient) -> (String, Value) {
    let text = client.next().await.expect("a notification");
    let notification: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(notification["method"], "admin_subscription", "{text}");
    (text, notification["params"]["result"].clone())
}

fn hash(node: &Node) -> Value {
    node.server.node_info().id.into()
}

/// What a node tells about another in `admin_dialState`.
async fn dial_state(node: &Node, of: &Node) -> Value {
    let all = node.result("admin_dialState", json!([])).await;
    let found = all.as_array().unwrap().iter().find(|dial_state| dial_state["id"] == hash(of));
    found.unwrap_or_else(|| panic!("{all}")).clone()
}

#[tokio::test]
async fn events_of_peers_have_the_form_of_go_ethereum() {
    let (node, other) = (Node::start().await, Node::start().await);
    let mut client = subscribed(&node).await;
    node.result("admin_addPeer", json!([other.enode().to_string()])).await;
    let (text, added) = event(&mut client).await;
    let link = node.server.peers()[0].network.link.clone();
    assert!(link.starts_with("sec/1 (X25519 ML-KEM-768 "), "{link}");
    assert_eq!(added, json!({ "type": "add", "peer": hash(&other), "link": link }));
    let peers = node.result("admin_peers", json!([])).await;
    assert_eq!(peers[0]["network"]["link"], json!(link));
    assert!(text.contains(r#""result":{"type":"add","peer":""#), "{text}");
    node.result("admin_removePeer", json!([other.enode().to_string()])).await;
    let (_, dropped) = event(&mut client).await;
    let error = "by us: disconnect requested";
    assert_eq!(dropped, json!({ "type": "drop", "peer": hash(&other), "error": error }));

    for (params, error) in [
        (json!(["somethingElse"]), "The method admin_somethingElse does not exist"),
        (json!([]), "missing value for required argument 0"),
    ] {
        let answer = node.connect().await.ask(request("admin_subscribe", params)).await;
        assert!(answer.contains(error), "{answer}");
    }
}

#[tokio::test]
async fn messages_of_peers_are_reported_if_configured() {
    let (node, other) = (Node::with_message_events().await, Node::start().await);
    let mut client = subscribed(&node).await;
    node.result("admin_addPeer", json!([other.enode().to_string()])).await;
    assert_eq!(event(&mut client).await.1["type"], "add");
    // Each end sends its status, message 0 of Whisper, at once.
    let mut told = Vec::new();
    while told.len() < 2 {
        let (text, message) = event(&mut client).await;
        if message["msg_code"] == 0 {
            let start = format!(
                r#"{{"type":{},"peer":{},"protocol":"shh","msg_code":0,"msg_size":"#,
                message["type"],
                hash(&other)
            );
            assert!(text.contains(&start), "{text}");
            assert!(message["msg_size"].as_u64().unwrap() > 0, "{text}");
            told.push(message["type"].as_str().unwrap().to_owned());
        }
    }
    told.sort_unstable();
    assert_eq!(told, ["msgrecv", "msgsend"]);
}

#[tokio::test]
async fn a_banned_peer_is_disconnected_and_the_end_of_the_ban_is_shown() {
    let (node, other) = (Node::start().await, Node::start().await);
    let mut client = subscribed(&node).await;
    let url = other.enode().to_string();
    node.result("admin_addPeer", json!([url])).await;
    event(&mut client).await;
    assert_eq!(node.result("admin_banPeer", json!([url, 3600])).await, true);
    assert_eq!(event(&mut client).await.1["type"], "drop");

    let id = other.server.id().to_string();
    let bans = node.result("admin_bans", json!([])).await;
    assert_eq!((bans.as_array().unwrap().len(), &bans[0]["who"]), (1, &json!(id)));
    let until = bans[0]["until"].as_u64().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!((now + 3500..=now + 3601).contains(&until), "{until}");
    let dial_state = dial_state(&node, &other).await;
    assert_eq!((&dial_state["kind"], &dial_state["connected"]), (&json!("static"), &json!(false)));
    assert_eq!((&dial_state["next"], &dial_state["why"]), (&json!("barred"), &json!("banned")));
    assert!(dial_state["at"].as_u64().unwrap().abs_diff(until) <= 1);
    assert_eq!(dial_state["lastDrop"]["why"], "by us: disconnect requested");

    assert_eq!(node.result("admin_unbanPeer", json!([id])).await, true);
    assert_eq!(node.result("admin_unbanPeer", json!([id])).await, false);
    assert_eq!(event(&mut client).await.1["type"], "add");
    assert_eq!(self::dial_state(&node, &other).await["next"], "stay");
    assert_eq!(node.result("admin_banPeer", json!(["127.0.0.0/8"])).await, true);
    assert_eq!(event(&mut client).await.1["type"], "drop");
    let bans = node.result("admin_bans", json!([])).await;
    assert_eq!(bans, json!([{ "who": "127.0.0.0/8", "until": null }]));
    let error = node.call("admin_banPeer", json!(["somewhere"])).await;
    assert_eq!(error["error"]["message"], "invalid enode: invalid URL scheme, want \"enode\"");
}

#[tokio::test]
async fn allowed_nodes_and_networks_change_while_the_node_runs() {
    let (node, other) = (Node::start().await, Node::start().await);
    let mut client = subscribed(&node).await;
    node.result("admin_addPeer", json!([other.enode().to_string()])).await;
    event(&mut client).await;
    let id = other.server.id().to_string();
    assert_eq!(node.result("admin_allowedPeers", json!([])).await, Value::Null);
    assert_eq!(node.result("admin_allowPeer", json!([id])).await, false, "all are");
    assert_eq!(node.result("admin_setAllowedPeers", json!([[]])).await, true);
    assert_eq!(event(&mut client).await.1["type"], "drop");
    assert_eq!(dial_state(&node, &other).await["why"], "not allowed");
    assert_eq!(node.result("admin_allowPeer", json!([id])).await, true);
    assert_eq!(event(&mut client).await.1["type"], "add");
    assert_eq!(node.result("admin_allowedPeers", json!([])).await, json!([id]));
    assert_eq!(node.result("admin_disallowPeer", json!([id])).await, true);
    assert_eq!(event(&mut client).await.1["type"], "drop");
    assert_eq!(node.result("admin_setAllowedPeers", json!([])).await, true);
    assert_eq!(event(&mut client).await.1["type"], "add");

    assert_eq!(node.result("admin_setNetRestrict", json!(["10.0.0.0/8"])).await, true);
    assert_eq!(event(&mut client).await.1["type"], "drop");
    assert_eq!(node.result("admin_netRestrict", json!([])).await, "10.0.0.0/8");
    assert_eq!(dial_state(&node, &other).await["why"], "outside of the permitted networks");
    let error = node.call("admin_setNetRestrict", json!(["10.0.0.0"])).await;
    assert!(error["error"]["message"].as_str().unwrap().contains("CIDR"), "{error}");
    assert_eq!(node.result("admin_setNetRestrict", json!([])).await, true);
    assert_eq!(event(&mut client).await.1["type"], "add");
}

#[tokio::test]
async fn dial_state_says_why_a_node_cannot_be_reached() {
    let (node, gone) = (Node::start().await, Node::start().await);
    let url = gone.enode().to_string();
    gone.server.stop().await;
    node.result("admin_addPeer", json!([url])).await;
    let dial_state = loop {
        let dial_state = dial_state(&node, &gone).await;
        if dial_state.get("lastFailure").is_some() {
            break dial_state;
        }
        tokio::task::yield_now().await;
    };
    let why = dial_state["lastFailure"]["why"].as_str().unwrap();
    assert!(why.starts_with("cannot connect: "), "{why}");
    assert_eq!(dial_state["kind"], "static");
    if dial_state["next"] == "dial" {
        assert_eq!(dial_state["why"], "failed");
        assert!(dial_state["failures"].as_u64().unwrap() >= 1);
    }
}
