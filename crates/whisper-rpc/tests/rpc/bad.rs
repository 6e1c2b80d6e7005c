//! Invalid and hostile requests: each is answered with an error or refused, and the node keeps serving.

use crate::support::client::Client;
use crate::support::eventually::PATIENCE;
use crate::support::http::Request;
use crate::support::node::{FREE, Node, config, in_progress, request};
use crate::support::ws::WsClient;
use serde_json::{Value, json};
use tokio::time::timeout;
use whisper_rpc::{HttpSettings, Namespace, RpcConfig, RpcError, Transport, WsSettings, serve};

/// The id of a key or filter that does not exist.
const UNKNOWN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Sends a body unchanged. Returns code and text of the error; of a batch, the first.
async fn error_of(node: &Node, body: impl Into<Vec<u8>>) -> (i64, String) {
    let response = Request::json(body).send(node.http()).await;
    assert_eq!(response.status, 200, "{response:?}");
    let response: Value = serde_json::from_str(&response.body).unwrap();
    let error = &response.get(0).unwrap_or(&response)["error"];
    let code = error["code"].as_i64().unwrap_or_else(|| panic!("no error: {response}"));
    (code, error["message"].as_str().unwrap().to_owned())
}

async fn serves(node: &Node) {
    assert_eq!(node.result("shh_version", json!([])).await, "6.0");
}

#[tokio::test]
async fn unreadable_json_is_an_error_of_json_rpc() {
    let node = Node::start().await;
    let bodies: [&[u8]; 10] = [
        b"",
        b" ",
        b"{",
        b"[",
        b"[1,",
        b"null",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shh_version\",\"params\":[}",
        b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\xfe\",\"method\":\"shh_version\"}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shh_version\"}x",
        &[0; 100],
    ];
    for body in bodies {
        let (code, _) = error_of(&node, body).await;
        assert_eq!(code, -32700, "{:?}", String::from_utf8_lossy(body));
    }
    serves(&node).await;
}

#[tokio::test]
async fn json_that_is_not_a_request_is_an_invalid_request() {
    let node = Node::start().await;
    let bodies: [&[u8]; 6] = [
        b"{\"id\":1}",
        b"[]",
        b"{\"jsonrpc\":\"2.0\",\"id\":1}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\ud800\"}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shh_version\",\"method\":\"shh_version\"}",
    ];
    for body in bodies {
        let (code, _) = error_of(&node, body).await;
        assert_eq!(code, -32600, "{:?}", String::from_utf8_lossy(body));
    }
    let mixed = Request::json("[1, {}, {\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"shh_version\"}]");
    let answers: Value = serde_json::from_str(&mixed.send(node.http()).await.body).unwrap();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers[0]["error"]["code"], -32600);
    assert_eq!(answers[1]["error"]["code"], -32600);
    assert_eq!(answers[2], json!({ "jsonrpc": "2.0", "id": 7, "result": "6.0" }));
}

#[tokio::test]
async fn deep_nesting_does_not_recurse() {
    let node = Node::start().await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let call = |params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"shh_hasSymKey","params":{params}}}"#)
    };
    assert_eq!(error_of(&node, call(&deep)).await.0, -32602);
    assert_eq!(error_of(&node, call(&format!("[{{\"a\":{deep}}}]"))).await.0, -32602);
    assert!(error_of(&node, deep.clone()).await.0 <= -32600);
    assert!(error_of(&node, format!("{{\"id\":{deep}}}")).await.0 <= -32600);
    let post =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"shh_post","params":[{{"topic":{deep}}}]}}"#);
    assert_eq!(error_of(&node, post).await.0, -32602);
    serves(&node).await;
}

#[tokio::test]
async fn a_huge_body_is_refused() {
    let node = Node::start().await;
    let body = vec![b' '; 600_000];
    let response = Request::json(body.clone()).send(node.http()).await;
    assert_eq!(response.status, 413);
    // A body without a length.
    let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    let chunked = Request::json(chunk).header("transfer-encoding", "chunked");
    assert_eq!(chunked.send(node.http()).await.status, 413);
    // A body with a wrong length is refused at once.
    let liar = Request::json("{}").header("content-length", "4000000000");
    assert_eq!(liar.send(node.http()).await.status, 413);
    assert_eq!(node.rpc.stats().refused_size, 3);
    serves(&node).await;
}

