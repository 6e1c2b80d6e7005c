//! What an audit log gets: administration, refusals, and changes of teams.

use std::sync::{Arc, Mutex};

use serde_json::json;
use whisper_rpc::{AuditActor, AuditEvent, AuditSink, Scopes, Team};

use crate::support::node::Node;
use crate::support::teams::{call, message, node_with, result, team, teams, token};

fn by(team: &str) -> AuditActor {
    let hash = whisper_rpc::Token::new(token(team)).unwrap().hash();
    AuditActor { team: team.to_owned(), token: Some(hash.id()), certificate: None }
}

/// An administrator, and a team with few topics; what is told.
async fn node() -> (Node, Arc<Mutex<Vec<AuditEvent>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = {
        let heard = Arc::clone(&heard);
        AuditSink::new(move |event| heard.lock().unwrap().push(event))
    };
    let topics = vec!["0x6e65".parse().unwrap()];
    let weather = Team { scopes: Scopes { topics, ..Scopes::default() }, ..team("weather") };
    (node_with(teams([admins(), weather]), None, Some(sink)).await, heard)
}

fn admins() -> Team {
    Team { scopes: Scopes { admin: true, ..Scopes::default() }, ..team("admins") }
}

#[tokio::test]
async fn administration_and_refusals_are_told_with_their_author() {
    let (node, heard) = node().await;
    let next = || std::mem::take(&mut *heard.lock().unwrap());
    let of = |team: &str, method: &str| (by(team), method.to_owned());

    // What every team may do is not told.
    let key = result(&node, "weather", "shh_newSymKey", json!([])).await;
    call(&node, "weather", "shh_nothing", json!([])).await;
    assert_eq!(next(), []);

    result(&node, "admins", "admin_peers", json!([])).await;
    call(&node, "admins", "admin_addPeer", json!(["nonsense"])).await;
    let [peers, failed] = next().try_into().unwrap();
    let (actor, method) = of("admins", "admin_peers");
    assert_eq!(peers, AuditEvent::Administration { by: actor, method, error: None });
    let AuditEvent::Administration { error: Some(error), .. } = failed else {
        panic!("{failed:?}")
    };
    assert!(error.starts_with("invalid enode"), "{error}");

    // A method, and a topic in the middle of a method.
    call(&node, "weather", "admin_peers", json!([])).await;
    call(&node, "weather", "shh_post", json!([message(&key, "0x74657374")])).await;
    let [method_refused, topic_refused] = next().try_into().unwrap();
    let refused = |event: AuditEvent| match event {
        AuditEvent::Refused { by, method, reason } => ((by, method), reason),
        other => panic!("{other:?}"),
    };
    let (who, reason) = refused(method_refused);
    assert_eq!(who, of("weather", "admin_peers"));
    assert!(reason.contains("may not administer"), "{reason}");
    let (who, reason) = refused(topic_refused);
    assert_eq!(who, of("weather", "shh_post"));
    assert!(reason.contains("may not use the topic 0x74657374"), "{reason}");

    node.stop().await;
}

#[tokio::test]
async fn changes_of_teams_are_told_with_their_author() {
    let (node, heard) = node().await;
    let next = || std::mem::take(&mut *heard.lock().unwrap());
    let added = result(&node, "admins", "admin_addTeam", json!(["new"])).await;
    let [change, call] = next().try_into().unwrap();
    let (removed, changed) = (Vec::new(), Vec::new());
    let names = vec!["new".to_owned()];
    let expected = AuditEvent::Teams {
        by: Some(by("admins")),
        added: names.clone(),
        changed,
        removed,
        ipc: false,
    };
    assert_eq!(change, expected);
    assert!(matches!(call, AuditEvent::Administration { error: None, .. }), "{call:?}");
    let told = serde_json::to_string(&[change, call]).unwrap();
    assert!(!told.contains(added["token"].as_str().unwrap()), "{told}");

    // The file is read again: a team is gone, one has another scope. Nothing is told if nothing is different.
    let held = node.rpc.hold_teams().await;
    held.set(teams([admins(), team("weather")]));
    held.set(held.teams());
    drop(held);
    let (added, changed) = (Vec::new(), vec!["weather".to_owned()]);
    let expected = AuditEvent::Teams { by: None, added, changed, removed: names, ipc: false };
    assert_eq!(next(), [expected]);
    node.stop().await;
}
