//! A team that is over a quota is slowed down, then refused. Other teams are not affected.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use whisper_rpc::{Quotas, Team};

use crate::support::client::Client as _;
use crate::support::node::{Node, request};
use crate::support::teams::{TeamSocket, call, message, node, result, team, teams};

const TOPIC: &str = "0x74657374";

/// A node with a team that has these quotas, and one that has none.
async fn with_quotas(quotas: Quotas) -> Node {
    node(teams([Team { quotas, ..team("greedy") }, team("modest")])).await
}

fn limit(number: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(number)
}

/// Code, quota and time of the error.
fn over(answer: &Value) -> (&Value, &Value, &Value) {
    let error = &answer["error"];
    (&error["code"], &error["data"]["quota"], &error["data"]["retryAfter"])
}

#[tokio::test]
async fn calls_beyond_the_rate_are_refused_and_others_go_on() {
    let node = with_quotas(Quotas { calls: limit(1), ..Quotas::default() }).await;
    let mut client = TeamSocket::connect(node.ws(), "greedy").await;
    // Many at once: a second's worth passes, a second's worth waits, the rest is refused.
    for _ in 0..50 {
        client.send(request("net_version", json!([]))).await;
    }
    let (mut passed, mut refused) = (0, 0);
    for _ in 0..50 {
        let answer: Value = serde_json::from_str(&client.next().await.unwrap()).unwrap();
        match answer.get("error") {
            None => passed += 1,
            Some(_) => {
                let (code, quota, after) = over(&answer);
                assert_eq!((code, quota), (&json!(-32005), &json!("calls")));
                assert!(after.as_u64().is_some_and(|seconds| seconds >= 1), "{answer}");
                refused += 1;
            }
        }
    }
    assert!(passed >= 2 && refused > 0, "{passed} passed, {refused} refused");
    assert_eq!(result(&node, "modest", "net_version", json!([])).await, "1");
    node.stop().await;
}

#[tokio::test]
async fn bytes_of_answers_count() {
    let node = with_quotas(Quotas { bytes: limit(100), ..Quotas::default() }).await;
    // The document is much larger, and is paid by the calls after it.
    result(&node, "greedy", "rpc_discover", json!([])).await;
    let answer = call(&node, "greedy", "net_version", json!([])).await;
    let (code, quota, after) = over(&answer);
    assert_eq!((code, quota), (&json!(-32005), &json!("bytes")));
    assert!(after.as_u64().unwrap() > 10, "{answer}");
    node.stop().await;
}

#[tokio::test]
async fn filters_and_posts_are_limited() {
    let quotas = Quotas { filters: limit(2), post_bytes: limit(12), ..Quotas::default() };
    let node = with_quotas(quotas).await;
    let key = result(&node, "greedy", "shh_newSymKey", json!([])).await;
    let criteria = json!([{ "symKeyID": key, "topics": [TOPIC] }]);
    let filter = result(&node, "greedy", "shh_newMessageFilter", criteria.clone()).await;
    result(&node, "greedy", "shh_newMessageFilter", criteria.clone()).await;
    let answer = call(&node, "greedy", "shh_newMessageFilter", criteria.clone()).await;
    assert_eq!(over(&answer), (&json!(-32005), &json!("filters"), &Value::Null));
    result(&node, "greedy", "shh_deleteMessageFilter", json!([filter])).await;
    result(&node, "greedy", "shh_newMessageFilter", criteria).await;
    // Five bytes each.
    let post = json!([message(&key, TOPIC)]);
    for _ in 0..2 {
        result(&node, "greedy", "shh_post", post.clone()).await;
    }
    let answer = call(&node, "greedy", "shh_post", post).await;
    let (code, quota, after) = over(&answer);
    assert_eq!((code, quota), (&json!(-32005), &json!("postbytes")));
    assert!((1..=60).contains(&after.as_u64().unwrap()), "{answer}");
    let mut counted = Vec::new();
    node.rpc.meter().for_each_team_sample(|sample| {
        counted.push((sample.metric.name, format!("{:?}", sample.labels), sample.value));
    });
    let refused = r#"[("team", "greedy"), ("quota", "postbytes")]"#.to_owned();
    assert!(counted.contains(&("rpc_team_refused_total", refused, 1)), "{counted:?}");
    assert!(counted.contains(&("rpc_team_posts_total", r#"[("team", "greedy")]"#.to_owned(), 2)));
    assert!(counted.contains(&("rpc_team_filters", r#"[("team", "modest")]"#.to_owned(), 0)));
    node.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn quotas_change_while_the_node_runs() {
    let node = with_quotas(Quotas { filters: limit(1), ..Quotas::default() }).await;
    let key = result(&node, "greedy", "shh_newSymKey", json!([])).await;
    let criteria = json!([{ "symKeyID": key, "topics": [TOPIC] }]);
    result(&node, "greedy", "shh_newMessageFilter", criteria.clone()).await;
    let set = json!(["greedy", { "quotas": { "filters": 3, "calls": 0 } }]);
    let answer = node.connect_ipc().await.ask(request("admin_setTeam", set)).await;
    assert!(answer.contains("\"result\":true"), "{answer}");
    result(&node, "greedy", "shh_newMessageFilter", criteria).await;
    let shown = node.connect_ipc().await.ask(request("admin_teams", json!([]))).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let quotas = json!({ "calls": null, "bytes": null, "filters": 3, "postBytes": null });
    assert_eq!(shown["result"][0]["quotas"], quotas);
    assert_eq!(shown["result"][0]["usage"]["filters"], 2);
    node.stop().await;
}
