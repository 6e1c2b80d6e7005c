//! Administrators change teams while the node runs.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use whisper_rpc::{Scopes, Team, TeamKeeper, Teams};

use crate::support::node::Node;
use crate::support::teams::{TeamSocket, call, keeping, node, result, send, team, teams, token};

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
        "name": "new", "tokens": tokens, "certificates": [], "methods": ["net", "shh_post"], "topics": ["0x6e65"],
        "post": false, "history": true, "admin": false, "ipc": false,
        "quotas": {
            "calls": null, "bytes": null, "filters": null, "postBytes": null, "work": null, "trials": null,
            "mailboxBytes": null, "connections": null, "history": null, "outboxBytes": null,
        },
        "usage": {
            "calls": 1, "bytes": shown["usage"]["bytes"], "posts": 0, "filters": 0, "subscriptions": 0,
            "connections": shown["usage"]["connections"], "workMillis": 0, "trials": 0, "mailboxBytes": 0,
            "outboxBytes": 0, "history": 0, "refused": 0,
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
        TeamKeeper::new(move |name, _, team| match name.as_str() {
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

/// A reload reads the file, and an administrator writes it. Whatever comes first, the token that was taken back stays
/// revoked, and the team that the operator added to the file is there.
#[tokio::test]
async fn a_reload_and_a_change_at_the_same_time_lose_nothing() {
    // The file already has a team that the node has not read.
    let file = Arc::new(Mutex::new([two().teams, vec![team("alarms")]].concat()));
    let (begun, has_begun) = oneshot::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let gate = Mutex::new(Some((begun, may_go_on)));
    let kept = Arc::clone(&file);
    let keep = TeamKeeper::new(move |name, _, team| {
        let (begun, may_go_on) = gate.lock().unwrap().take().unwrap();
        begun.send(()).unwrap();
        may_go_on.recv().unwrap();
        let mut file = kept.lock().unwrap();
        file.retain(|kept| kept.name != *name);
        file.extend(team.cloned());
        Ok(())
    });
    let node = keeping(two(), Some(keep)).await;
    let id = result(&node, "admins", "admin_teams", json!([])).await[1]["tokens"][0]["id"].clone();
    let revoke = result(&node, "admins", "admin_removeTeamToken", json!(["weather", id]));
    let tried = Notify::new();
    let reload = async {
        has_begun.await.unwrap();
        tried.notify_one();
        let held = node.rpc.hold_teams().await;
        let read = file.lock().unwrap().clone();
        held.set(teams(read));
    };
    // The change is written after the reload has begun.
    let write = async {
        tried.notified().await;
        go_on.send(()).unwrap();
    };
    let (revoked, (), ()) = tokio::join!(revoke, reload, write);
    assert_eq!(revoked, true);
    assert_eq!(status(&node, &json!(token("weather"))).await, 401);
    assert_eq!(status(&node, &json!(token("alarms"))).await, 200);
    node.stop().await;
}