#[tokio::test]
async fn a_huge_websocket_message_is_refused() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.send(request("web3_sha3", json!([format!("0x{}", "0".repeat(600_000))]))).await;
    // It is answered with an error, or the connection is closed.
    if let Some(answer) = client.next().await {
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["error"]["code"], -32007, "{answer}");
    }
    serves(&node).await;
}

#[tokio::test]
async fn a_huge_batch_is_refused() {
    let node = Node::start().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "shh_version" });
    let limit = usize::try_from(config().limits.batch_calls).unwrap();
    let body = Value::from(vec![call.clone(); limit + 1]).to_string();
    assert_eq!(error_of(&node, body).await.0, -32010);
    let body = Value::from(vec![call; limit]).to_string();
    let answers = Request::json(body).send(node.http()).await.body;
    let answers: Vec<Value> = serde_json::from_str(&answers).unwrap();
    assert_eq!(answers.len(), limit);
}

/// Every method with one argument, and the kind of JSON value that it takes.
const WITH_ARGUMENT: [(&str, &str); 22] = [
    ("shh_setMaxMessageSize", "number"),
    ("shh_setMinPoW", "number"),
    ("shh_setBloomFilter", "string"),
    ("shh_markTrustedPeer", "string"),
    ("shh_addPrivateKey", "string"),
    ("shh_hasKeyPair", "string"),
    ("shh_getPublicKey", "string"),
    ("shh_getPrivateKey", "string"),
    ("shh_deleteKeyPair", "string"),
    ("shh_addSymKey", "string"),
    ("shh_generateSymKeyFromPassword", "string"),
    ("shh_hasSymKey", "string"),
    ("shh_getSymKey", "string"),
    ("shh_deleteSymKey", "string"),
    ("shh_post", "object"),
    ("shh_newMessageFilter", "object"),
    ("shh_getFilterMessages", "string"),
    ("shh_deleteMessageFilter", "string"),
    ("admin_addPeer", "string"),
    ("admin_removePeer", "string"),
    ("admin_addTrustedPeer", "string"),
    ("web3_sha3", "string"),
];

#[tokio::test]
async fn wrong_types_and_numbers_of_arguments_are_invalid_parameters() {
    let node = Node::start().await;
    let wrong = [json!(5), json!("x"), json!({}), json!([]), json!(true)];
    for (method, suits) in WITH_ARGUMENT {
        for value in &wrong {
            let kind = match value {
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Object(_) => "object",
                _ => "other",
            };
            if kind == suits {
                continue;
            }
            let (code, text) = error_of(&node, request(method, json!([value]))).await;
            assert_eq!(code, -32602, "{method} {value}");
            assert!(text.starts_with("invalid argument 0: want "), "{method} {value}: {text}");
        }
        for none in [json!([]), json!(null), json!([null])] {
            let (code, text) = error_of(&node, request(method, none)).await;
            assert_eq!((code, text.as_str()), (-32602, "missing value for required argument 0"));
        }
        let (code, text) = error_of(&node, request(method, json!(["a", "b"]))).await;
        assert_eq!(
            (code, text.as_str()),
            (-32602, "too many arguments, want at most 1"),
            "{method}"
        );
        assert_eq!(error_of(&node, request(method, json!({}))).await.1, "non-array args");
    }
    serves(&node).await;
}

