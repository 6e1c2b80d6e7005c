//! What one client may ask of the node: the namespaces and methods of its transport, and the size of its requests.

use crate::support::client::Client;
use crate::support::eventually::PATIENCE;
use crate::support::http::Request;
use crate::support::node::{FREE, Node, config, request};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use whisper_protocol::{Config, Work};
use whisper_rpc::{HttpSettings, RpcAccess, RpcConfig, RpcLimits, WsSettings};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A node that serves the default namespaces.
async fn by_default() -> Node {
    let http = Some(HttpSettings { addr: FREE, ..HttpSettings::default() });
    let ws = Some(WsSettings { addr: FREE, ..WsSettings::default() });
    Node::start_with(RpcConfig { http, ws, ..config() }).await
}

#[cfg(unix)]
#[tokio::test]
async fn what_controls_the_node_is_served_over_ipc_only() {
    let node = by_default().await;
    let calls = [
        ("admin_peers", json!([])),
        ("admin_addPeer", json!(["enode://"])),
        ("debug_drops", json!([])),
        ("shh_setMinPoW", json!([0.1])),
        ("shh_setMaxMessageSize", json!([100_000])),
        ("shh_setBloomFilter", json!([format!("0x{}", "ff".repeat(64))])),
        ("shh_makeLightClient", json!([])),
        ("shh_cancelLightClient", json!([])),
        ("shh_markTrustedPeer", json!([format!("0x{}", "00".repeat(64))])),
    ];
    let (mut ws, mut ipc) = (node.connect().await, node.connect_ipc().await);
    for (method, params) in calls {
        let before = node.whisper.info();
        let over_ws = parsed(&ws.ask(request(method, params.clone())).await);
        for refused in [node.call(method, params.clone()).await, over_ws] {
            assert_eq!(refused["error"]["code"], -32601, "{method}: {refused}");
            let text = refused["error"]["message"].as_str().unwrap();
            assert!(text.contains(method) && text.contains("over IPC"), "{text}");
        }
        assert_eq!(node.whisper.info(), before);
        let answer = parsed(&ipc.ask(request(method, params)).await);
        assert_ne!(answer["error"]["code"], -32601, "{method}: {answer}");
    }
    let described = node.result("rpc_discover", json!([])).await.to_string();
    assert!(described.contains("\"shh_post\"") && !described.contains("\"shh_setMinPoW\""));
    node.stop().await;
}

/// A call that posts `bytes` of payload.
fn post(key: &Value, bytes: usize) -> String {
    let message = json!({
        "symKeyID": key, "topic": "0x74657374", "payload": format!("0x{}", "ab".repeat(bytes)),
        "powTarget": 0.0, "powTime": 1, "ttl": 20,
    });
    request("shh_post", json!([message]))
}

#[tokio::test]
async fn every_message_that_the_node_admits_can_be_posted() {
    let settings = Config { min_work: Work::ZERO, ..Config::default() };
    let node =
        Node::start_from(RpcConfig { limits: RpcLimits::default(), ..config() }, settings).await;
    let key = node.result("shh_newSymKey", json!([])).await;
    // The rest is the envelope itself and padding.
    for size in [1 << 20, 3 << 20] {
        node.whisper.set_max_message_size(size).unwrap();
        let call = post(&key, usize::try_from(size).unwrap() - 1024);
        let over_http = Request::json(call.clone()).send(node.http()).await;
        assert_eq!(over_http.status, 200);
        let over_ws = node.connect().await.ask(call.clone()).await;
        for answer in [over_http.body, over_ws] {
            assert!(parsed(&answer)["result"].is_string(), "{answer}");
        }
        #[cfg(unix)]
        {
            let answer = node.connect_ipc().await.ask(call).await;
            assert!(parsed(&answer)["result"].is_string(), "{answer}");
        }
    }
    node.stop().await;
}

/// A client that reads only after it has sent everything.
async fn send_all(
    stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin),
    bytes: &[u8],
) -> String {
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(bytes).await.expect("everything can be sent");
        let _ = stream.read_to_end(&mut answer).await;
    };
    timeout(PATIENCE, exchange).await.expect("an answer in time");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The same request with another method than POST.
