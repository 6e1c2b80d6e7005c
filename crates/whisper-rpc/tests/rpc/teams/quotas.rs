//! A team that is over a quota is slowed down, then refused. Other teams are not affected.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::{Value, json};
use whisper_protocol::{ArchiveId, ArchiveSettings, MemoryArchive, Reason};
use whisper_rpc::{Quota, Quotas, Team, Teams};

use crate::support::client::Client as _;
use crate::support::eventually::eventually;
use crate::support::node::{Node, request};
use crate::support::teams::{TeamSocket, call, message, node, result, send, team, teams, token};

const TOPIC: &str = "0x74657374";

/// A node with a team that has these quotas, and one that has none.
async fn with_quotas(quotas: Quotas) -> Node {
    node(teams([Team { quotas, ..team("greedy") }, team("modest")])).await
}

fn quota(quota: Quota, limit: u32) -> Quotas {
    Quotas::default().with(quota, NonZeroU32::new(limit))
}

/// Code, quota and time of the error.
fn over(answer: &Value) -> (&Value, &Value, &Value) {
    let error = &answer["error"];
    (&error["code"], &error["data"]["quota"], &error["data"]["retryAfter"])
}

#[tokio::test]
async fn calls_beyond_the_rate_are_refused_and_others_go_on() {
    let node = with_quotas(quota(Quota::Calls, 1)).await;
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

/// Refusals have a price, too: who is refused waits, and meanwhile its other calls are not even read.
#[tokio::test]
async fn a_flood_of_calls_is_not_read() {
    let node = with_quotas(quota(Quota::Calls, 1)).await;
    flood(&node, request("net_version", json!([]))).await;
    node.stop().await;
}

#[tokio::test]
async fn a_flood_of_calls_beyond_another_quota_is_not_read() {
    let node = with_quotas(quota(Quota::Filters, 1)).await;
    let key = result(&node, "greedy", "shh_newSymKey", json!([])).await;
    let criteria = json!([{ "symKeyID": key, "topics": [TOPIC] }]);
    result(&node, "greedy", "shh_newMessageFilter", criteria.clone()).await;
    flood(&node, request("shh_newMessageFilter", criteria)).await;
    node.stop().await;
}

/// Sends a call again and again that is refused. Few of them are read.
async fn flood(node: &Node, call: String) {
    const FLOOD: usize = 2000;
    let mut client = TeamSocket::connect(node.ws(), "greedy").await;
    for _ in 0..FLOOD {
        client.send(call.clone()).await;
    }
    while !client.next().await.unwrap().contains("-32005") {}
    let mut calls = None;
    node.rpc.meter().for_each_team_sample(|sample| {
        let of_greedy = format!("{:?}", sample.labels).contains("greedy");
        if sample.metric.name == "rpc_team_calls_total" && of_greedy {
            calls = Some(sample.value);
        }
    });
    assert!(calls.is_some_and(|calls| calls < FLOOD as u64 / 4), "{calls:?}");
}

#[tokio::test]
async fn bytes_of_answers_count() {
    let node = with_quotas(quota(Quota::Bytes, 100)).await;
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
    let quotas = quota(Quota::Filters, 2).with(Quota::PostBytes, NonZeroU32::new(12));
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
    let node = with_quotas(quota(Quota::Filters, 1)).await;
    let key = result(&node, "greedy", "shh_newSymKey", json!([])).await;
    let criteria = json!([{ "symKeyID": key, "topics": [TOPIC] }]);
    result(&node, "greedy", "shh_newMessageFilter", criteria.clone()).await;
    let set = json!(["greedy", { "quotas": { "filters": 3, "calls": 0 } }]);
    let answer = node.connect_ipc().await.ask(request("admin_setTeam", set)).await;
    assert!(answer.contains("\"result\":true"), "{answer}");
    result(&node, "greedy", "shh_newMessageFilter", criteria).await;
    let shown = node.connect_ipc().await.ask(request("admin_teams", json!([]))).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let quotas = &shown["result"][0]["quotas"];
    assert_eq!((&quotas["filters"], &quotas["calls"]), (&json!(3), &Value::Null));
    assert_eq!(shown["result"][0]["usage"]["filters"], 2);
    node.stop().await;
}

/// A post whose proof of work takes longer than any test.
fn endless(key: &Value) -> Value {
    json!([{
        "symKeyID": key, "topic": TOPIC, "payload": "0x00", "ttl": 60, "powTarget": 1e9, "powTime": 60,
    }])
}

#[tokio::test]
async fn work_beyond_the_quota_is_slowed_then_ends_and_is_counted() {
    let node = with_quotas(quota(Quota::Work, 1)).await;
    let key = result(&node, "greedy", "shh_newSymKey", json!([])).await;
    let mut post = endless(&key);
    post[0]["powTime"] = 2.into();
    let answer = call(&node, "greedy", "shh_post", post).await;
    let (code, name, after) = over(&answer);
    assert_eq!((code, name), (&json!(-32005), &json!("work")));
    assert!(after.as_u64().unwrap() >= 60, "{answer}");
    // Soon afterwards, nothing that needs work.
    let answer = call(&node, "greedy", "shh_post", json!([message(&key, TOPIC)])).await;
    assert_eq!(over(&answer).1, "work");
    let key = result(&node, "modest", "shh_newSymKey", json!([])).await;
    result(&node, "modest", "shh_post", json!([message(&key, TOPIC)])).await;
    let mut worked = Vec::new();
    node.rpc.meter().for_each_team_sample(|sample| {
        if sample.metric.name == "rpc_team_work_seconds_total" {
            worked.push(sample.value);
        }
    });
    let [greedy, modest] = worked.try_into().unwrap();
    assert!((1..6).contains(&greedy) && modest < greedy, "{greedy} s, {modest} s");
    node.stop().await;
}

/// What another team needs is ready soon, while a post of this one waits for its quota.
#[cfg(unix)]
#[tokio::test]
async fn a_post_that_waits_for_its_quota_goes_on_with_another_one() {
    let node = with_quotas(quota(Quota::Work, 1)).await;
    let key = result(&node, "greedy", "shh_newSymKey", json!([])).await;
    let worked = || {
        let mut worked = 0;
        node.rpc.meter().for_each_team_sample(|sample| {
            let is_greedy = sample.labels.iter().any(|label| label.1 == "greedy");
            if sample.metric.name == "rpc_team_work_seconds_total" && is_greedy {
                worked = sample.value;
            }
        });
        worked
    };
    let post = call(&node, "greedy", "shh_post", endless(&key));
    let changed = async {
        // It is slowed down from the first second on, and would need a minute for each further one.
        eventually("work", async || (worked() >= 1).then_some(())).await;
        let before = worked();
        let set = json!(["greedy", { "quotas": { "work": 0 } }]);
        node.connect_ipc().await.ask(request("admin_setTeam", set)).await;
        eventually("more work", async || (worked() >= before + 2).then_some(())).await;
    };
    tokio::select! {
        answer = post => panic!("{answer}"),
        () = changed => {}
    }
    node.stop().await;
}

#[tokio::test]
async fn subscriptions_count_as_filters() {
    let node = with_quotas(quota(Quota::Filters, 1)).await;
    let mut client = TeamSocket::connect(node.ws(), "greedy").await;
    let key = client.call("shh_newSymKey", json!([])).await["result"].take();
    let criteria = json!({ "symKeyID": key, "topics": [TOPIC] });
    let subscribe = json!(["messages", criteria]);
    let id = client.call("shh_subscribe", subscribe.clone()).await["result"].take();
    assert!(id.is_string());
    let answer = client.call("shh_subscribe", subscribe.clone()).await;
    assert_eq!(over(&answer), (&json!(-32005), &json!("filters"), &Value::Null));
    let answer = client.call("shh_newMessageFilter", json!([criteria])).await;
    assert_eq!(over(&answer).1, "filters");
    // Its stream ends in the background.
    assert_eq!(client.call("shh_unsubscribe", json!([id])).await["result"], true);
    let again = eventually("room for a subscription", async || {
        let answer = client.call("shh_subscribe", subscribe.clone()).await;
        answer["result"].is_string().then_some(())
    });
    again.await;
    node.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_quota_are_refused_on_every_transport() {
    let node = with_quotas(quota(Quota::Connections, 1)).await;
    let client = TeamSocket::connect(node.ws(), "greedy").await;
    let refused = send(&node, &token("greedy"), "net_version", json!([])).await;
    assert_eq!(refused.status, 429);
    let answer: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(over(&answer), (&json!(-32005), &json!("connections"), &Value::Null));
    assert_eq!(TeamSocket::refused(node.ws(), "greedy").await, 429);
    assert_eq!(result(&node, "modest", "net_version", json!([])).await, "1");
    // A place is free when a connection has ended.
    drop(client);
    let free = eventually("a free place", async || {
        let response = send(&node, &token("greedy"), "net_version", json!([])).await;
        (response.status == 200).then_some(())
    });
    free.await;
    node.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_client_of_ipc_is_told_that_there_are_too_many_connections() {
    let greedy = Team { quotas: quota(Quota::Connections, 1), ..team("greedy") };
    let node = node(Teams { ipc: Some(greedy.name.clone()), ..teams([greedy]) }).await;
    let mut first = node.connect_ipc().await;
    assert!(first.ask(request("net_version", json!([]))).await.contains("\"result\":\"1\""));
    let mut second = node.connect_ipc().await;
    let told = second.next().await.unwrap();
    assert!(told.contains("-32005") && told.contains("connections"), "{told}");
    assert_eq!(second.next().await, None);
    node.stop().await;
}

#[tokio::test]
async fn reading_beyond_the_quota_of_history_is_refused() {
    let node = with_quotas(quota(Quota::History, 1)).await;
    let archive = Arc::new(MemoryArchive::new(ArchiveId([7; 8])));
    node.whisper.record(Arc::clone(&archive) as _);
    node.whisper.serve_archive(archive, ArchiveSettings::default());
    let read = json!([{ "topics": [TOPIC] }]);
    let key = result(&node, "modest", "shh_newSymKey", json!([])).await;
    for _ in 0..5 {
        result(&node, "modest", "shh_post", json!([message(&key, TOPIC)])).await;
    }
    let stored = eventually("stored envelopes", async || {
        let part = result(&node, "modest", "history_query", read.clone()).await;
        part["envelopes"].as_array().is_some_and(|all| all.len() == 5).then_some(())
    });
    stored.await;
    // The first reading may be more than the quota; it is paid by the next ones.
    result(&node, "greedy", "history_query", read.clone()).await;
    let answer = call(&node, "greedy", "history_query", read).await;
    let (code, name, after) = over(&answer);
    assert_eq!((code, name), (&json!(-32005), &json!("history")));
    assert!(after.as_u64().unwrap() > 60, "{answer}");
    node.stop().await;
}

#[tokio::test]
async fn all_mailboxes_of_a_team_share_a_limit() {
    let node = with_quotas(quota(Quota::MailboxBytes, 2000)).await;
    let key = result(&node, "greedy", "shh_newSymKey", json!([])).await;
    let criteria = json!([{ "symKeyID": key, "topics": [TOPIC] }]);
    let mut filters = Vec::new();
    for _ in 0..3 {
        filters.push(result(&node, "greedy", "shh_newMessageFilter", criteria.clone()).await);
    }
    for _ in 0..20 {
        result(&node, "greedy", "shh_post", json!([message(&key, TOPIC)])).await;
    }
    let dropped = eventually("full mailboxes", async || {
        let drops = node.whisper.drops();
        drops
            .iter()
            .any(|drop| drop.reason == Reason::MailboxFull && drop.count >= 40)
            .then_some(())
    });
    dropped.await;
    let mut waiting = None;
    node.rpc.meter().for_each_team_sample(|sample| {
        if sample.metric.name == "rpc_team_mailbox_bytes" && sample.labels[0].1 == "greedy" {
            waiting = Some(sample.value);
        }
    });
    assert!((1..=2000).contains(&waiting.unwrap()), "{waiting:?}");
    let mut left = 0;
    for filter in filters {
        let messages = result(&node, "greedy", "shh_getFilterMessages", json!([filter])).await;
        left += messages.as_array().unwrap().len();
    }
    assert!((1..20).contains(&left), "{left} of 60 messages");
    node.stop().await;
}