#[tokio::test]
async fn unknown_ids_are_errors() {
    let node = Node::start().await;
    let key = node.result("shh_newSymKey", json!([])).await;
    let no_key_pair = format!("invalid id: there is no key pair with the id \"{UNKNOWN}\"");
    let cases = [
        ("shh_getPublicKey", json!([UNKNOWN]), no_key_pair.as_str()),
        ("shh_getPrivateKey", json!([UNKNOWN]), &no_key_pair),
        ("shh_getSymKey", json!([UNKNOWN]), "non-existent key ID"),
        ("shh_getSymKey", json!(["no id"]), "non-existent key ID"),
        ("shh_getFilterMessages", json!([UNKNOWN]), "filter not found"),
        ("shh_getFilterMessages", json!(["no id"]), "filter not found"),
        ("shh_deleteMessageFilter", json!([UNKNOWN]), "Unsubscribe: Invalid ID"),
        ("shh_newMessageFilter", json!([{ "privateKeyID": UNKNOWN }]), &no_key_pair),
        (
            "shh_newMessageFilter",
            json!([{ "symKeyID": key, "sig": "0x04" }]),
            "invalid signing public key",
        ),
        (
            "shh_post",
            json!([{ "symKeyID": UNKNOWN, "topic": "0x01020304" }]),
            "non-existent key ID",
        ),
        (
            "shh_post",
            json!([{ "symKeyID": key, "topic": "0x01020304", "sig": UNKNOWN }]),
            &no_key_pair,
        ),
        ("shh_post", json!([{}]), "specify either a symmetric or an asymmetric key"),
        ("shh_setMinPoW", json!([-1]), "invalid PoW: -1.000000"),
        ("shh_setBloomFilter", json!(["0x00"]), "invalid bloom filter size: 1"),
        ("shh_addPrivateKey", json!(["0x01"]), "invalid length, need 256 bits"),
    ];
    for (method, params, text) in cases {
        let found = error_of(&node, request(method, params.clone())).await;
        assert_eq!(found, (-32000, text.to_owned()), "{method} {params}");
    }
    let deleted = error_of(&node, request("shh_deleteKeyPair", json!([UNKNOWN]))).await;
    assert_eq!(deleted, (-32000, format!("key pair {UNKNOWN} not found")));
}

