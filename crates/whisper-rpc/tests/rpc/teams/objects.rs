//! Objects of one team do not exist for another.

use std::sync::Arc;

use serde_json::{Value, json};
use whisper_protocol::{ArchiveId, ArchiveSettings, MemoryArchive, TraceSettings};

use crate::support::client::Client as _;
use crate::support::eventually::eventually;
use crate::support::node::Node;
use crate::support::teams::{TeamSocket, call, message, node, result, send, team, teams, token};

const TOPIC: &str = "0x74657374";

async fn two_teams() -> Node {
    node(teams([team("weather"), team("alarms")])).await
}

/// What the other team is told about an id, and about one that does not exist: the same, except for the id.
async fn same_as_unknown(node: &Node, method: &str, id: &Value) {
    let unknown = json!("5a".repeat(32));
    let of_other = call(node, "alarms", method, json!([id])).await;
    let of_nothing = call(node, "alarms", method, json!([unknown])).await;
    let text = of_other.to_string().replace(id.as_str().unwrap(), unknown.as_str().unwrap());
    assert_eq!(text, of_nothing.to_string(), "{method}");
}

#[tokio::test]
async fn a_request_without_a_token_of_a_team_is_refused() {
    let node = two_teams().await;
    for wrong in ["", "the-token-of-no-team", &token("operator")] {
        assert_eq!(send(&node, wrong, "net_version", json!([])).await.status, 401, "{wrong}");
    }
    assert_eq!(node.rpc.stats().refused_token, 3);
    assert_eq!(result(&node, "weather", "net_version", json!([])).await, "1");
    node.stop().await;
}

#[tokio::test]
async fn keys_of_another_team_are_unknown() {
    let node = two_teams().await;
    let pair = result(&node, "weather", "shh_newKeyPair", json!([])).await;
    let symmetric = result(&node, "weather", "shh_newSymKey", json!([])).await;
    for method in ["shh_hasKeyPair", "shh_getPublicKey", "shh_getPrivateKey", "shh_deleteKeyPair"] {
        same_as_unknown(&node, method, &pair).await;
    }
    for method in ["shh_hasSymKey", "shh_getSymKey", "shh_deleteSymKey"] {
        same_as_unknown(&node, method, &symmetric).await;
    }
    for (method, argument) in [
        ("shh_post", message(&symmetric, TOPIC)),
        ("shh_newMessageFilter", json!({ "symKeyID": symmetric, "topics": [TOPIC] })),
        ("history_query", json!({ "symKeyID": symmetric, "topics": [TOPIC] })),
    ] {
        let answer = call(&node, "alarms", method, json!([argument])).await;
        assert_eq!(answer["error"]["message"], "non-existent key ID", "{method}");
        let answer = call(&node, "weather", method, json!([argument])).await;
        assert!(answer.get("result").is_some(), "{method}: {answer}");
    }
    // The keys of the node itself are of no team.
    assert!(!node.whisper.keys().has_symmetric(&symmetric.as_str().unwrap().parse().unwrap()));
    assert_eq!(result(&node, "weather", "shh_hasKeyPair", json!([pair])).await, true);
    node.stop().await;
}

#[tokio::test]
async fn filters_of_another_team_are_unknown() {
    let node = two_teams().await;
    let key = result(&node, "weather", "shh_newSymKey", json!([])).await;
    let criteria = json!([{ "symKeyID": key, "topics": [TOPIC] }]);
    let filter = result(&node, "weather", "shh_newMessageFilter", criteria).await;
    result(&node, "weather", "shh_post", json!([message(&key, TOPIC)])).await;
    for method in ["shh_getFilterMessages", "shh_deleteMessageFilter"] {
        same_as_unknown(&node, method, &filter).await;
    }
    let query = json!([{ "filter": filter }]);
    let answer = call(&node, "alarms", "history_query", query).await;
    assert_eq!(answer["error"]["message"], "filter not found");
    // The message is still there: the other team has not emptied the mailbox.
    let messages = eventually("message", async || {
        let messages = result(&node, "weather", "shh_getFilterMessages", json!([filter])).await;
        messages.as_array().unwrap().first().cloned()
    });
    assert_eq!(messages.await["payload"], "0x68656c6c6f");
    node.stop().await;
}

#[tokio::test]
async fn a_subscription_of_another_team_cannot_be_ended() {
    let node = two_teams().await;
    let mut weather = TeamSocket::connect(node.ws(), "weather").await;
    let mut alarms = TeamSocket::connect(node.ws(), "alarms").await;
    let key = weather.call("shh_newSymKey", json!([])).await["result"].take();
    let criteria = json!({ "symKeyID": key, "topics": [TOPIC] });
    let id = weather.call("shh_subscribe", json!(["messages", criteria])).await["result"].take();
    let answer = alarms.call("shh_unsubscribe", json!([id])).await;
    assert_eq!(answer["error"]["message"], "subscription not found");
    result(&node, "weather", "shh_post", json!([message(&key, TOPIC)])).await;
    let notification: Value = serde_json::from_str(&weather.next().await.unwrap()).unwrap();
    assert_eq!(notification["params"]["subscription"], id);
    node.stop().await;
}

