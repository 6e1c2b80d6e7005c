//! What a team may not do is refused, and the refusal says what is missing.

use serde_json::{Value, json};
use whisper_rpc::{Scopes, Team};

use crate::support::client::Client as _;
use crate::support::eventually::eventually;
use crate::support::node::{Node, request};
use crate::support::teams::{call, message, node, result, team, teams};

const MINE: &str = "0x6e657773";
const OTHER: &str = "0x74657374";

async fn with_scopes(scopes: Scopes) -> Node {
    node(teams([Team { scopes, ..team("weather") }])).await
}

/// The error of a call that the team may not make.
async fn refusal(node: &Node, method: &str, params: Value) -> String {
    let answer = call(node, "weather", method, params).await;
    assert_eq!(answer["error"]["code"], -32004, "{method}: {answer}");
    answer["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn only_an_administrator_administers() {
    let node = with_scopes(Scopes::default()).await;
    for (method, params) in [
        ("admin_peers", json!([])),
        ("debug_drops", json!([])),
        ("shh_setMinPoW", json!([0.5])),
        ("shh_requestMessages", json!([{ "mailServerPeer": "" }])),
    ] {
        let text = refusal(&node, method, params).await;
        let expected =
            format!("this team may not administer the node: {method} is for administrators");
        assert_eq!(text, expected);
    }
    let admin = Scopes { admin: true, ..Scopes::default() };
    node.rpc.hold_teams().await.set(teams([Team { scopes: admin, ..team("weather") }]));
    assert_eq!(result(&node, "weather", "admin_peers", json!([])).await, json!([]));
    // Clients of IPC are the operator.
    let answer = node.connect_ipc().await.ask(request("admin_peers", json!([]))).await;
    assert!(answer.contains("\"result\":[]"), "{answer}");
    node.stop().await;
}

#[tokio::test]
async fn methods_posts_and_archives_can_be_taken_away() {
    let methods = ["net", "shh"].map(|name| name.parse().unwrap()).into();
    let node = with_scopes(Scopes { methods, post: false, ..Scopes::default() }).await;
    let text = refusal(&node, "web3_clientVersion", json!([])).await;
    assert_eq!(
        text,
        "this team may not call web3_clientVersion: it is not among the methods of the team"
    );
    assert_eq!(refusal(&node, "shh_post", json!([{}])).await, "this team may not post messages");
    let scopes = Scopes { history: false, ..Scopes::default() };
    node.rpc.hold_teams().await.set(teams([Team { scopes, ..team("weather") }]));
    let text = refusal(&node, "history_query", json!([{}])).await;
    assert_eq!(text, "this team may not read archives");
    node.stop().await;
}

#[tokio::test]
async fn a_team_is_kept_to_its_topics() {
    let topics = vec!["0x6e65".parse().unwrap()];
    let node = with_scopes(Scopes { topics, ..Scopes::default() }).await;
    let key = result(&node, "weather", "shh_newSymKey", json!([])).await;
    let filter = |topics: &[&str]| json!([{ "symKeyID": key, "topics": topics }]);
    result(&node, "weather", "shh_post", json!([message(&key, MINE)])).await;
    result(&node, "weather", "shh_newMessageFilter", filter(&[MINE])).await;
    let other =
        format!("this team may not use the topic {OTHER}: it is not among the topics of the team");
    let all = "this team may use some topics only: name the topics";
    for (method, params, text) in [
        ("shh_post", json!([message(&key, OTHER)]), other.as_str()),
        ("shh_newMessageFilter", filter(&[MINE, OTHER]), &other),
        ("shh_newMessageFilter", filter(&[]), all),
        ("history_query", json!([{ "topics": [OTHER] }]), &other),
        ("history_query", json!([{ "symKeyID": key, "topics": [OTHER] }]), &other),
        ("history_query", json!([{}]), all),
        ("history_query", json!([{ "hashes": [format!("0x{}", "00".repeat(32))] }]), all),
    ] {
        assert_eq!(refusal(&node, method, params).await, text, "{method}");
    }
    node.stop().await;
}

/// An envelope from elsewhere, on a topic that the team may not use, is like an unknown one.
#[tokio::test]
async fn envelopes_on_other_topics_are_not_explained() {
    let scopes = Scopes { topics: vec!["0x6e65".parse().unwrap()], ..Scopes::default() };
    let node = node(teams([Team { scopes, ..team("weather") }, team("alarms")])).await;
    let other = with_scopes(Scopes::default()).await;
    let added = json!([other.enode().to_string()]);
    node.connect_ipc().await.ask(request("admin_addPeer", added)).await;
    eventually("connection", async || (node.server.peer_count() > 0).then_some(())).await;
    let key = result(&other, "weather", "shh_newSymKey", json!([])).await;
    for (topic, state) in [(MINE, "pooled"), (OTHER, "unknown")] {
        let hash = result(&other, "weather", "shh_post", json!([message(&key, topic)])).await;
        let seen = eventually("envelope", async || {
            let told = result(&node, "alarms", "shh_explain", json!([hash])).await;
            (told["state"] == "pooled").then_some(())
        });
        seen.await;
        let told = result(&node, "weather", "shh_explain", json!([hash])).await;
        assert_eq!(told["state"], state, "{topic}");
    }
    node.stop().await;
    other.stop().await;
}