#[tokio::test]
async fn a_notification_is_carried_out_and_not_answered() {
    let node = Node::start().await;
    let call = |id: &str, size: u32| {
        format!(r#"{{"jsonrpc":"2.0",{id}"method":"shh_setMaxMessageSize","params":[{size}]}}"#)
    };
    let response = Request::json(call("", 5000)).send(node.http()).await;
    assert_eq!((response.status, response.body.as_str()), (200, ""));
    assert_eq!(node.result("shh_info", json!([])).await["maxMessageSize"], 5000);
    let batch = format!("[{},{}]", call("", 6000), call("", 7000));
    let response = Request::json(batch).send(node.http()).await;
    assert_eq!((response.status, response.body.as_str()), (200, ""));
    assert_eq!(node.result("shh_info", json!([])).await["maxMessageSize"], 7000);
    let unknown = r#"{"jsonrpc":"2.0","method":"shh_nonsense"}"#;
    assert_eq!(Request::json(unknown).send(node.http()).await.body, "");
}

/// A post whose proof of work takes a minute.
fn endless_post(key: &Value) -> String {
    let post = json!({
        "symKeyID": key, "topic": "0x01020304", "payload": "0x00",
        "powTarget": 1e18, "powTime": 60, "ttl": 100,
    });
    request("shh_post", json!([post]))
}

#[tokio::test]
async fn a_proof_of_work_is_cancelled_when_its_client_disconnects() {
    let node = Node::start().await;
    let key = node.result("shh_newSymKey", json!([])).await;
    let connection = Request::json(endless_post(&key)).start(node.http()).await;
    in_progress(&node, 1).await;
    serves(&node).await;
    drop(connection);
    in_progress(&node, 0).await;

    let mut client = node.connect().await;
    client.send(endless_post(&key)).await;
    in_progress(&node, 1).await;
    drop(client);
    in_progress(&node, 0).await;
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_proof_of_work() {
    let node = Node::start().await;
    let key = node.result("shh_newSymKey", json!([])).await;
    let mut client = node.connect().await;
    client.send(endless_post(&key)).await;
    in_progress(&node, 1).await;
    timeout(PATIENCE, node.rpc.stop()).await.expect("the servers to stop");
    let answer = client.next().await.expect("an answer before the end");
    assert!(answer.contains("server is shutting down"), "{answer}");
}

#[tokio::test]
async fn namespaces_that_are_not_served_do_not_exist() {
    let node = Node::start_with(RpcConfig {
        http: Some(HttpSettings {
            addr: FREE,
            api: vec![Namespace::Net],
            ..HttpSettings::default()
        }),
        ws: Some(WsSettings { addr: FREE, api: vec![Namespace::Web3], ..WsSettings::default() }),
        ..RpcConfig::default()
    })
    .await;
    assert_eq!(node.result("rpc_modules", json!([])).await, json!({ "net": "1.0", "rpc": "1.0" }));
    assert_eq!(node.result("net_listening", json!([])).await, true);
    for method in ["shh_getPrivateKey", "admin_addPeer", "web3_sha3", "shh_subscribe"] {
        let (code, text) = error_of(&node, request(method, json!([UNKNOWN]))).await;
        assert_eq!(code, -32601);
        assert!(
            text.starts_with(&format!(
                "The method {method} does not exist/is not available here, it is served over "
            )),
            "{text}"
        );
    }
    let (_, text) = error_of(&node, request("shh_nonsense", json!([]))).await;
    assert_eq!(text, "The method shh_nonsense does not exist/is not available");
    let answer = node.connect().await.ask(request("net_version", json!([]))).await;
    assert!(answer.contains("-32601"), "{answer}");
}

#[tokio::test]
async fn foreign_pages_are_refused() {
    let node = Node::start_with(RpcConfig {
        http: Some(HttpSettings {
            addr: FREE,
            cors: vec!["https://app.example".to_owned()],
            ..HttpSettings::default()
        }),
        ..config()
    })
    .await;
    let body = request("net_version", json!([]));
    let rebound = Request::json(body.clone()).header("host", "evil.example:8545");
    let response = rebound.send(node.http()).await;
    assert_eq!(response.status, 403);
    assert!(response.body.starts_with("invalid host specified: "), "{}", response.body);
    assert!(response.body.contains("http.vhosts"), "it names the setting: {}", response.body);

    let allowed = Request::json(body.clone()).header("origin", "https://app.example");
    let response = allowed.send(node.http()).await;
    assert_eq!(response.header("access-control-allow-origin"), Some("https://app.example"));
    let foreign = Request::json(body).header("origin", "https://evil.example");
    let response = foreign.send(node.http()).await;
    assert_eq!(response.header("access-control-allow-origin"), None);

    assert!(WsClient::connect_from(node.ws(), Some("https://evil.example")).await.is_err());
    assert!(WsClient::connect_from(node.ws(), Some("http://localhost:3000")).await.is_ok());
    let stats = node.rpc.stats();
    assert_eq!((stats.refused_host, stats.refused_origin), (1, 1));
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_the_transport() {
    let node = Node::start().await;
    let taken = |http, ws| async move {
        let http = HttpSettings { addr: http, ..HttpSettings::default() };
        let ws = WsSettings { addr: ws, ..WsSettings::default() };
        RpcConfig { http: Some(http), ws: Some(ws), ..RpcConfig::default() }
    };
    let (whisper, server) = (node.whisper.clone(), node.server.clone());
    let error = serve(taken(node.http(), FREE).await, whisper, server).await.unwrap_err();
    let RpcError::AddressInUse { transport, address } = error else { panic!("{error}") };
    assert_eq!((transport, address), (Transport::Http, node.http()));

    let (whisper, server) = (node.whisper.clone(), node.server.clone());
    let error = serve(taken(FREE, node.ws()).await, whisper, server).await.unwrap_err();
    assert!(matches!(error, RpcError::AddressInUse { transport: Transport::Ws, .. }), "{error}");
}

#[tokio::test]
async fn an_invalid_id_over_websocket_is_refused() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let before = node.result("shh_info", json!([])).await;
    for id in ["true", "1.5", "{}"] {
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"shh_setMaxMessageSize","params":[5000]}}"#
        );
        let answer: Value = serde_json::from_str(&client.ask(call).await).unwrap();
        assert_eq!(answer["error"]["code"], -32600, "{id}");
    }
    assert_eq!(node.result("shh_info", json!([])).await, before);
}
