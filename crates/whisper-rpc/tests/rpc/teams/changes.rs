//! A revoked token or a changed scope acts on open connections, on calls in progress and on subscriptions.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use whisper_rpc::{Scopes, Team, TeamToken, Teams, Token};

use crate::support::client::Client;
use crate::support::node::{Node, in_progress, request};
use crate::support::teams::{TeamSocket, call, message, node, result, send, team, teams, token};

const TOPIC: &str = "0x74657374";

/// The code and the beginning of the text of an error.
fn is_refused(answer: &Value, text: &str) {
    assert_eq!(answer["error"]["code"], -32004, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().starts_with(text), "{answer}");
}

async fn ask(client: &mut impl Client, method: &str, params: Value) -> Value {
    serde_json::from_str::<Value>(&client.ask(request(method, params)).await).unwrap()["result"]
        .take()
}

/// Subscribes on a connection of the team.
async fn subscribe(client: &mut impl Client) -> Value {
    let key = ask(client, "shh_newSymKey", json!([])).await;
    let criteria = json!({ "symKeyID": key, "topics": [TOPIC] });
    assert!(ask(client, "shh_subscribe", json!(["messages", criteria])).await.is_string());
    key
}

/// A post whose proof of work takes longer than any test.
fn endless(key: &Value) -> Value {
    json!([{
        "symKeyID": key, "topic": TOPIC, "payload": "0x00", "ttl": 60, "powTarget": 1e9, "powTime": 60,
    }])
}

/// Takes the token of the team away in the middle of a call over HTTP.
async fn revoked_in_a_call(node: &Node, without: Teams) -> Value {
    let key = result(node, "weather", "shh_newSymKey", json!([])).await;
    let revoke = async {
        in_progress(node, 1).await;
        node.rpc.hold_teams().await.set(without);
    };
    tokio::join!(call(node, "weather", "shh_post", endless(&key)), revoke).0
}

#[tokio::test]
async fn a_revoked_token_ends_calls_and_connections() {
    let node = node(teams([team("weather"), team("alarms")])).await;
    let mut idle = TeamSocket::connect(node.ws(), "weather").await;
    let mut subscribed = TeamSocket::connect(node.ws(), "weather").await;
    subscribe(&mut subscribed).await;
    let mut other = TeamSocket::connect(node.ws(), "alarms").await;
    let without = teams([Team { tokens: Vec::new(), ..team("weather") }, team("alarms")]);
    let answer = revoked_in_a_call(&node, without).await;
    is_refused(&answer, "the token or certificate is no longer valid");
    assert_eq!((idle.next().await, subscribed.next().await), (None, None));
    assert_eq!(send(&node, &token("weather"), "net_version", json!([])).await.status, 401);
    assert_eq!(other.call("net_version", json!([])).await["result"], "1");
    node.stop().await;
}

#[tokio::test]
async fn a_removed_team_loses_everything() {
    let node = node(teams([team("weather"), team("alarms")])).await;
    let key = result(&node, "weather", "shh_newSymKey", json!([])).await;
    let criteria = json!([{ "symKeyID": key, "topics": [TOPIC] }]);
    let filter = result(&node, "weather", "shh_newMessageFilter", criteria).await;
    assert_eq!(node.whisper.info().filters, 1);
    let answer = revoked_in_a_call(&node, teams([team("alarms")])).await;
    is_refused(&answer, "the token or certificate is no longer valid");
    assert_eq!(node.whisper.info().filters, 0);
    // A team of the same name is another one.
    node.rpc.hold_teams().await.set(teams([team("weather")]));
    assert_eq!(result(&node, "weather", "shh_hasSymKey", json!([key])).await, false);
    let answer = call(&node, "weather", "shh_getFilterMessages", json!([filter])).await;
    assert_eq!(answer["error"]["message"], "filter not found");
    node.stop().await;
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let hash = Token::new(token("weather")).unwrap().hash();
    let until = |expires| {
        let tokens = vec![TeamToken { hash, expires: Some(expires) }];
        teams([Team { tokens, ..team("weather") }])
    };
    let node = node(until(now + 3600)).await;
    let mut client = TeamSocket::connect(node.ws(), "weather").await;
    subscribe(&mut client).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    node.rpc.hold_teams().await.set(until(now + 2));
    assert_eq!(client.next().await, None);
    assert_eq!(send(&node, &token("weather"), "net_version", json!([])).await.status, 401);
    node.rpc.hold_teams().await.set(until(now + 3600));
    assert_eq!(result(&node, "weather", "net_version", json!([])).await, "1");
    node.stop().await;
}

#[tokio::test]
async fn a_smaller_scope_ends_what_it_no_longer_covers() {
    let node = node(teams([team("weather")])).await;
    let key = result(&node, "weather", "shh_newSymKey", json!([])).await;
    let criteria = json!([{ "symKeyID": key, "topics": [TOPIC] }]);
    let filter = result(&node, "weather", "shh_newMessageFilter", criteria).await;
    let mut idle = TeamSocket::connect(node.ws(), "weather").await;
    let mut subscribed = TeamSocket::connect(node.ws(), "weather").await;
    subscribe(&mut subscribed).await;
    let scopes = Scopes { topics: vec!["0x00".parse().unwrap()], post: false, ..Scopes::default() };
    let smaller = teams([Team { scopes, ..team("weather") }]);
    is_refused(&revoked_in_a_call(&node, smaller).await, "this team may not post");
    assert_eq!(subscribed.next().await, None);
    let answer = idle.call("shh_getFilterMessages", json!([filter])).await;
    is_refused(&answer, "this team may not use the topic 0x74657374");
    // What it may do goes on, on the same connection.
    assert_eq!(idle.call("net_version", json!([])).await["result"], "1");
    // A wider scope ends nothing.
    node.rpc.hold_teams().await.set(teams([team("weather")]));
    assert_eq!(idle.call("shh_getFilterMessages", json!([filter])).await["result"], json!([]));
    node.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn clients_of_ipc_are_in_the_team_that_is_named() {
    let ipc = |team_of_ipc: Option<&str>| Teams {
        ipc: team_of_ipc.map(|name| name.parse().unwrap()),
        ..teams([team("weather"), team("alarms")])
    };
    let node = node(ipc(Some("weather"))).await;
    let mut client = node.connect_ipc().await;
    let key = subscribe(&mut client).await;
    assert_eq!(result(&node, "weather", "shh_hasSymKey", json!([key])).await, true);
    let text = client.ask(request("admin_peers", json!([]))).await;
    is_refused(&serde_json::from_str(&text).unwrap(), "this team may not administer");
    node.rpc.hold_teams().await.set(ipc(Some("weather")));
    result(&node, "weather", "shh_post", json!([message(&key, TOPIC)])).await;
    assert!(client.next().await.unwrap().contains("shh_subscription"));
    // Now they are the operator: the connection of the team ends.
    node.rpc.hold_teams().await.set(ipc(None));
    assert_eq!(client.next().await, None);
    let text = node.connect_ipc().await.ask(request("admin_peers", json!([]))).await;
    assert!(text.contains("\"result\":[]"), "{text}");
    // No team of this name: no client may connect.
    node.rpc.hold_teams().await.set(ipc(Some("missing")));
    assert_eq!(node.connect_ipc().await.next().await, None);
    node.stop().await;
}
