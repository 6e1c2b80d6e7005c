//! What archives have, over JSON-RPC.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use p2p_world::SystemWorld;
use serde_json::{Value, json};
use tokio::time::timeout;
use whisper_protocol::packet::{Completion, Request};
use whisper_protocol::{
    ArchiveId, ArchiveSettings, MailServer, MailServerSettings, MemoryArchive, SymmetricKey,
};
use whisper_rpc::Namespace;
use whisper_rpc::client::{
    HistoryClient as _, HistorySubscriptions as _, ShhClient as _, ShhextClient as _, Subscription,
};
use whisper_rpc::types::{
    Criteria, HexBytes, HistoryCriteria, HistoryPartJson, MessagesRequest, MessagesResponse,
    NewMessage, RetryConfig, Topic,
};

use crate::support::client::Client as _;
use crate::support::eventually::{PATIENCE, eventually};
use crate::support::node::{Node, config, request as request_of};

const TOPIC: Topic = Topic(*b"news");

/// A node that stores everything.
async fn start() -> Node {
    let mut config = config();
    config.http.as_mut().unwrap().api = Namespace::ALL.to_vec();
    config.ws.as_mut().unwrap().api = Namespace::ALL.to_vec();
    let node = Node::start_with(config).await;
    let archive = Arc::new(MemoryArchive::new(ArchiveId([7; 8])));
    node.whisper.record(Arc::clone(&archive) as _);
    node.whisper.serve_archive(Arc::clone(&archive) as _, ArchiveSettings::default());
    let settings = MailServerSettings {
        password: Some(SymmetricKey::from_password(b"archive")),
        interval: Duration::ZERO,
        ..MailServerSettings::default()
    };
    let server = MailServer::new(SystemWorld::shared(), archive, settings);
    let requests = node.whisper.mail_requests(8);
    tokio::spawn(async move { server.run(requests).await });
    node
}

async fn connect(node: &Node) -> WsClient {
    WsClientBuilder::default().build(format!("ws://{}", node.ws())).await.unwrap()
}

async fn post(client: &WsClient, key: &str, payload: &str) -> HexBytes {
    let message = NewMessage {
        sym_key_id: key.to_owned(),
        topic: TOPIC,
        ttl: 50,
        payload: payload.as_bytes().to_vec().into(),
        pow_target: 0.2,
        pow_time: 5,
        ..NewMessage::default()
    };
    client.post(&message).await.unwrap()
}

fn criteria(key: &str, cursor: &str) -> HistoryCriteria {
    let (sym_key_id, cursor) = (key.to_owned(), cursor.to_owned());
    HistoryCriteria { sym_key_id, topics: vec![TOPIC], cursor, ..HistoryCriteria::default() }
}

fn payloads(part: &HistoryPartJson) -> Vec<String> {
    let text = |bytes: &HexBytes| String::from_utf8(bytes.as_slice().to_vec()).unwrap();
    part.messages.iter().map(|stored| text(&stored.message.payload)).collect()
}

/// The next part with messages.
async fn next(parts: &mut Subscription<HistoryPartJson>) -> HistoryPartJson {
    loop {
        let part = timeout(PATIENCE, parts.next()).await.unwrap().unwrap().unwrap();
        if !part.messages.is_empty() {
            return part;
        }
    }
}

#[tokio::test]
async fn a_query_reads_page_by_page() {
    let node = start().await;
    let client = connect(&node).await;
    let key = client.generate_sym_key_from_password("swordfish").await.unwrap();
    let mut hashes = Vec::new();
    for payload in ["one", "two", "three"] {
        hashes.push(post(&client, &key, payload).await);
    }
    let everything = HistoryCriteria::default();
    eventually("three envelopes", async || {
        let part = client.query(&everything).await.unwrap();
        (part.envelopes.len() == 3).then_some(())
    })
    .await;
    let two = HistoryCriteria { limit: 2, ..criteria(&key, "") };
    let first = client.query(&two).await.unwrap();
    assert_eq!((payloads(&first), first.caught_up), (vec!["one".into(), "two".into()], false));
    assert_eq!(first.messages[0].message.hash, hashes[0]);
    let second = client.query(&criteria(&key, &first.cursor)).await.unwrap();
    assert_eq!((payloads(&second), second.caught_up), (vec!["three".into()], true));
    let last = client.query(&criteria(&key, &second.cursor)).await.unwrap();
    assert!(last.messages.is_empty() && last.caught_up && last.notices.is_empty());

    // Without a key the envelopes come as they are.
    let some = HistoryCriteria { hashes: vec![hashes[1].clone()], ..HistoryCriteria::default() };
    let part = client.query(&some).await.unwrap();
    assert_eq!(part.envelopes.len(), 1);
    assert_eq!((part.envelopes[0].arrival, part.envelopes[0].dialect), (2, 6));
    // A filter says what is wanted, and has the key.
    let wanted =
        Criteria { sym_key_id: key.clone(), topics: vec![TOPIC.into()], ..Criteria::default() };
    let filter = client.new_message_filter(&wanted).await.unwrap();
    let by_filter = HistoryCriteria { filter, ..HistoryCriteria::default() };
    assert_eq!(payloads(&client.query(&by_filter).await.unwrap()).len(), 3);
    drop(client);
    node.stop().await;
}