#[tokio::test]
async fn posts_of_another_team_are_unknown() {
    let node = two_teams().await;
    let key = result(&node, "weather", "shh_newSymKey", json!([])).await;
    let hash = result(&node, "weather", "shh_post", json!([message(&key, TOPIC)])).await;
    let unknown = json!(format!("0x{}", "5a".repeat(32)));
    let own = node.server.id();
    let settings = TraceSettings { own, network: 0, may_trace: Arc::new(|_| true) };
    let _ = node.whisper.trace_protocol(settings);
    for method in ["shh_receipt", "shh_explain", "shh_trace"] {
        let of_other = result(&node, "alarms", method, json!([hash])).await.to_string();
        let of_nothing = result(&node, "alarms", method, json!([unknown])).await.to_string();
        let text = of_other.replace(hash.as_str().unwrap(), unknown.as_str().unwrap());
        assert_eq!(text, of_nothing, "{method}");
    }
    let own = result(&node, "weather", "shh_receipt", json!([hash])).await;
    assert_eq!(own["state"], "pending");
    let own = result(&node, "weather", "shh_explain", json!([hash])).await;
    assert_eq!(own["state"], "pooled");
    let own = result(&node, "weather", "shh_trace", json!([hash])).await;
    assert_eq!(own["nodes"][0]["arrival"]["from"], "here");
    assert_eq!(own["nodes"].as_array().unwrap().len(), 1);
    node.stop().await;
}

/// An envelope from elsewhere is explained to every team, each with its own filters only.
#[tokio::test]
async fn an_explanation_counts_no_filters_of_another_team() {
    let (node, other) = (two_teams().await, two_teams().await);
    let added = json!([other.enode().to_string()]);
    node.connect_ipc().await.ask(crate::support::node::request("admin_addPeer", added)).await;
    eventually("connection", async || (node.server.peer_count() > 0).then_some(())).await;
    let secret = json!([format!("0x{}", "07".repeat(32))]);
    let mut filters = Vec::new();
    for team in ["weather", "alarms"] {
        let key = result(&node, team, "shh_addSymKey", secret.clone()).await;
        let criteria = json!([{ "symKeyID": key, "topics": [TOPIC] }]);
        filters.push(result(&node, team, "shh_newMessageFilter", criteria).await);
    }
    let key = result(&other, "weather", "shh_addSymKey", secret).await;
    let hash = result(&other, "weather", "shh_post", json!([message(&key, TOPIC)])).await;
    for (team, (own, foreign)) in
        [("weather", (&filters[0], &filters[1])), ("alarms", (&filters[1], &filters[0]))]
    {
        let told = eventually("envelope", async || {
            let told = result(&node, team, "shh_explain", json!([hash, [foreign]])).await;
            (told["state"] == "pooled").then_some(told)
        });
        let pooled = &told.await["pooled"];
        assert_eq!((&pooled["filters"][0]["id"], &pooled["moreFilters"]), (own, &json!(0)));
        assert_eq!(pooled["filters"].as_array().unwrap().len(), 1);
    }
    node.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_cursor_of_another_team_is_refused() {
    let node = two_teams().await;
    let archive = Arc::new(MemoryArchive::new(ArchiveId([7; 8])));
    node.whisper.record(Arc::clone(&archive) as _);
    node.whisper.serve_archive(archive, ArchiveSettings::default());
    let key = result(&node, "weather", "shh_newSymKey", json!([])).await;
    result(&node, "weather", "shh_post", json!([message(&key, TOPIC)])).await;
    let read = json!([{ "topics": [TOPIC] }]);
    let cursor = eventually("stored envelope", async || {
        let part = result(&node, "weather", "history_query", read.clone()).await;
        (!part["envelopes"].as_array().unwrap().is_empty()).then(|| part["cursor"].clone())
    });
    let on = json!([{ "topics": [TOPIC], "cursor": cursor.await }]);
    let answer = call(&node, "alarms", "history_query", on.clone()).await;
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(text.starts_with("the cursor was given out for another"), "{text}");
    result(&node, "weather", "history_query", on.clone()).await;
    // A name of one team is none of the other, which begins at the beginning.
    let acknowledged = json!(["reader", on[0]["cursor"]]);
    result(&node, "weather", "history_ack", acknowledged).await;
    let named = json!([{ "topics": [TOPIC], "cursor": "name:reader" }]);
    assert_eq!(result(&node, "alarms", "history_cursors", json!([])).await, json!([]));
    for (team, envelopes) in [("weather", 0), ("alarms", 1)] {
        let part = result(&node, team, "history_query", named.clone()).await;
        let found = part["envelopes"].as_array().map_or(0, Vec::len);
        assert_eq!((found, &part["caughtUp"]), (envelopes, &json!(true)), "{team}: {part}");
    }
    result(&node, "alarms", "history_ack", json!(["reader", ""])).await;
    assert_eq!(result(&node, "weather", "history_cursors", json!([])).await, json!(["reader"]));
    node.stop().await;
}
