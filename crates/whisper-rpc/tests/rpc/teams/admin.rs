//! Administrators change teams while the node runs.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use whisper_rpc::{Scopes, Team, TeamKeeper, Teams};

use crate::support::node::Node;
use crate::support::teams::{TeamSocket, call, keeping, node, result, send, team, teams};

use crate::support::client::Client as _;

/// An administrator and a team.
fn two() -> Teams {
    let scopes = Scopes { admin: true, ..Scopes::default() };
    teams([Team { scopes, ..team("admins") }, team("weather")])
}

/// The status of a request that shows this token.
async fn status(node: &Node, token: &Value) -> u16 {
    send(node, token.as_str().unwrap(), "net_version", json!([])).await.status
}

#[tokio::test]
async fn a_team_is_added_changed_and_removed() {
    let node = node(two()).await;
    let settings = json!({ "topics": ["0x6e65"], "methods": ["net", "shh_post"], "post": false });
    let made = result(&node, "admins", "admin_addTeam", json!(["new", settings])).await;
    assert_eq!(status(&node, &made["token"]).await, 200);
    let listed =
        |all: Value| all.as_array().unwrap().iter().find(|team| team["name"] == "new").cloned();
    let shown = listed(result(&node, "admins", "admin_teams", json!([])).await).unwrap();
    let tokens = json!([{ "id": made["id"], "expires": null }]);
    let expected = json!({
        "name": "new", "tokens": tokens, "methods": ["net", "shh_post"], "topics": ["0x6e65"],
        "post": false, "history": true, "admin": false, "ipc": false,
        "quotas": { "calls": null, "bytes": null, "filters": null, "postBytes": null },
        "usage": {
            "calls": 1, "bytes": shown["usage"]["bytes"], "posts": 0, "filters": 0, "refused": 0,
        },
    });
    assert_eq!(shown, expected);
    result(&node, "admins", "admin_setTeam", json!(["new", { "methods": [], "post": true }])).await;
    let shown = listed(result(&node, "admins", "admin_teams", json!([])).await).unwrap();
    assert_eq!((&shown["methods"], &shown["post"]), (&json!([]), &json!(true)));
    assert_eq!(shown["topics"], json!(["0x6e65"]), "what is not given stays");
    for removed in [true, false] {
        assert_eq!(result(&node, "admins", "admin_removeTeam", json!(["new"])).await, removed);
    }
    assert_eq!(status(&node, &made["token"]).await, 401);
    node.stop().await;
}

#[tokio::test]
async fn tokens_come_and_go() {
    let node = node(two()).await;
    let made = result(&node, "admins", "admin_addTeamToken", json!(["weather", 3600])).await;
    assert_eq!(status(&node, &made["token"]).await, 200);
    let mut client = TeamSocket::connect_with(node.ws(), made["token"].as_str().unwrap()).await;
    let remove = json!(["weather", made["id"]]);
    for removed in [true, false] {
        let answer = result(&node, "admins", "admin_removeTeamToken", remove.clone()).await;
        assert_eq!(answer, removed);
    }
    assert_eq!(client.next().await, None, "the connection is closed");
    assert_eq!(status(&node, &made["token"]).await, 401);
    assert_eq!(result(&node, "weather", "net_version", json!([])).await, "1");
    node.stop().await;
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused() {
    let of_ipc = Teams { ipc: Some("weather".parse().unwrap()), ..two() };
    let node = node(of_ipc).await;
    for (method, params, text) in [
        ("admin_addTeam", json!(["weather"]), "there is a team weather already"),
        (
            "admin_addTeam",
            json!(["operator"]),
            "the name operator is that of the clients of IPC: choose another one",
        ),
        ("admin_setTeam", json!(["missing", {}]), "there is no team missing"),
        (
            "admin_setTeam",
            json!(["weather", { "methods": ["shh_psot"] }]),
            "methods: \"shh_psot\": there is no method and no namespace of this name",
        ),
        (
            "admin_removeTeam",
            json!(["weather"]),
            "clients of IPC are in the team weather: give IPC another team first",
        ),
    ] {
        let answer = call(&node, "admins", method, params).await;
        assert_eq!(answer["error"]["message"], text, "{method}");
    }
    let answer = call(&node, "weather", "admin_addTeam", json!(["mine"])).await;
    assert_eq!(answer["error"]["code"], -32004);
    node.stop().await;
    let without = Node::start().await;
    let answer = without.call("admin_addTeam", json!(["weather"])).await;
    assert_eq!(answer["error"]["message"], "this node has no teams: start it with a file of teams");
    assert_eq!(without.result("admin_teams", json!([])).await, json!([]));
    without.stop().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_kept_changes_nothing() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = {
        let kept = Arc::clone(&kept);
        TeamKeeper::new(move |name, team| match name.as_str() {
            "full" => Err("no space left on device".to_owned()),
            _ => {
                kept.lock().unwrap().push((name.to_string(), team.map(|team| team.tokens.len())));
                Ok(())
            }
        })
    };
    let node = keeping(two(), Some(keep)).await;
    let answer = call(&node, "admins", "admin_addTeam", json!(["full"])).await;
    assert_eq!(answer["error"]["message"], "nothing was changed: no space left on device");
    let names = result(&node, "admins", "admin_teams", json!([])).await;
    assert_eq!(names.as_array().unwrap().len(), 2);
    result(&node, "admins", "admin_addTeam", json!(["new"])).await;
    result(&node, "admins", "admin_removeTeam", json!(["new"])).await;
    assert_eq!(*kept.lock().unwrap(), [("new".to_owned(), Some(1)), ("new".to_owned(), None)]);
    node.stop().await;
}