#[tokio::test]
async fn a_subscription_goes_on_after_a_restart_of_the_client() {
    let node = start().await;
    let client = connect(&node).await;
    let key = client.generate_sym_key_from_password("swordfish").await.unwrap();
    post(&client, &key, "before").await;
    let mut parts = client.history(&criteria(&key, "")).await.unwrap();
    assert_eq!(payloads(&next(&mut parts).await), ["before"]);
    post(&client, &key, "live").await;
    let part = next(&mut parts).await;
    assert_eq!(payloads(&part), ["live"]);
    drop((parts, client));

    let client = connect(&node).await;
    post(&client, &key, "while away").await;
    let mut parts = client.history(&criteria(&key, &part.cursor)).await.unwrap();
    assert_eq!(payloads(&next(&mut parts).await), ["while away"]);
    drop((parts, client));
    node.stop().await;
}

/// The node remembers where an application is: what it has not acknowledged comes again, and nothing else.
#[tokio::test]
async fn a_named_subscription_goes_on_where_it_was_acknowledged() {
    let node = start().await;
    let client = connect(&node).await;
    let key = client.generate_sym_key_from_password("swordfish").await.unwrap();
    let named = criteria(&key, "name:reader");
    post(&client, &key, "one").await;
    let mut parts = client.history(&named).await.unwrap();
    let first = next(&mut parts).await;
    assert_eq!(payloads(&first), ["one"]);
    assert!(client.cursors().await.unwrap().is_empty(), "nothing is acknowledged");
    assert!(client.ack_history("reader", &first.cursor).await.unwrap());
    post(&client, &key, "two").await;
    assert_eq!(payloads(&next(&mut parts).await), ["two"]);
    drop((parts, client));

    let client = connect(&node).await;
    assert_eq!(client.cursors().await.unwrap(), ["reader"]);
    let mut parts = client.history(&named).await.unwrap();
    let second = next(&mut parts).await;
    assert_eq!(payloads(&second), ["two"], "it was not acknowledged");
    client.ack_history("reader", &second.cursor).await.unwrap();
    let rest = client.query(&named).await.unwrap();
    assert!(rest.messages.is_empty() && rest.caught_up);
    client.ack_history("reader", "").await.unwrap();
    assert!(client.cursors().await.unwrap().is_empty());
    assert_eq!(client.query(&named).await.unwrap().messages.len(), 2);
    drop((parts, client));
    node.stop().await;
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let node = start().await;
    let client = connect(&node).await;
    let key = client.generate_sym_key_from_password("swordfish").await.unwrap();
    let cursor = client.query(&criteria(&key, "")).await.unwrap().cursor;
    let refused = async |criteria: Value| {
        let answer = node.call("history_query", json!([criteria])).await;
        answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    for (criteria, text) in [
        (json!({ "cursor": "0x00" }), "not a cursor of this version"),
        (json!({ "cursor": cursor }), "the cursor was given out for another filter"),
        (
            json!({ "cursor": format!("name:{}", "x".repeat(65)) }),
            "a name of a cursor has 1 to 64 bytes",
        ),
        (json!({ "limit": 1001 }), "the limit is 1001; at most 1000"),
        (json!({ "symKeyID": "x" }), "non-existent key ID"),
        (json!({ "privateKeyID": "x" }), "invalid id: there is no key pair with the id \"x\""),
        (json!({ "filter": "x" }), "filter not found"),
        (json!({ "filter": "x", "symKeyID": key }), "specify either"),
        (json!({ "bloom": "0x00" }), "invalid bloom filter size: 1"),
        (json!({ "hashes": ["0x00"] }), "invalid hash size: 1"),
        (json!({ "topics": ["0x6e657773"], "hashes": ["0x00"] }), "give either topics"),
        (json!({ "from": 2, "to": 1 }), "Query range is invalid"),
        (json!({ "nodes": ["x"] }), "invalid URL scheme"),
        (json!({ "nodes": vec!["x"; 9] }), "at most 8 nodes"),
        (json!({ "archiveKeyID": "x" }), "non-existent key ID"),
        (json!({ "topic": "x" }), "invalid argument 0: unknown field 'topic'"),
    ] {
        let message = refused(criteria.clone()).await;
        assert!(message.starts_with(text), "{criteria}: {message}");
    }
    drop(client);
    node.stop().await;
}

/// A client written for status-go asks in its words.
#[tokio::test]
async fn a_mail_server_is_asked_in_the_form_of_status_go() {
    let (server, node) = (start().await, Node::start().await);
    let (at_server, client) = (connect(&server).await, connect(&node).await);
    let key = at_server.generate_sym_key_from_password("swordfish").await.unwrap();
    let hash = post(&at_server, &key, "old news").await;
    let url = server.enode().to_string();
    node.server.add_peer(server.enode());
    let key = client.generate_sym_key_from_password("swordfish").await.unwrap();
    let password = client.generate_sym_key_from_password("archive").await.unwrap();
    let wanted = Criteria {
        sym_key_id: key,
        topics: vec![TOPIC.into()],
        allow_p2p: true,
        ..Criteria::default()
    };
    let request = MessagesRequest {
        mail_server_peer: url,
        topic: TOPIC,
        sym_key_id: password,
        ..MessagesRequest::default()
    };
    let id = eventually("the session of the mail server", async || {
        client.request_messages(&request).await.ok()
    })
    .await;
    assert_eq!(id.as_slice().len(), 32);
    let filter = client.new_message_filter(&wanted).await.unwrap();
    let open = MessagesRequest { sym_key_id: String::new(), ..request.clone() };
    client.request_messages(&open).await.unwrap();
    let received = eventually("the message", async || {
        let messages = client.get_filter_messages(&filter).await.unwrap();
        messages.into_iter().next()
    })
    .await;
    assert_eq!((received.hash, received.payload.as_slice()), (hash, &b"old news"[..]));

    let unknown = MessagesRequest { mail_server_peer: "x".to_owned(), ..request };
    let error = client.request_messages(&unknown).await.unwrap_err().to_string();
    assert!(error.contains("invalid mailServerPeer value"), "{error}");
    // The namespace of status-go is served where it is configured.
    let ext = at_server.ext_request_messages(&unknown).await.unwrap_err().to_string();
    assert!(ext.contains("invalid mailServerPeer value"), "{ext}");
    drop((at_server, client));
    node.stop().await;
    server.stop().await;
}

/// A server that sends its first page again and again, whatever cursor it is asked with.
#[tokio::test]
async fn a_mail_server_that_ignores_cursors_is_noticed() {
    let (server, node) = (Node::start().await, Node::start().await);
    let client = connect(&node).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let (counter, mut requests) = (Arc::clone(&asked), server.whisper.mail_requests(8));
    tokio::spawn(async move {
        while let Some(asked) = requests.next().await {
            counter.fetch_add(1, Relaxed);
            let (request, last, cursor) = (asked.request.id(), Some([1; 32]), Some([2; 36]));
            asked.complete(&Completion::Done { request, last, cursor }).await.unwrap();
        }
    });
    node.server.add_peer(server.enode());
    let mail_server_peer = server.enode().to_string();
    let request = MessagesRequest { mail_server_peer, ..MessagesRequest::default() };
    let error = eventually("an answer", async || {
        let error = client.request_messages(&request).await.unwrap_err().to_string();
        (!error.contains("cannot be sent")).then_some(error)
    })
    .await;
    assert!(error.contains("ignores cursors"), "{error}");
    assert_eq!(asked.load(Relaxed), 2);
    drop(client);
    node.stop().await;
    server.stop().await;
}

/// status-go's form: one answer, with the place to go on. A request that gets no answer is sent again.
#[tokio::test]
async fn a_mail_server_is_asked_page_by_page() {
    let (server, node) = (Node::start().await, Node::start().await);
    let client = connect(&node).await;
    let mut requests = server.whisper.mail_requests(8);
    let serving = tokio::spawn(async move {
        let mut queries = Vec::new();
        for done in [None, Some(Some([0xab; 36])), Some(None)] {
            let asked = requests.next().await.unwrap();
            let Request::Open { id: request, query } = asked.request.clone() else { panic!() };
            queries.push((query.limit, query.cursor.to_vec()));
            let Some(cursor) = done else { continue };
            asked.complete(&Completion::Done { request, last: None, cursor }).await.unwrap();
        }
        queries
    });
    node.server.add_peer(server.enode());
    let mail_server_peer = server.enode().to_string();
    let is_connected = || node.whisper.stats().sessions.established == 1;
    eventually("the mail server", async || is_connected().then_some(())).await;
    let request = MessagesRequest { mail_server_peer, limit: 5, ..MessagesRequest::default() };
    // Of the first two requests, the second one is answered.
    let retries = RetryConfig { base_timeout: 1, max_retries: 1, ..RetryConfig::default() };
    let first = client.request_messages_sync(&retries, &request).await.unwrap();
    let cursor = "ab".repeat(36);
    assert_eq!(first, MessagesResponse { cursor: cursor.clone(), error: None });
    let next = MessagesRequest { cursor, ..request };
    let text = json!([RetryConfig::default(), next]);
    let rest = node.connect_ipc().await.ask(request_of("shhext_requestMessagesSync", text)).await;
    assert!(rest.contains(r#""result":{"cursor":"","error":null}"#), "{rest}");
    let queries = serving.await.unwrap();
    assert_eq!(queries, [(5, vec![]), (5, vec![]), (5, vec![0xab; 36])]);
    drop(client);
    node.stop().await;
    server.stop().await;
}