fn with_method(method: &str, post: &[u8]) -> Vec<u8> {
    [method.as_bytes(), &post["POST".len()..]].concat()
}

#[tokio::test]
async fn a_refusal_is_read_by_a_client_that_sends_everything_first() {
    const BODY: usize = 6 << 20;
    let limits = RpcLimits { request_bytes: Some(1000), ..RpcLimits::default() };
    let token = whisper_rpc::Token::new("correct-horse-battery-staple").unwrap();
    let access = RpcAccess::Token(token);
    let node = Node::start_with(RpcConfig { limits, ..config() }).await;
    let guarded = Node::start_with(RpcConfig { access, ..config() }).await;
    let json = "content-type: application/json\r\n";
    let of = |host: &str, more: &str| {
        let head =
            format!("POST / HTTP/1.1\r\nhost: {host}\r\n{more}content-length: {BODY}\r\n\r\n");
        [head.as_bytes(), &vec![b' '; BODY]].concat()
    };
    let chunked = |content_type: &str| {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\n{content_type}transfer-encoding: chunked\r\n\r\n"
        );
        let chunk = format!("{BODY:x}\r\n{}\r\n0\r\n\r\n", " ".repeat(BODY));
        [head.as_bytes(), chunk.as_bytes()].concat()
    };
    for (node, request, status) in [
        (&node, of("localhost", json), "413"),
        (&node, chunked(json), "413"),
        (&node, of("other.example", json), "403"),
        (&node, chunked("content-type: text/plain\r\n"), "415"),
        (&node, with_method("PUT", &of("other.example", json)), "403"),
        (&node, with_method("PUT", &of("localhost", json)), "405"),
        (&node, with_method("GET", &of("localhost", json)), "405"),
        (&guarded, of("localhost", json), "401"),
    ] {
        let mut stream = TcpStream::connect(node.http()).await.unwrap();
        let answer = send_all(&mut stream, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer:?}");
    }
    // WebSocket: the head of a frame of 6 MiB, and its content.
    let mut stream = crate::support::ws::upgraded(node.ws()).await;
    let frame = [&[0x81, 0xff], &(BODY as u64).to_be_bytes()[..], &[0; 4], &vec![b' '; BODY]];
    let answer = send_all(&mut stream, &frame.concat()).await;
    assert!(answer.contains("-32007"), "{answer:?}");
    #[cfg(unix)]
    {
        let path = node.rpc.ipc_path().unwrap();
        let mut stream = tokio::net::UnixStream::connect(path).await.unwrap();
        let answer = send_all(&mut stream, &[b"{", &vec![b' '; BODY][..]].concat()).await;
        assert!(answer.contains("-32007"), "{answer:?}");
    }
}

/// Calls of one batch take turns with other clients, on a runtime with a single thread.
#[tokio::test]
async fn a_batch_of_dear_calls_does_not_hold_the_runtime() {
    let node = Node::start().await;
    let mut other = node.connect().await;
    let batch = format!("[{}]", vec![request("rpc_discover", json!([])); 300].join(","));
    let answering = tokio::spawn(Request::json(batch).send_owned(node.http()));
    crate::support::node::in_progress(&node, 0).await;
    let (mut turns, mut answers) = (0_u32, 0_u32);
    while !answering.is_finished() {
        if node.rpc.stats().calls > 0 {
            answers += 1;
            let answer = other.ask(request("shh_version", json!([]))).await;
            assert!(answer.contains("6.0"));
        }
        turns += 1;
        tokio::task::yield_now().await;
    }
    assert!(answers > 10, "{answers} answers in {turns} turns");
    assert_eq!(answering.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_post_may_not_search_for_longer_than_the_limit() {
    let node = Node::start().await;
    let key = node.result("shh_newSymKey", json!([])).await;
    let message = json!({
        "symKeyID": key, "topic": "0x74657374", "powTarget": 1e18, "powTime": 4_294_967_295_u32,
    });
    let refused = node.call("shh_post", json!([message])).await;
    let text = "powTime is 4294967295 seconds, the limit is 60 seconds";
    assert_eq!(refused["error"]["message"], text);
    node.stop().await;
}
